from __future__ import annotations

import threading
import time

import pytest

from django_twocheckout import sync
from django_twocheckout.client import TwoCheckoutClient
from django_twocheckout.engine import reading
from django_twocheckout.engine.claims import peek, unsaved
from django_twocheckout.engine.clients import current_client
from django_twocheckout.exceptions import NotFound
from django_twocheckout.models import Account, Customer

from ..accounts import pause_ends
from ..customers import ADA


@pytest.fixture
def thirty(db, twocheckout):
    for number in range(30):
        Customer.objects.create(**ADA | {"email": f"ada{number}@example.org"})
    assert sync.sweep().pushed == 30
    twocheckout.requests.clear()
    return Customer.objects.order_by("pk")


def read(customers):
    return list(reading.read_each(iter(peek(customers)), current_client("default"), "default", "default"))


@pytest.mark.parametrize("concurrency", [1, 4])
def test_side_by_side(thirty, twocheckout, configure, monkeypatch, concurrency):
    configure(CONCURRENCY=concurrency)
    under_way, most, lock, retrieve = [0], [0], threading.Lock(), TwoCheckoutClient.retrieve_customer

    def slow(*arguments, **options):
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        try:
            time.sleep(0.02)
            return retrieve(*arguments, **options)
        finally:
            with lock:
                under_way[0] -= 1

    monkeypatch.setattr(TwoCheckoutClient, "retrieve_customer", slow)
    before = list(thirty.values())
    found = read(thirty)
    assert {claim.pk for claim, result in found if result.merged and not result.merged.adopt} == {
        row.pk for row in thirty
    }
    assert most[0] == concurrency
    assert len(twocheckout.requests) == 30
    assert list(thirty.values()) == before
    assert not [one for one in threading.enumerate() if one.name.startswith("twocheckout-")]


def test_one_bad_customer_stops_no_other(thirty, twocheckout):
    twocheckout.forget(thirty[4].customer_reference)
    errors = {claim.pk: result.error for claim, result in read(thirty)}
    assert len(errors) == 30
    assert [pk for pk, error in errors.items() if isinstance(error, NotFound)] == [thirty[4].pk]


@pytest.mark.parametrize("fault", ["401", "429", "503"])
def test_trouble_of_the_account_ends_it_and_pauses_all(thirty, twocheckout, configure, fault):
    configure(CONCURRENCY=2)
    with twocheckout.outage(fault):
        found = read(thirty)
    assert 1 <= len(found) < 30
    assert all(result.error for _claim, result in found)
    assert Account.objects.get().open_until
    twocheckout.requests.clear()
    assert read(thirty) == []  # paused
    assert twocheckout.requests == []
    pause_ends()
    assert len(read(thirty)) == 30
    assert Account.objects.get().open_until is None


def test_rate_limit(thirty, twocheckout, configure, monkeypatch):
    configure(RATE_LIMIT="10/s", CONCURRENCY=8)
    waits = []

    def sleep(seconds):
        waits.append(seconds)
        Account.objects.update(window=[])  # that time has passed

    monkeypatch.setattr("django_twocheckout.engine.reading.time.sleep", sleep)
    assert len(read(thirty)) == 30
    assert len(waits) >= 2


def test_a_customer_without_a_row(twocheckout, db):
    there = twocheckout.add_customer(
        FirstName="Grace", LastName="Hopper", ExternalCustomerReference="grace@example.org"
    )
    wanted = [
        unsaved(Customer(external_customer_reference=reference), "default")
        for reference in ("grace@example.org", "nobody")
    ]
    found = {
        claim.values["external_customer_reference"]: result
        for claim, result in reading.read_each(wanted, current_client("default"), "default", "default")
    }
    assert found["grace@example.org"].reference == there
    assert isinstance(found["nobody"].error, NotFound)
    assert not Customer.objects.exists()


def test_ended_by_the_caller(thirty, configure):
    configure(CONCURRENCY=2)
    some = reading.read_each(iter(peek(thirty)), current_client("default"), "default", "default")
    next(some)
    some.close()
    assert not [one for one in threading.enumerate() if one.name.startswith("twocheckout-")]
