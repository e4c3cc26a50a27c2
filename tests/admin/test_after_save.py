"""After a save, a person learns what 2Checkout said."""

from __future__ import annotations

import re

import pytest

from django_twocheckout import sync
from django_twocheckout.admin import waiting
from django_twocheckout.models import Account, Customer
from django_twocheckout.testing import Fault

from ..customers import claim_of
from .pages import LIST, form, said, text, values

WAITS = "This page looks again by itself until 2Checkout has answered."


def save(client, customer, button, **changes):
    page = client.get(form(customer))
    data = values(page.context["adminform"].form, **changes)
    return client.post(form(customer), {**data, button: "yes"}, follow=True)


def next_look(page):
    found = re.search(r'<meta http-equiv="refresh" content="2;url=([^"]+)">', page.content.decode())
    return found and found[1]


def test_save_and_continue__looks_again_until_2checkout_has_answered(admin_client, pushed):
    page = save(admin_client, pushed, "_continue", city="Paris")
    assert WAITS in text(page)
    assert "<form" not in page.content.decode().partition('id="tco-state_summary"')[2].partition("</main>")[0]
    page = admin_client.get(next_look(page))
    assert next_look(page)
    sync.sweep()
    page = admin_client.get(next_look(page))
    assert next_look(page) is None
    assert "2Checkout has what you see here." in text(page)
    assert 'name="_push"' in page.content.decode()


def test_save_and_continue__ends_by_itself(admin_client, pushed):
    page, looks = save(admin_client, pushed, "_continue", city="Paris"), 0
    while address := next_look(page):
        page, looks = admin_client.get(address), looks + 1
    assert looks == waiting.MOST_LOOKS
    assert WAITS not in text(page)
    assert "As soon as a worker is free." in text(page)


@pytest.mark.parametrize("look", ["x", "-1", "99", "²", "9" * 5000])
def test_a_made_up_look_does_not_wait(admin_client, ada, look):
    assert next_look(admin_client.get(form(ada), {"look": look})) is None


@pytest.mark.parametrize("setting", ["ENABLED", "PUSH_ON_SAVE"])
def test_save_and_continue__waits_for_nothing_that_does_not_come(admin_client, pushed, configure, setting):
    configure(**{setting: False})
    page = save(admin_client, pushed, "_continue", city="Paris")
    assert page.context["adminform"]
    assert WAITS not in text(page)


def test_save_and_push__says_what_2checkout_said(admin_client, pushed, twocheckout):
    page = save(admin_client, pushed, "_push", city="Paris")
    assert [str(message) for message in page.context["messages"]][-1] == "Pushed to 2Checkout."
    assert twocheckout.customers[0]["City"] == "Paris"
    twocheckout.fail(Fault(400, '{"error_code": "SIM_REFUSED", "message": "No."}'), method="PUT")
    page = save(admin_client, pushed, "_push", city="Rome")
    assert "Not done: No." in text(page)
    assert "✗ Failed" in text(page)


def test_save_and_push__a_new_customer(admin_client, twocheckout, ada):
    page = admin_client.get(f"{LIST}add/")
    assert 'name="_push"' in page.content.decode()
    Account.objects.note_sweep("default", "default")
    filled = admin_client.get(form(ada)).context["adminform"].form
    data = values(filled, first_name="New", external_customer_reference="")
    page = admin_client.post(f"{LIST}add/", {**data, "_push": "yes"}, follow=True)
    assert "Pushed to 2Checkout." in text(page)
    assert Customer.objects.get(first_name="New").sync_state == "synced"


def test_save_and_push__while_a_worker_is_at_it(admin_client, pushed, monkeypatch):
    claim_of(pushed)
    page = save(admin_client, pushed, "_push", city="Paris")
    assert "Not done" not in text(page)
    assert WAITS in text(page)


def test_save_and_push__by_who_may_not_push(support, pushed, twocheckout):
    client = support("change_customer")
    assert 'name="_push"' not in client.get(form(pushed)).content.decode()
    page = save(client, pushed, "_push", city="Paris")
    assert said(page)[0] == "success"
    assert Customer.objects.get().city == "Paris"
    assert twocheckout.requests == []
