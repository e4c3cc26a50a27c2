from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone
from requests.adapters import HTTPAdapter

from django_twocheckout import sync
from django_twocheckout.models import Customer

from ..customers import ADA
from .pages import CARDS, LIST, act, form, read, said, values

# The form.


def test_form__shows_what_2checkout_owns_and_edits_what_is_ours(admin_client, pushed):
    Customer.objects.update_unmarked(
        existing_cards=[{"type": "Visa", "last_digits": "1111", "expiry": "12/2029"}, {}],
        credit_limit=5,
        credit_remaining=2,
        credit_currency="EUR",
    )
    page = admin_client.get(form(pushed)).content.decode()
    assert "Visa •••• 1111 12/2029" in page
    assert re.search(r"2(\.00)? of 5(\.00)? EUR", page)
    assert 'name="city"' in page
    for name in ("customer_reference", "enabled", "trial", "sync_state", "existing_cards", "acknowledged", "lease"):
        assert f'name="{name}"' not in page


@pytest.mark.parametrize("hidden", ["\u200b", "\u200f", "\u202c", "\ufeff", "\u00ad"])
def test_form__invisible_characters_of_a_copied_address(admin_client, pushed, hidden):
    page = admin_client.get(form(pushed))

    def posted(email):
        return admin_client.post(form(pushed), values(page.context["adminform"].form, email=email))

    refused = posted(f"eva@exa{hidden}mple.org")
    assert f"invisible character (U+{ord(hidden):04X})" in refused.content.decode()
    assert posted(f"{hidden} eva@example.org{hidden}").status_code == 302
    assert Customer.objects.get().email == "eva@example.org"


def test_form__what_was_pulled_meanwhile_is_not_put_back(admin_client, pushed, twocheckout):
    page = admin_client.get(form(pushed))
    assert 'name="initial-city" value="London"' in page.content.decode()
    twocheckout.edit(pushed.customer_reference, City="Rome")
    sync.pull(Customer.objects.get())
    admin_client.post(form(pushed), values(page.context["adminform"].form, phone="555", address2=""))
    row = Customer.objects.get()
    assert (row.city, row.phone) == ("Rome", "555")
    sync.push(row)
    assert (twocheckout.customers[0]["City"], twocheckout.customers[0]["Phone"]) == ("Rome", "555")


def test_form__emptied(admin_client, pushed):
    Customer.objects.update(phone="555")
    page = admin_client.get(form(pushed))
    admin_client.post(form(pushed), values(page.context["adminform"].form, phone=""))
    assert Customer.objects.get().phone == ""


def test_form__posted_by_a_program_without_the_hidden_ones(admin_client, pushed):
    page = admin_client.get(form(pushed))
    data = values(page.context["adminform"].form, city="Paris")
    admin_client.post(form(pushed), {name: data[name] for name in data if not name.startswith("initial-")})
    assert Customer.objects.get().city == "Paris"


def test_form__saving_pushes(admin_client, pushed, sent, django_capture_on_commit_callbacks):
    page = admin_client.get(form(pushed))
    with django_capture_on_commit_callbacks(execute=True):
        admin_client.post(form(pushed), values(page.context["adminform"].form, city="Paris", country_code="fr"))
    pushed.refresh_from_db()
    assert (pushed.city, pushed.country_code, pushed.sync_state) == ("Paris", "FR", "pending")
    assert [message.args for message in sent] == [(pushed.pk,)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"zip": ""}, "This field is required."),
        ({"country_code": "XX"}, "Select a valid choice. XX is not one of the available choices."),
        ({"external_customer_reference": "42"}, "could be mistaken for one of 2Checkout's own"),
        ({"fiscal_code": "RO1"}, "2Checkout needs the company's name"),
    ],
)
def test_form__bad_input(admin_client, pushed, change, words):
    page = admin_client.get(form(pushed))
    again = admin_client.post(form(pushed), values(page.context["adminform"].form, **change))
    assert words in unescape(again.content.decode())
    pushed.refresh_from_db()
    assert pushed.sync_state == "synced"


def test_form__adding(admin_client, db):
    page = admin_client.get(f"{LIST}add/")
    admin_client.post(f"{LIST}add/", values(page.context["adminform"].form, **ADA))
    assert Customer.objects.get().sync_state == "pending"


def panel(client, customer):
    """What the panel above the form says, and its buttons."""
    page = client.get(form(customer)).content.decode()
    [section] = re.findall(r'<section class="tco-panel.*?</section>', page, re.DOTALL)
    words = " ".join(unescape(re.sub(r"<form.*?</form>|<a .*?</a>|<[^>]+>", " ", section, flags=re.DOTALL)).split())
    buttons = re.findall(r">([^<]+)</(?:button|a)>", section)
    return words, buttons


