from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
import time_machine
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from django_twocheckout import sync
from django_twocheckout.models import Customer

from ..customers import GRACE
from ..vendor_log import methods
from .pages import ADD, form

HOPPER = {**GRACE, "ExternalCustomerReference": "grace@example.org", "FirstName": "Grace <b>"}


BUTTON = "Link to a new row"


@pytest.fixture
def grace(twocheckout, db):
    """2Checkout's reference of a customer that has no row here."""
    reference = twocheckout.add_customer(**HOPPER)
    twocheckout.add_card(reference)
    return reference


def look_up(client, reference):
    return client.post(ADD, {"reference": reference})


def markup(response):
    return re.sub(r"\s+", " ", unescape(response.content.decode()))


def sealed(response):
    return re.search(r'name="found" value="([^"]+)"', response.content.decode())[1]


def link(client, response):
    return client.post(ADD, {"found": sealed(response)})


def row_of(reference):
    return Customer.objects.get(customer_reference=reference)


def messages_of(response):
    """The messages, each with its level, that wait for the next page."""
    return [(message.level_tag, str(message)) for message in get_messages(response.wsgi_request)]


def test_asks(admin_client, twocheckout):
    assert reverse("admin:twocheckout_customer_add_remote") == ADD
    page = admin_client.get(ADD)
    content = page.content.decode()
    assert '<label for="id_reference"' in content
    assert 'href="/static/twocheckout/add.css"' in content
    assert BUTTON not in content
    assert twocheckout.requests == []


@pytest.mark.parametrize(
    ("typed", "which"),
    [("601952421", "2Checkout's own reference"), (" grace@example.org ", "external reference of this customer")],
)
def test_shows_who_it_is(admin_client, grace, typed, which):
    page = look_up(admin_client, typed)
    assert which in markup(page)
    rows = re.findall(r'<th scope="row">(.*?)</th>\s*<td>(.*?)</td>', page.content.decode(), re.DOTALL)
    shown = dict(rows)
    assert shown["2Checkout&#x27;s reference"] == grace
    assert shown["First name"] == "Grace &lt;b&gt;"
    assert shown["Country"] == "United States (US)"
    assert shown["Company"] == "-"
    assert (shown["Enabled"], shown["Trial"]) == ("yes", "no")
    assert shown["Cards"] == "Visa •••• 1111 12/2029"
    assert shown["Credit"] == "4.50 of 10.00 EUR"
    assert BUTTON in markup(page)
    assert "pending" not in markup(page)
    assert not Customer.objects.exists()


def test_links_to_a_new_row(admin_client, admin_user, grace, twocheckout):
    response = link(admin_client, look_up(admin_client, "grace@example.org"))
    customer = row_of(grace)
    assert response.url == form(customer)
    assert messages_of(response) == [("success", "“Grace <b> Hopper” was added from 2Checkout.")]
    assert customer.sync_state == "synced"
    [entry] = LogEntry.objects.all()
    assert (entry.action_flag, entry.object_id, entry.user) == (ADDITION, str(customer.pk), admin_user)
    line = customer.attempts.get()
    assert (line.verb, line.source, line.user) == ("pull", "user", str(admin_user.pk))
    assert set(methods(twocheckout)) == {"GET"}


def test_says_before_that_2checkout_is_told_no_reference_of_ours(admin_client, twocheckout):
    reference = twocheckout.add_customer(**{**HOPPER, "ExternalCustomerReference": None})
    page = look_up(admin_client, reference)
    assert "The new row has none either, and 2Checkout is told none." in markup(page)
    response = link(admin_client, page)
    customer = row_of(reference)
    assert (customer.sync_state, customer.external_customer_reference) == ("synced", None)
    assert [level for level, _words in messages_of(response)] == ["success"]
    assert admin_client.get(f"/admin/twocheckout/customer/{customer.pk}/change/").status_code == 200


