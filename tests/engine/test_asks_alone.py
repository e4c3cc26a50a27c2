"""Asks without a job."""

from __future__ import annotations

import pytest
from django.db import DEFAULT_DB_ALIAS, connection

from django_twocheckout import sync
from django_twocheckout.engine import asks
from django_twocheckout.models import NO_JOB, Ask, Attempt, Customer, Source, Verb

from ..clock import asks_come_due


def test_what_is_asked_twice_is_done_once(pushed, twocheckout):
    twocheckout.edit(pushed.customer_reference, Phone="555")
    for _ in range(2):
        assert asks.ask(Verb.PULL, Customer.objects.all(), [pushed.pk, 4711], source=Source.USER) == 1
    assert list(Ask.objects.values_list("customer", "job")) == [(pushed.pk, NO_JOB)]

    sync.sweep()
    pushed.refresh_from_db()
    assert pushed.phone == "555"
    assert [request.method for request in twocheckout.requests] == ["GET"]
    assert Attempt.objects.filter(verb=Verb.PULL, source=Source.USER, user="").count() == 1
    assert not Ask.objects.exists()


def test_not_before_its_time(pushed, twocheckout):
    asks.ask(Verb.PULL, Customer.objects.all(), [pushed.pk], seconds=60)
    assert 50 < asks.due_in(DEFAULT_DB_ALIAS, "default") <= 60
    sync.sweep()
    assert twocheckout.requests == []

    asks_come_due()
    assert asks.due_in(DEFAULT_DB_ALIAS, "default") == 0
    sync.sweep()
    assert [request.method for request in twocheckout.requests] == ["GET"]
    assert asks.due_in(DEFAULT_DB_ALIAS, "default") is None


def test_a_failed_one_stays_for_its_reason__and_is_asked_again(pushed, twocheckout):
    asks.ask(Verb.PULL, Customer.objects.all(), [pushed.pk])
    twocheckout.fail("401", times=1)
    sync.sweep()
    [one] = Ask.objects.all()
    assert one.reason
    sync.resume()
    asks.ask(Verb.PULL, Customer.objects.all(), [pushed.pk])
    sync.sweep()
    assert not Ask.objects.exists()


@pytest.mark.parametrize("number", [1, asks.PORTION + 1])
def test_written_in_portions(db, number):
    rows = Customer.objects.bulk_create([Customer(address1=str(one)) for one in range(number)])
    for seconds in (0, 60, 0):
        assert asks.ask(Verb.PULL, Customer.objects.all(), [row.pk for row in rows], seconds=seconds) == number
    assert Ask.objects.count() == number
    assert asks.due_in(connection.alias, "default") == 0