def test_panel__pending(admin_client, ada):
    words, buttons = panel(admin_client, ada)
    assert words.startswith("◷ Pending 2Checkout does not have this customer yet. For less than a minute.")
    assert words.endswith("As soon as a worker is free.")
    always = ["Push now", "Re-fetch from 2Checkout", "Compare with 2Checkout"]
    assert buttons == [*always, "Download what we have", "Erase…"]
    Customer.objects.update_unmarked(
        failed_attempts=3, next_attempt_at=timezone.now() + timedelta(minutes=10, seconds=5), sync_error="No answer."
    )
    words, _buttons = panel(admin_client, ada)
    assert "No answer." in words
    assert "Tried 3 of 14 times; the next try is in 10 minutes." in words
    Customer.objects.update_unmarked(lease_expires_at=timezone.now() + timedelta(minutes=1))
    assert "A worker is talking to 2Checkout about it right now." in panel(admin_client, ada)[0]


def test_panel__synced(admin_client, pushed):
    words, buttons = panel(admin_client, pushed)
    assert words == "✓ Synced 2Checkout has what you see here. Pushed less than a minute ago."
    always = ["Push now", "Re-fetch from 2Checkout", "Compare with 2Checkout"]
    assert buttons == [*always, "Cards…", "Open at 2Checkout", "Download what we have", "Erase…"]
    pushed.city = "Paris"
    pushed.save()
    assert "2Checkout does not have the last change yet." in panel(admin_client, pushed)[0]


def test_panel__failed(admin_client, ada, twocheckout):
    Customer.objects.update(company="Engines", fiscal_code="INVALID")
    sync.push(ada)
    words, buttons = panel(admin_client, ada)
    assert "The fiscal code is not a valid VAT ID (SIM_INVALID_FISCAL_CODE)" in words
    assert "Correct Fiscal code and save. Saving pushes." in words
    assert buttons[0] == "Try again now"


def test_panel__conflict(admin_client, pushed, twocheckout):
    twocheckout.edit(pushed.customer_reference, City="Rome")
    Customer.objects.update(city="Paris")
    sync.push(pushed)
    assert "these had changed on both sides: City. Ours won: City." in panel(admin_client, pushed)[0]


def test_panel__paused(admin_client, ada, twocheckout):
    twocheckout.fail("401")
    sync.push_pending()
    words, _buttons = panel(admin_client, ada)
    assert "2Checkout is not asked for anything now: 2Checkout refused our credentials" in words
    assert "When the account is no longer paused." in words
    assert "Resume now" in admin_client.get(form(ada)).content.decode()


def test_panel__without_permissions(support, ada):
    assert panel(support(), ada)[1] == ["Compare with 2Checkout"]


# The history.


def test_history(admin_client, ada, twocheckout):
    twocheckout.fail("503")
    sync.push(ada)
    admin_client.post(f"{LIST}{ada.pk}/push/")
    page = unescape(admin_client.get(f"{LIST}{ada.pk}/history/").content.decode())
    rows = re.findall(r"<tr>\s*<td.*?</tr>", page, re.DOTALL)
    lines = [read(row) for row in rows]
    assert "Push (created) Done HTTP 200 Sent: Our reference, First name, Last name, Address, City, Postal" in lines[0]
    assert re.search(r" \d\.\d\d s admin$", lines[0])
    assert "Will be tried again SIM_MAINTENANCE HTTP 503" in lines[1]
    assert lines[1].endswith("The project's code")
    assert "Pushed to 2Checkout." in page  # Django's own log


def test_history__the_words_of_the_refusal(admin_client, pushed, twocheckout):
    for city, fiscal_code in (("Paris", "INVALID"), ("Rome", "INVALID")):
        Customer.objects.update(city=city, company="Engines", fiscal_code=fiscal_code)
        sync.push(pushed)
    words = read(admin_client.get(f"{LIST}{pushed.pk}/history/").content.decode())
    # The row has the words of the last one; the history itself keeps the codes alone.
    assert words.count("Failed The fiscal code is not a valid VAT ID SIM_INVALID_FISCAL_CODE HTTP 400") == 1
    assert words.count("Failed SIM_INVALID_FISCAL_CODE HTTP 400") == 1
    assert "(SIM_INVALID" not in words
    Customer.objects.update(fiscal_code="")
    sync.push(pushed)
    assert "not a valid VAT ID" not in read(admin_client.get(f"{LIST}{pushed.pk}/history/").content.decode())


def test_history__nothing_yet(admin_client, ada):
    page = admin_client.get(f"{LIST}{ada.pk}/history/").content.decode()
    assert "2Checkout has not been talked to about this customer" in page


# Pushing and re-fetching.


