from __future__ import annotations

import json
import re

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from django_twocheckout import sync
from django_twocheckout.admin import CustomerAdmin
from django_twocheckout.admin.pages.erase import MOST_CUSTOMERS
from django_twocheckout.models import Customer, Erasure, erasure_words

from ..clock import asks_come_due
from ..customers import ADA
from ..shop.models import Order
from .pages import LIST, act, form, said, text

ERASURES = "/admin/twocheckout/erasure/"
LONG_AGO = 1_500_000_000.0


def address(*customers, active=False):
    query = "&".join(f"customer={customer.pk}" for customer in customers)
    return f"{LIST}erase/?{query}{'&with_active=' if active else ''}"


def export_of(customer):
    return reverse("admin:twocheckout_customer_export", args=[customer.pk])


def entries():
    return sorted((entry.object_repr, entry.get_change_message()) for entry in LogEntry.objects.all())


# The file.


def test_download(admin_client, with_cards, twocheckout):
    page = admin_client.get(form(with_cards)).content.decode()
    assert f'href="{export_of(with_cards)}">Download what we have</a>' in page
    response = admin_client.get(export_of(with_cards))
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    assert response["Content-Disposition"] == f'attachment; filename="customer-{with_cards.pk}.json"'
    assert "no-store" in response["Cache-Control"]
    exported = json.loads(response.content)
    assert exported["customer"]["first_name"] == exported["at_2checkout"]["FirstName"] == "Ada"
    assert entries() == [("Ada Lovelace", "Downloaded what is known of it.")]


def test_download__while_2checkout_is_down(admin_client, pushed, twocheckout):
    with twocheckout.outage("503"):
        response = admin_client.get(export_of(pushed))
    assert "Down for maintenance" in json.loads(response.content)["remote_error"]


def test_download__permissions(support, pushed):
    client = support()
    assert client.get(export_of(pushed)).status_code == 403
    assert "Download what we have" not in text(client.get(form(pushed)))
    client = support("pull_customer")
    assert client.get(export_of(pushed)).status_code == 200


def test_download__nobody(admin_client, db):
    assert admin_client.get(f"{LIST}4711/export/").status_code in (302, 404)


# Asking, and erasing.


def test_asked_ticked_erased(admin_client, pushed, twocheckout, sent):
    page = admin_client.get(form(pushed)).content.decode()
    assert f'href="{address(pushed)}">Erase…</a>' in page
    page = act(admin_client, "erase", pushed)
    assert page.redirect_chain == [(address(pushed), 302)]
    assert "<h1>Erase this customer?</h1>" in page.content.decode()
    assert "Ada Lovelace" in text(page)
    assert "Orders and invoices: there is no way to erase them from here." in text(page)
    assert not Erasure.objects.exists()

    page = admin_client.post(address(pushed))
    assert said(page) == ("warning", "Nothing was done: the box was not ticked.")
    assert not Erasure.objects.exists()

    sent.clear()
    done = admin_client.post(address(pushed), {"confirmed": "yes"}, follow=True)
    assert done.redirect_chain == [(ERASURES, 302)]
    assert said(done) == ("success", "1 customer is being erased. The workers do it now.")
    assert {message.task for message in sent} == {"twocheckout.push_pending"}
    assert "Under way" in text(done)
    sync.sweep()
    assert not Customer.objects.exists()
    assert "Erased here and at 2Checkout." in text(admin_client.get(ERASURES))
    assert entries() == [("(erased)", "Asked to erase it, here and at 2Checkout.")]
    assert Erasure.objects.get().user


def test_a_task_that_runs_at_once_leaves_no_name(admin_client, pushed, twocheckout, monkeypatch):
    begin = sync.erase

    def at_once(customer, **options):
        erasure = begin(customer, **options)
        sync.sweep()
        return erasure

    monkeypatch.setattr(sync, "erase", at_once)
    admin_client.post(address(pushed), {"confirmed": "yes"})
    assert [name for name, _words in entries()] == ["(erased)"]


