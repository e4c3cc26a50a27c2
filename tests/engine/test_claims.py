from __future__ import annotations

import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_twocheckout import sync
from django_twocheckout.client import TwoCheckoutClient
from django_twocheckout.engine import asks, claims, leases, reconcile
from django_twocheckout.engine.batch import finish, run_one
from django_twocheckout.engine.clients import current_client
from django_twocheckout.engine.sources import DueRows
from django_twocheckout.exceptions import CustomerBusy
from django_twocheckout.flows.push import push_due
from django_twocheckout.models import Customer, Verb, read_clock

from ..customers import ADA, change, claim_of
from ..vendor_log import methods


def test_claim__one_at_a_time(ada, twocheckout):
    fresh = Customer.objects.get()
    first = claim_of(fresh)
    assert first is not None
    assert claim_of(fresh) is None
    assert claim_of(Customer.objects.get()) is None
    assert sync.push(ada).sync_state == "pending"
    assert sync.push_pending().tried == 0
    for act in (sync.pull, lambda customer: sync.delete_card(customer, "t")):
        with pytest.raises(CustomerBusy):
            act(ada)
    assert twocheckout.requests == []


def test_claim__is_the_row_as_it_is_then(pushed, twocheckout):
    change(pushed, city="Paris")
    twocheckout.edit(pushed.customer_reference, Phone="555")
    found_before = Customer.objects.due()
    assert len(found_before) == 1
    other = claim_of(pushed, Verb.PULL)
    assert claims.claim(found_before, Verb.PUSH) == []
    finish([(other, reconcile.pull(other, current_client("default")))])

    [claim] = claims.claim(found_before, Verb.PUSH)
    assert (claim.local["City"], claim.local["Phone"], claim.base["Phone"]) == ("Paris", "555", "555")
    run_one(claim, current_client("default"))
    pushed.refresh_from_db()
    assert (pushed.sync_state, pushed.phone, twocheckout.customers[0]["Phone"]) == ("synced", "555", "555")


def test_claim__a_row_in_doubt_is_noted_too(ada, twocheckout):
    twocheckout.fail("reset-after-commit")
    sync.push(ada)
    change(ada, city="Paris")
    other = Customer.objects.create(**ADA)
    claimed = claims.claim(Customer.objects.all(), Verb.PUSH)
    assert [(claim.pk, [values["city"] for values in claim.in_doubt]) for claim in claimed] == [
        (ada.pk, ["London"]),
        (other.pk, []),
    ]
    assert [[values["city"] for values in row.in_doubt] for row in Customer.objects.order_by("pk")] == [
        ["London", "Paris"],
        ["London"],
    ]
    claims.release(claimed)
    assert [[values["city"] for values in row.in_doubt] for row in Customer.objects.order_by("pk")] == [["London"], []]
    assert Customer.objects.filter(lease_expires_at=None).count() == 2


@pytest.mark.django_db(transaction=True)
def test_claim__saved_again_while_it_is_being_pushed(twocheckout, monkeypatch):
    ada = Customer.objects.create(**ADA)
    sync.push(ada)
    change(ada, city="Paris")
    update, seen = TwoCheckoutClient.update_customer, []

    def slow(client, *arguments):
        if not seen:
            seen.append(True)
            ada.save()  # with nothing changed
            change(ada, city="Rome")
            assert push_due(ada.pk).tried == 0
        return update(client, *arguments)

    monkeypatch.setattr(TwoCheckoutClient, "update_customer", slow)
    twocheckout.requests.clear()
    push_due(ada.pk)
    ada.refresh_from_db()
    assert methods(twocheckout) == ["GET", "PUT", "GET", "PUT"]
    assert (ada.city, ada.sync_state, twocheckout.customers[0]["City"]) == ("Rome", "synced", "Rome")


def test_lease__outlives_the_longest_reconcile(configure):
    configure(TIMEOUT=(5, 30))
    assert claims.lease_seconds() > claims.START_SECONDS + 4 * (5 + 30)


