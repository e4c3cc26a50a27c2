from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from django_twocheckout import sync
from django_twocheckout.admin.display.conflicts import last_conflicts
from django_twocheckout.client import TwoCheckoutClient
from django_twocheckout.exceptions import CustomerBusy
from django_twocheckout.flows import compare
from django_twocheckout.models import Attempt, Customer

from ..vendor_log import methods
from .pages import LIST, form, read, said, text

NONE = "\N{EN DASH}"


@pytest.fixture
def apart(pushed, twocheckout):
    """Changed here: the phone. There: the fax. On both sides: the city."""
    twocheckout.edit(pushed.customer_reference, Fax="999", City="Rome")
    Customer.objects.update(phone="555", city="Paris")
    pushed.refresh_from_db()
    return pushed


def address(customer):
    return f"{LIST}{customer.pk}/differences/"


def table(page):
    """The table's rows, as texts, without what can be chosen."""
    [shown] = re.findall(r'<table class="tco-compare tco-stack">.*?</table>', page.content.decode(), re.DOTALL)
    shown = re.sub(r"<fieldset.*?</fieldset>", "", shown, flags=re.DOTALL)
    rows = re.findall(r"<tr.*?</tr>", shown, re.DOTALL)[1:]
    texts = [[read(cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)] for row in rows]
    return {name: rest for name, *rest in texts}


def seen(page):
    [value] = re.findall(r'name="seen" value="([^"]+)"', page.content.decode())
    return unescape(value)


def choose(client, customer, page=None, **choices):
    page = page or client.get(address(customer))
    data = {"seen": seen(page), **{f"field-{name}": winner for name, winner in choices.items()}}
    return client.post(address(customer), data, follow=True)


def test_what_differs_stands_side_by_side(admin_client, apart):
    page = admin_client.get(address(apart))
    assert table(page) == {
        "City": ["Paris", "London", "Rome", "⚡ changed on both sides", ""],
        "Phone": ["555", NONE, NONE, "→ changed here", ""],
        "Fax": [NONE, NONE, "999", "← changed at 2Checkout", ""],
    }
    assert "3 fields differ." in page.content.decode()
    assert "Show 12 more fields, which are the same" in page.content.decode()
    assert table(admin_client.get(address(apart), {"all": 1}))["E-mail"][0] == apart.email


def test_nothing_differs(admin_client, pushed):
    page = admin_client.get(address(pushed))
    assert "Both sides have the same." in page.content.decode()
    assert 'type="radio"' not in page.content.decode()
    assert len(table(page)) == 15


def test_looking_changes_nothing(admin_client, apart, twocheckout):
    before = Customer.objects.values().get()
    admin_client.get(address(apart))
    assert Customer.objects.values().get() == before
    assert set(methods(twocheckout)) == {"GET"}


@pytest.mark.parametrize("conflict", ["local", "remote"])
def test_take_theirs_and_send_ours(admin_client, apart, twocheckout, configure, conflict):
    configure(CONFLICT=conflict)
    message = said(choose(admin_client, apart, City="remote", Phone="local"))
    assert message == ("success", "2 fields taken over. 1 field sent.")
    apart.refresh_from_db()
    theirs = twocheckout.customers[0]
    assert (apart.city, apart.phone, apart.fax, apart.sync_state) == ("Rome", "555", "999", "synced")
    assert (theirs["City"], theirs["Phone"], theirs["Fax"]) == ("Rome", "555", "999")
    assert [entry.get_change_message() for entry in LogEntry.objects.order_by("pk")] == [
        "Took over from 2Checkout: City and Fax.",
        "Chose to send to 2Checkout: Phone.",
    ]


@pytest.mark.parametrize("conflict", ["local", "remote"])
@pytest.mark.parametrize("read", [True, False])
def test_send_ours__also_what_changed_only_there(admin_client, apart, twocheckout, configure, conflict, read):
    configure(CONFLICT=conflict, READ_BEFORE_WRITE=read)
    assert said(choose(admin_client, apart, City="local", Fax="local")) == ("success", "3 fields sent.")
    apart.refresh_from_db()
    theirs = twocheckout.customers[0]
    assert (apart.city, apart.fax) == (theirs["City"], theirs["Fax"] or "") == ("Paris", "")
    assert apart.sync_state == "synced"