def test_the_form_while_it_is_being_erased(admin_client, pushed, twocheckout):
    sync.erase(pushed)
    page = admin_client.get(form(pushed))
    assert "This customer is being erased, here and at 2Checkout." in text(page)
    for button in ("Push now", "Re-fetch from", "Compare", "Cards…", "Erase…", "Save and push", "Delete"):
        assert button not in text(page), button
    assert 'name="first_name"' not in page.content.decode()
    assert "Download what we have" in text(page)
    assert "Being erased" in text(admin_client.get(LIST))
    with twocheckout.outage("503"):
        asks_come_due()
        sync.sweep()
    page = text(admin_client.get(form(pushed)))
    assert "Down for maintenance" in page
    assert "It is tried again until 2Checkout acknowledges it." in page
    level, words = said(act(admin_client, "push_now", pushed))
    assert (level, "This customer is being erased, so nothing else is done with it." in words) == ("error", True)
    assert admin_client.post(f"{form(pushed)}", {"first_name": "Augusta"}).status_code == 403
    assert Customer.objects.get().first_name == "Ada"


def test_an_emptied_row(admin_client, pushed, twocheckout):
    Order.objects.create(customer=pushed)
    sync.erase(pushed)
    sync.sweep()
    page = text(admin_client.get(form(pushed)))
    assert "This customer was erased. The row stays, emptied" in page
    assert "(erased)" in text(admin_client.get(LIST))


def test_an_active_subscription__is_told_with_the_way_out(admin_client, pushed, twocheckout):
    other = Customer.objects.create(**{**ADA, "first_name": "Charles"})
    twocheckout.add_subscription(pushed.customer_reference, purchased=LONG_AGO)
    done = admin_client.post(address(pushed, other), {"confirmed": "yes"}, follow=True)
    assert done.redirect_chain == [(address(pushed, active=True), 302)]
    begun, refused = done.context["messages"]
    assert str(begun) == "1 customer is being erased. The workers do it now."
    assert "Ada Lovelace: This customer has an active subscription at 2Checkout, so it is not erased." in str(refused)
    assert "A subscription is active." in text(done)
    done = admin_client.post(address(pushed), {"confirmed": "yes", "with_active": "yes"}, follow=True)
    assert said(done)[0] == "success"
    assert Erasure.objects.count() == 2


def test_too_many(admin_client, db):
    rows = [Customer.objects.create(**ADA) for _ in range(MOST_CUSTOMERS + 1)]
    assert said(act(admin_client, "erase", *rows)) == ("warning", "At most 20 customers can be erased at a time.")


def test_no_time_left(admin_client, pushed, twocheckout, monkeypatch):
    other = Customer.objects.create(**{**ADA, "first_name": "Charles"})
    monkeypatch.setattr(CustomerAdmin, "seconds_in_request", -1)
    done = admin_client.post(address(pushed, other), {"confirmed": "yes"}, follow=True)
    assert done.redirect_chain[0][0] in (address(other), address(pushed))
    assert Erasure.objects.count() == 1
    assert "There was no time left for it." in text(done)


@pytest.mark.parametrize("asked", ["", "?customer=", "?customer=x", "?customer=4711&customer=" + "9" * 30])
def test_nobody(admin_client, db, asked):
    done = admin_client.get(f"{LIST}erase/{asked}", follow=True)
    assert (done.redirect_chain, said(done)[0]) == ([(LIST, 302)], "warning")


def test_nothing_is_sent_while_disabled(admin_client, pushed, configure):
    configure(ENABLED=False)
    done = admin_client.post(address(pushed), {"confirmed": "yes"}, follow=True)
    assert said(done) == ("error", "Nothing is sent to 2Checkout, because ENABLED is False in the settings.")
    assert not Erasure.objects.exists()


def test_a_name_is_escaped(admin_client, pushed, twocheckout):
    Customer.objects.filter(pk=pushed.pk).update(first_name="<b>Ada")
    twocheckout.add_subscription(pushed.customer_reference, purchased=LONG_AGO)
    done = admin_client.post(address(pushed), {"confirmed": "yes"}, follow=True)
    assert "<b>Ada" not in done.content.decode()
    assert "&lt;b&gt;Ada" in done.content.decode()


# Who may what.


def test_permissions(support, pushed, twocheckout):
    client = support("change_customer", "push_customer", "pull_customer", "delete_customer")
    assert "Erase…" not in text(client.get(LIST))
    assert "Erase…" not in text(client.get(form(pushed)))
    act(client, "erase", pushed)
    assert client.get(address(pushed)).status_code == 403
    assert client.post(address(pushed), {"confirmed": "yes"}).status_code == 403
    assert client.get(ERASURES).status_code == 403
    assert not Erasure.objects.exists()
    client = support("erase_customer")
    assert "Erase…" in text(client.get(form(pushed)))
    assert client.post(address(pushed), {"confirmed": "yes"}).status_code == 302
    assert client.get(ERASURES).status_code == 200