def test_push__from_the_list(admin_client, ada, twocheckout):
    second = Customer.objects.create(**{**ADA, "company": "Engines", "fiscal_code": "INVALID"})
    response = act(admin_client, "push_now", ada, second)
    assert said(response) == (
        "warning",
        "1 customer done. 1 customer not done:<ul>"
        f'<li><a href="{form(second)}">Ada Lovelace</a>: '
        "The fiscal code is not a valid VAT ID (SIM_INVALID_FISCAL_CODE)</li></ul>",
    )
    ada.refresh_from_db()
    assert ada.sync_state == "synced"
    logged = {entry.object_id: entry.get_change_message() for entry in LogEntry.objects.all()}
    assert logged == {str(ada.pk): "Pushed to 2Checkout.", str(second.pk): "Asked to push; it did not work."}


def test_push__several(admin_client, ada, twocheckout):
    second = Customer.objects.create(**ADA)
    assert said(act(admin_client, "push_now", ada, second)) == ("success", "2 customers done.")


def test_push__button(admin_client, ada, twocheckout):
    page = admin_client.get(form(ada)).content.decode()
    [address] = re.findall(r'action="([^"]+/push/)"', page)
    response = admin_client.post(address, follow=True)
    assert response.redirect_chain == [(form(ada), 302)]
    assert said(response) == ("success", "Pushed to 2Checkout.")


def test_push__button_and_trouble(admin_client, ada, twocheckout):
    with twocheckout.outage():
        response = admin_client.post(f"{LIST}{ada.pk}/push/", follow=True)
    assert said(response) == ("error", "Not done: Down for maintenance (SIM_MAINTENANCE)")


def test_push__while_it_is_being_pushed(admin_client, ada, twocheckout):
    Customer.objects.update_unmarked(lease_expires_at=timezone.now() + timedelta(minutes=1))
    response = admin_client.post(f"{LIST}{ada.pk}/push/", follow=True)
    assert said(response) == ("error", "Not done: It is being pushed right now.")


def test_push__revives_a_failed_row(admin_client, ada, twocheckout):
    Customer.objects.update_unmarked(sync_state="failed", sync_error="No.", failed_attempts=12)
    admin_client.post(f"{LIST}{ada.pk}/push/")
    ada.refresh_from_db()
    assert (ada.sync_state, ada.sync_error) == ("synced", "")


def test_refetch(admin_client, pushed, twocheckout):
    twocheckout.edit(pushed.customer_reference, Phone="555")
    assert said(act(admin_client, "refetch", pushed)) == ("success", "Re-fetched from 2Checkout.")
    pushed.refresh_from_db()
    assert pushed.phone == "555"
    page = admin_client.get(form(pushed)).content.decode()
    [address] = re.findall(r'action="([^"]+/refetch/)"', page)
    twocheckout.forget(pushed.customer_reference)
    assert said(admin_client.post(address, follow=True)) == (
        "error",
        "Not done: There is no such customer (SIM_UNKNOWN_CUSTOMER)",
    )


@pytest.mark.parametrize("button", ["push", "refetch"])
def test_buttons__are_no_links(admin_client, ada, twocheckout, button):
    """Who had to log in when pressing one comes back with a GET."""
    response = admin_client.get(f"{LIST}{ada.pk}/{button}/")
    assert (response.status_code, response["Location"], twocheckout.requests) == (302, form(ada), [])
    assert admin_client.post(f"{LIST}4711/{button}/").status_code == 404


# Who may do what.


@pytest.mark.parametrize(
    ("permission", "action", "label", "button"),
    [
        ("push_customer", "push_now", "Push now", "push"),
        ("pull_customer", "refetch", "Re-fetch from 2Checkout", "refetch"),
    ],
)
def test_permissions(support, pushed, twocheckout, permission, action, label, button):
    client = support()
    assert label not in client.get(LIST).content.decode()
    assert label not in client.get(form(pushed)).content.decode()
    act(client, action, pushed)
    assert client.post(f"{LIST}{pushed.pk}/{button}/").status_code == 403
    assert twocheckout.requests == []

    client = support(permission)
    assert label in client.get(LIST).content.decode()
    assert label in client.get(form(pushed)).content.decode()
    act(client, action, pushed)
    assert client.post(f"{LIST}{pushed.pk}/{button}/").status_code == 302


def test_permissions__without_login(client, pushed):
    for address in (f"{LIST}{pushed.pk}/push/", f"{LIST}{pushed.pk}/refetch/", CARDS):
        assert client.post(address).status_code == 302  # to the login


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_2checkout_is_asked(admin_client, twocheckout, monkeypatch):
    from django.db import connection

    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    ada = Customer.objects.create(**ADA)
    seen = []
    send = HTTPAdapter.send

    def spy(adapter, *args, **options):
        seen.append(connection.in_atomic_block)
        return send(adapter, *args, **options)

    monkeypatch.setattr(HTTPAdapter, "send", spy)
    admin_client.post(f"{LIST}{ada.pk}/push/")
    act(admin_client, "refetch", ada)
    admin_client.get(f"{CARDS}?customer={ada.pk}")
    assert len(seen) >= 3
    assert not any(seen)