def test_take_theirs__also_what_changed_only_here(admin_client, apart, twocheckout):
    choose(admin_client, apart, City="remote", Phone="remote")
    apart.refresh_from_db()
    assert (apart.city, apart.phone, apart.sync_state) == ("Rome", "", "synced")
    assert methods(twocheckout) == ["GET", "GET", "GET"]


def test_send_ours__wakes_a_synced_row(admin_client, pushed, twocheckout):
    twocheckout.edit(pushed.customer_reference, City="Rome")
    assert said(choose(admin_client, pushed, City="local")) == ("success", "1 field sent.")
    assert twocheckout.customers[0]["City"] == "London"


def test_send_ours__and_2checkout_fails(admin_client, apart, twocheckout):
    page = admin_client.get(address(apart))
    twocheckout.fail("503", method="PUT")
    level, words = said(choose(admin_client, apart, page, City="local"))
    assert (level, words) == ("warning", "1 field taken over. Not sent yet: Down for maintenance (SIM_MAINTENANCE)")
    apart.refresh_from_db()
    assert apart.sync_state == "pending"
    twocheckout.heal()
    sync.push(apart)
    assert twocheckout.customers[0]["City"] == "Paris"


@pytest.mark.parametrize("winner", ["local", "remote"])
def test_changed_there_meanwhile__not_done_as_chosen(admin_client, apart, twocheckout, winner):
    page = admin_client.get(address(apart))
    twocheckout.edit(apart.customer_reference, Fax="1000")
    level, words = said(choose(admin_client, apart, page, Fax=winner))
    assert (level, words) == (
        "warning",
        "1 field taken over. Changed since you looked, so not done as chosen: Fax. Look again.",
    )


def test_changed_here_meanwhile__not_done_as_chosen(admin_client, apart, twocheckout):
    page = admin_client.get(address(apart))
    Customer.objects.update(city="Lyon")
    level, words = said(choose(admin_client, apart, page, City="remote"))
    assert (level, words) == (
        "warning",
        "1 field taken over. Changed since you looked, so not done as chosen: City. Look again.",
    )
    apart.refresh_from_db()
    assert apart.city == "Lyon"


def test_saved_in_the_very_moment__the_save_wins(admin_client, apart, twocheckout, monkeypatch):
    page = admin_client.get(address(apart))
    retrieve = TwoCheckoutClient.retrieve_customer

    def saved_meanwhile(client, *args, **options):
        Customer.objects.update(city="Lyon")
        return retrieve(client, *args, **options)

    monkeypatch.setattr(TwoCheckoutClient, "retrieve_customer", saved_meanwhile)
    level, words = said(choose(admin_client, apart, page, City="remote"))
    assert (level, words) == ("warning", "Changed since you looked, so not done as chosen: City. Look again.")
    apart.refresh_from_db()
    assert (apart.city, apart.sync_state) == ("Lyon", "pending")


def test_nothing_chosen(admin_client, apart):
    assert said(choose(admin_client, apart))[0] == "info"


def test_forged_old_or_anothers(admin_client, apart, twocheckout):
    page = admin_client.get(address(apart))
    other = Customer.objects.create(first_name="Other")
    value = seen(page)
    for customer, forged in ((apart, value[:-2] + "xx"), (apart, ""), (other, value)):
        response = admin_client.post(address(customer), {"seen": forged, "field-City": "remote"}, follow=True)
        assert said(response)[0] == "warning"
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert "too old" in said(choose(admin_client, apart, page, City="remote"))[1]
    apart.refresh_from_db()
    assert apart.city == "Paris"


def test_busy(admin_client, apart):
    page = admin_client.get(address(apart))
    Customer.objects.update_unmarked(lease="x", lease_expires_at=timezone.now() + timedelta(minutes=1))
    level, words = said(choose(admin_client, apart, page, City="remote"))
    assert (level, "right now" in words) == ("error", True)


def test_2checkout_is_down(admin_client, apart, twocheckout):
    with twocheckout.outage():
        page = admin_client.get(address(apart))
    assert "2Checkout's values could not be fetched: Down for maintenance" in unescape(page.content.decode())
    assert table(page)["City"] == ["Paris", "London", "→ changed here"]
    assert 'type="radio"' not in page.content.decode()