def test_permissions__of_single_customers(admin_client, pushed, twocheckout, monkeypatch):
    other = Customer.objects.create(**ADA)
    monkeypatch.setattr(CustomerAdmin, "has_erase_permission", lambda admin, request, obj=None: obj != other)
    admin_client.post(address(pushed, other), {"confirmed": "yes"})
    assert [erasure.customer_id for erasure in Erasure.objects.all()] == [pushed.pk]


def test_permissions__of_the_rows_that_a_person_sees(admin_client, pushed, twocheckout, monkeypatch):
    every = CustomerAdmin.get_queryset
    monkeypatch.setattr(CustomerAdmin, "get_queryset", lambda admin, request: every(admin, request).none())
    admin_client.post(address(pushed), {"confirmed": "yes"})
    assert not Erasure.objects.exists()


def test_the_list_for_those_who_may_only_look(permitted, pushed, twocheckout):
    sync.erase(pushed)
    client = permitted("view_erasure")
    assert client.get(ERASURES).status_code == 200
    assert client.get(f"{ERASURES}{Erasure.objects.get().pk}/change/").status_code == 200


# The list.


def test_the_list_is_found_by_a_reference__and_shows_none(admin_client, pushed, twocheckout, settings):
    references = pushed.customer_reference, pushed.external_customer_reference
    sync.erase(pushed)
    sync.sweep()
    for reference in references:
        assert "1 erasure" in text(admin_client.get(ERASURES, {"q": reference}))
    assert "0 erasures" in text(admin_client.get(ERASURES, {"q": "601952499"}))
    page = admin_client.get(f"{ERASURES}{Erasure.objects.get().pk}/change/")
    assert "does not bring this customer back" in text(page)
    assert not any(reference in page.content.decode() for reference in references)
    assert not re.search("[0-9a-f]{64}", re.sub(r'csrf\w*" value="\w+"', "", page.content.decode()))
    assert "Save" not in text(page)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"
    admin_client.force_login(pytest.importorskip("django.contrib.auth.models").User.objects.get())
    assert "1 erasure" in text(admin_client.get(ERASURES, {"q": references[0]}))
    settings.SECRET_KEY_FALLBACKS = []
    page = text(admin_client.get(f"{ERASURES}{Erasure.objects.get().pk}/change/"))
    assert "Add it to SECRET_KEY_FALLBACKS" in page


@pytest.mark.parametrize("state", ["under_way", "erased", "kept", "refused"])
def test_each_state_has_words(admin_client, db, state):
    Erasure.objects.create(customer_id=4711, state=state, words="In words.")
    page = text(admin_client.get(ERASURES))
    assert str(Erasure.objects.get().get_state_display()) in page
    assert "In words." in page
    assert "Row 4711" in page
    admin_client.get(f"{ERASURES}{Erasure.objects.get().pk}/change/")


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        (f"{erasure_words.ERASED_HERE} {erasure_words.NOT_THERE}", "Hier gelöscht. 2Checkout hat diesen Kunden nicht."),
        (f"Not done yet (X1). {erasure_words.TRIED_AGAIN}", "Not done yet (X1). Es wird so lange versucht"),
    ],
)
def test_the_words_are_in_the_readers_language(admin_client, db, settings, stored, shown):
    erasure = Erasure.objects.create(customer_id=4711, state="erased", words=stored)
    settings.LANGUAGE_CODE = "de"
    for page in (ERASURES, f"{ERASURES}{erasure.pk}/change/"):
        assert shown in text(admin_client.get(page))


def test_nothing_can_be_changed(admin_client, pushed, twocheckout):
    sync.erase(pushed)
    one = f"{ERASURES}{Erasure.objects.get().pk}/"
    assert admin_client.get(f"{ERASURES}add/").status_code == 403
    assert admin_client.post(f"{one}change/", {"words": "x"}).status_code == 403
    assert admin_client.post(f"{one}delete/", {"post": "yes"}).status_code == 403