@pytest.mark.parametrize("concurrency", [1, 4])
def test_release__what_cannot_begin(db, twocheckout, configure, monkeypatch, concurrency):
    configure(CONCURRENCY=concurrency)
    monkeypatch.setattr(claims, "START_SECONDS", -1.0)
    for _ in range(3):
        Customer.objects.create(**ADA)

    assert sync.push_pending().tried == 0

    assert twocheckout.requests == []
    assert Customer.objects.due().filter(in_doubt=[]).count() == 3
    monkeypatch.setattr(claims, "START_SECONDS", 60.0)
    assert sync.push_pending().pushed == 3
    assert set(methods(twocheckout)) == {"POST"}


def test_release__each_row_keeps_its_own_values_in_doubt(db, twocheckout):
    """A row that got another row's values in doubt would be looked up as that one."""
    customers = [Customer.objects.create(**ADA, address2=f"row {number}") for number in range(3)]
    with twocheckout.outage("reset-after-commit"):
        for customer in customers:
            sync.push(customer)
    Customer.objects.create(**ADA, address2="clean")
    before = {row.pk: row.in_doubt for row in Customer.objects.order_by("pk")}
    claims.release(claims.claim(Customer.objects.all(), Verb.PUSH))
    assert {row.pk: row.in_doubt for row in Customer.objects.order_by("pk")} == before
    assert [len(doubt) for doubt in before.values()] == [1, 1, 1, 0]


def test_database_time__is_not_ahead_after_a_slow_claim(pushed, monkeypatch):
    """Or the next attempt would seem to be older than this one."""
    take = leases.take

    def slow(*given):
        time.sleep(0.2)
        return take(*given)

    monkeypatch.setattr(leases, "take", slow)
    [claim] = claims.claim(Customer.objects.filter(pk=pushed.pk), Verb.PULL)
    ahead = (claim.database_time - read_clock(claim.database)).total_seconds()
    assert ahead < 0.1


def test_a_wake_up_claims_its_row_before_the_others(many):
    last = many[-1]
    asks.ask(Verb.PULL, Customer.objects.all(), [last.pk])
    claimed = DueRows(Customer.objects.all(), "default", first=last.pk).claim(100)

    assert (claimed[0].pk, claimed[0].pull_asked) == (last.pk, True)
    assert sorted(claim.pk for claim in claimed[1:]) == [one.pk for one in many[:-1]]


def test_a_wake_up_for_a_lone_row_claims_it_alone(ada):
    asks.ask(Verb.PULL, Customer.objects.all(), [ada.pk])
    rows = DueRows(Customer.objects.all(), "default", first=ada.pk)

    [alone] = rows.claim(100)

    assert (alone.pk, alone.pull_asked, rows.claim(100)) == (ada.pk, True, [])


def test_a_wake_up_for_a_row_that_is_not_due_claims_the_others_at_once(many):
    Customer.objects.filter(pk=many[-1].pk).update_unmarked(sync_state="synced")
    rows = DueRows(Customer.objects.all(), "default", first=many[-1].pk)

    assert len(rows.claim(100)) == len(many) - 1


def test_a_claim_of_no_row_locks_and_writes_nothing(db):
    with CaptureQueriesContext(connection) as statements:
        assert claims.claim(Customer.objects.due(), Verb.PUSH, wait=False) == []
    assert not [one["sql"] for one in statements if one["sql"].startswith("UPDATE")]


def test_values_in_doubt__are_copied_by_the_settings_of_the_moment(many, configure):
    first, second = many[:2]
    claims.claim(Customer.objects.filter(pk=first.pk), Verb.PUSH)
    configure(EXCLUDE_FIELDS=["phone"])
    claims.claim(Customer.objects.filter(pk=second.pk), Verb.PUSH)

    copied = [Customer.objects.get(pk=one.pk).in_doubt[0] for one in (first, second)]
    assert ["phone" in values for values in copied] == [True, False]
    assert [values["city"] for values in copied] == [first.city, second.city]