def test_a_country_is_shown_by_its_name(admin_client, pushed, twocheckout):
    twocheckout.edit(pushed.customer_reference, CountryCode="de")
    assert table(admin_client.get(address(pushed)))["Country"][:3] == [
        "United Kingdom (GB)", "United Kingdom (GB)", "Germany (DE)",
    ]  # fmt: skip


def test_never_pushed(admin_client, ada, twocheckout):
    page = admin_client.get(address(ada))
    words = read(page.content.decode())
    assert words.count("2Checkout does not have this customer yet") == 1
    for lie in ("the same", "could not be fetched", "Try again"):
        assert lie not in words


def test_the_last_conflict_is_shown(admin_client, apart, twocheckout):
    sync.push(apart)
    page = admin_client.get(address(apart)).content.decode()
    assert "these had changed on both sides: City. Ours won: City." in read(page)


@pytest.mark.parametrize(
    ("choices", "said_later"),
    [
        (
            {"City": "local", "Zip": "remote"},
            "City and Postal code. Ours won: City. 2Checkout's won: Postal code.",
        ),
        ({"City": "local", "Zip": "local"}, "City and Postal code. Ours won: City and Postal code."),
        ({"City": "remote", "Zip": "remote"}, "City and Postal code. 2Checkout's won: City and Postal code."),
    ],
)
def test_each_field_of_a_conflict_has_its_end(admin_client, apart, twocheckout, choices, said_later):
    twocheckout.edit(apart.customer_reference, Zip="00100")
    Customer.objects.update(zip="75001")
    choose(admin_client, apart, **choices)
    page = read(admin_client.get(address(apart)).content.decode())
    assert f"these had changed on both sides: {said_later}" in page
    assert page.count("Ours won:") == ("Ours won" in said_later)
    assert "Not decided yet" not in page


def test_a_conflict_that_is_not_sent_yet(admin_client, apart, twocheckout):
    page = admin_client.get(address(apart))
    twocheckout.fail("503", method="PUT")
    choose(admin_client, apart, page, City="local")
    twocheckout.heal()
    assert "these had changed on both sides: City. Not decided yet: City." in read(
        admin_client.get(address(apart)).content.decode()
    )


def test_permissions(support, apart, twocheckout):
    client = support()
    page = client.get(address(apart))
    assert table(page)["City"] == ["Paris", "London", "→ changed here"]
    assert twocheckout.requests == []  # who may not re-fetch does not see what 2Checkout has
    assert "You may not re-fetch customers" in page.content.decode()

    client = support("pull_customer")
    page = client.get(address(apart))
    for given in ('type="radio"', 'name="seen"'):
        assert given not in page.content.decode()
    assert client.post(address(apart), {"field-City": "remote"}).status_code == 403

    client = support("change_customer")
    page = client.get(address(apart))
    assert 'value="remote"' in page.content.decode()
    assert 'value="local"' not in page.content.decode()
    assert choose(client, apart, page, City="local").status_code == 403
    assert said(choose(client, apart, page, City="remote"))[0] == "success"


def test_who_may_not_refetch_changes_nothing(admin_client, support, apart, twocheckout):
    page = admin_client.get(address(apart))
    twocheckout.requests.clear()
    client = support("change_customer", "push_customer")
    assert choose(client, apart, page, Phone="local").status_code == 403
    assert (Customer.objects.get().fax, twocheckout.requests) == ("", [])


@pytest.mark.parametrize("conflict", ["local", "remote"])
def test_marked_is_what_happens_by_itself(admin_client, apart, twocheckout, configure, conflict):
    configure(CONFLICT=conflict)
    page = admin_client.get(address(apart)).content.decode()
    marked = dict(re.findall(r'name="field-(\w+)" value="(\w+)" checked', page))
    assert marked == {"City": conflict, "Phone": "local", "Fax": "remote"}
    sync.push(apart)
    theirs = twocheckout.customers[0]
    assert (theirs["City"], theirs["Phone"]) == ("Paris" if conflict == "local" else "Rome", "555")
    assert (apart.city, apart.fax) == (theirs["City"], "999")


def test_theirs_alone_sends_nothing(admin_client, apart, twocheckout):
    assert said(choose(admin_client, apart, City="remote")) == ("success", "2 fields taken over.")
    assert "PUT" not in methods(twocheckout)
    apart.refresh_from_db()
    assert (apart.phone, apart.sync_state) == ("555", "pending")