@pytest.mark.parametrize(
    ("reference", "words"),
    [("nobody@example.org", "2Checkout has no customer under this reference."), ("..", "must not be blank")],
)
def test_no_customer_is_found(admin_client, grace, reference, words):
    page = look_up(admin_client, reference)
    assert words in markup(page)
    assert f'value="{reference}"' in page.content.decode()
    assert BUTTON not in markup(page)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("reset", "No answer came from 2Checkout."),
        ("503", "Down for maintenance"),
        ("401", "Authentication needed"),
        ("not-json", "not what it documents"),
    ],
)
@pytest.mark.parametrize("step", ["look up", "link"])
def test_2checkout_does_not_help(admin_client, grace, twocheckout, fault, words, step):
    page = look_up(admin_client, "grace@example.org")
    twocheckout.fail(fault)
    page = look_up(admin_client, "grace@example.org") if step == "look up" else link(admin_client, page)
    assert page.status_code == 200
    assert words in markup(page)
    assert 'value="grace@example.org"' in page.content.decode()
    assert "This field is required" not in markup(page)
    assert BUTTON not in markup(page)
    assert not Customer.objects.exists()


def test_a_blank_reference_asks_nothing(admin_client, twocheckout):
    assert "This field is required." in markup(look_up(admin_client, "  "))
    assert twocheckout.requests == []


def test_there_is_a_row_already(admin_client, grace):
    row = sync.add(grace)
    page = look_up(admin_client, "grace@example.org")
    assert "This customer has a row here already:" in markup(page)
    assert f'href="{form(row)}"' in page.content.decode()
    assert BUTTON not in markup(page)


def test_a_second_click_leads_to_the_same_row(admin_client, grace):
    page = look_up(admin_client, grace)
    link(admin_client, page)
    response = link(admin_client, page)
    assert messages_of(response)[-1] == ("warning", "There is a row for this customer already; no other was added.")
    assert response.url == form(row_of(grace))
    assert LogEntry.objects.count() == 1


def test_only_what_was_shown_is_added(admin_client, grace, twocheckout):
    """Digits may be one customer's own reference and another one's external reference."""
    page = look_up(admin_client, grace)
    twocheckout.add_customer(**{**HOPPER, "ExternalCustomerReference": grace})
    twocheckout.behaviour.set(ambiguous_reference="external")
    assert "another customer" in markup(link(admin_client, page))
    assert not Customer.objects.exists()


def test_what_was_shown_is_good_for_an_hour(admin_client, grace):
    page = look_up(admin_client, "grace@example.org")
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        late = link(admin_client, page)
    assert "more than an hour old" in markup(late)
    assert 'value="grace@example.org"' in late.content.decode()
    assert not Customer.objects.exists()
    with time_machine.travel(timezone.now() + timedelta(minutes=59)):
        link(admin_client, page)
    assert row_of(grace)


def test_a_forged_choice_asks_nothing(admin_client, grace, twocheckout):
    forged = admin_client.post(ADD, {"found": "eyJyZWZlcmVuY2UiOiI2MDE5NTI0MjEifQ:1u:x"})
    assert "Please look once more." in markup(forged)
    assert twocheckout.requests == []
    assert not Customer.objects.exists()


@pytest.mark.parametrize("codenames", [["add_customer"], ["pull_customer"], ["view_customer", "change_customer"]])
def test_needs_both_permissions(permitted, admin_client, grace, codenames, twocheckout):
    page = look_up(admin_client, grace)
    twocheckout.requests.clear()
    client = permitted(*codenames)
    for response in (client.get(ADD), look_up(client, grace), link(client, page)):
        assert response.status_code == 403
    assert twocheckout.requests == []


def test_both_permissions_are_enough(permitted, grace):
    client = permitted("add_customer", "pull_customer")
    response = link(client, look_up(client, grace))
    assert response.url == reverse("admin:index")
    assert row_of(grace)
    page = look_up(client, grace)
    assert "This customer has a row here already, which you may not see." in markup(page)
    assert "What 2Checkout has" not in markup(page)
    assert form(row_of(grace)) not in page.content.decode()


def test_only_by_post_with_a_token(admin_user, grace, twocheckout):
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    assert look_up(client, grace).status_code == 403
    assert client.get(ADD, {"reference": grace}).status_code == 200
    assert twocheckout.requests == []


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_where_the_project_wants_one_per_request(admin_client, twocheckout, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    reference = twocheckout.add_customer(**HOPPER)
    assert link(admin_client, look_up(admin_client, reference)).status_code == 302
    assert row_of(reference)