def test_another_worker_has_it_when_it_is_to_be_sent(admin_client, apart, monkeypatch):
    page = admin_client.get(address(apart))
    monkeypatch.setattr(compare, "push", lambda customer, **options: customer)
    words = said(choose(admin_client, apart, page, Phone="local"))[1]
    assert f"Not sent yet: {CustomerBusy().words}" in words


# A conflict that nobody has decided yet.


@pytest.fixture
def undecided(apart, twocheckout):
    """A push found the conflict, and 2Checkout did not take it."""
    twocheckout.fail("503", method="PUT")
    sync.push(apart)
    twocheckout.heal()
    twocheckout.requests.clear()
    assert apart.sync_state == "pending"
    return apart


OPEN = "these had changed on both sides: City. Not decided yet: City. Look at both values before the next push decides."


def test_undecided__the_panel_and_the_list_lead_to_both_values(admin_client, undecided):
    assert OPEN in read(admin_client.get(form(undecided)).content.decode())
    page = admin_client.get(LIST)
    assert "⚡ Changed on both sides: City" in text(page)
    assert f'<a href="{address(undecided)}">Changed on both sides: City</a>' in page.content.decode()


@pytest.mark.parametrize("conflict", ["local", "remote"])
def test_undecided__push_now_shows_what_would_be_overwritten_first(
    admin_client, undecided, twocheckout, configure, conflict
):
    configure(CONFLICT=conflict)
    page = admin_client.post(f"{LIST}{undecided.pk}/push/", follow=True)
    assert page.redirect_chain == [(address(undecided), 302)]
    assert said(page) == ("warning", "Not pushed yet: a push decides about City. Look at both values, and choose.")
    assert table(page)["City"][:3] == ["Paris", "London", "Rome"]
    assert set(methods(twocheckout)) == {"GET"}
    choose(admin_client, undecided, page, City="local")
    assert twocheckout.customers[0]["City"] == "Paris"
    assert "Changed on both sides" not in text(admin_client.get(LIST))


def test_undecided__equal_by_now(admin_client, undecided, twocheckout):
    twocheckout.edit(undecided.customer_reference, City="Paris", Phone="555", Fax="")
    page = admin_client.post(f"{LIST}{undecided.pk}/push/", follow=True)
    assert "Both sides have the same." in text(page)
    assert "Push now" in text(page)
    assert 'name="compared"' in page.content.decode()
    page = admin_client.post(f"{LIST}{undecided.pk}/push/", {"compared": "yes"}, follow=True)
    assert said(page)[0] == "success"
    assert Customer.objects.get().sync_state == "synced"
    assert "Not decided yet" not in text(admin_client.get(form(undecided)))


def test_undecided__who_may_not_choose_is_not_held_up(support, undecided, twocheckout):
    client = support("push_customer")
    assert said(client.post(f"{LIST}{undecided.pk}/push/", follow=True))[0] == "success"
    assert twocheckout.customers[0]["City"] == "Paris"


def test_the_panel_says_who_won_last(admin_client, apart, twocheckout, configure):
    configure(CONFLICT="remote")
    sync.push(apart)
    assert "these had changed on both sides: City. 2Checkout's won: City." in text(admin_client.get(form(apart)))


def test_the_filter(admin_client, apart, many, configure):
    sync.push(apart)
    assert "In the last 30 days" in text(admin_client.get(LIST))
    for days in (1, 7, 30):
        [found] = admin_client.get(LIST, {"conflict": days}).context["cl"].result_list
        assert found.pk == apart.pk
    Attempt.objects.update(at=timezone.now() - timedelta(days=8))
    assert [admin_client.get(LIST, {"conflict": days}).context["cl"].result_count for days in (7, 30)] == [0, 1]
    configure(HISTORY_DAYS=7)
    words = text(admin_client.get(LIST))
    assert "In the last 7 days" in words
    assert "In the last 30 days" not in words
    configure(HISTORY_DAYS=0)
    assert "By conflict" not in text(admin_client.get(LIST))


def test_the_list_reads_conflicts_with_two_statements_at_most(admin_client, many, django_assert_num_queries):
    customers = Customer.objects.all()
    Attempt.objects.bulk_create(Attempt(customer=one, verb="push", conflicts="City") for one in customers)
    with django_assert_num_queries(2):
        assert {conflict.open for conflict in last_conflicts(customers).values()} == {"City"}
