from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from django_twocheckout import sync
from django_twocheckout.engine import admission, rate_limit
from django_twocheckout.models import Account, Customer
from django_twocheckout.models.account import AccountManager

from ..accounts import account
from ..customers import ADA


@pytest.fixture
def ten_a_minute(configure):
    configure(RATE_LIMIT="10/m", READ_BEFORE_WRITE=False)


@pytest.mark.usefixtures("ten_a_minute")
def test_rate_limit__holds_for_all_workers(db, twocheckout):
    for _ in range(12):
        Customer.objects.create(**ADA)
    first = sync.push_pending(limit=7)
    second = sync.push_pending()
    assert (first.pushed, second.pushed, len(twocheckout.requests)) == (7, 3, 10)
    assert 0 < second.wait <= 66
    assert sync.push_pending().tried == 0
    assert Customer.objects.due().count() == 2
    Account.objects.update(window=[[number - 11, count] for number, count in account().window])
    assert sync.push_pending().pushed == 2


@pytest.mark.usefixtures("ten_a_minute")
def test_rate_limit__two_workers_at_once_lose_no_count(db, monkeypatch):
    read, others = AccountManager.current_or_new, iter([rate_limit.reserve])

    def read_while_another_one_writes(manager, database, account):
        state = read(manager, database, account)
        for reserve in others:
            reserve(database, account, 4)
        return state

    monkeypatch.setattr(AccountManager, "current_or_new", read_while_another_one_writes)
    rate_limit.reserve("default", "default", 3)
    assert sum(count for _slice, count in account().window) == 7


def test_rate_limit__counts_both_requests_of_an_update(db, twocheckout, configure):
    for _ in range(3):
        Customer.objects.create(**ADA)
    sync.push_pending()
    Customer.objects.update(city="Paris")
    configure(RATE_LIMIT="4/h")
    twocheckout.requests.clear()
    assert sync.push_pending().pushed == 2
    assert len(twocheckout.requests) == 4


def test_rate_limit__counts_requests_sent_and_not_those_reserved(db, twocheckout, configure):
    configure(RATE_LIMIT="4/h")
    for _ in range(4):
        Customer.objects.create(**ADA)
    twocheckout.fail("reset-after-commit")
    assert sync.push_pending().tried == 3  # the fourth could need two
    assert sum(count for _slice, count in account().window) == len(twocheckout.requests) == 3


def test_rate_limit__below_the_cost_of_a_row_lets_one_pass(db, twocheckout, configure):
    configure(RATE_LIMIT="1/h")
    for _ in range(2):
        Customer.objects.create(**ADA)
    assert sync.push_pending().pushed == 1


@pytest.mark.usefixtures("ten_a_minute")
def test_rate_limit__what_a_person_asks_for_counts_and_does_not_wait(eight, twocheckout):
    for customer in eight:
        sync.push(customer)
    assert sum(count for _slice, count in account().window) == 8


def test_rate_limit__the_window_slides():
    now = timezone.now().replace(microsecond=50_000)
    tick = timedelta(milliseconds=100)
    limit, number = (10, 1), rate_limit._slice((10, 1), now)[0]
    assert rate_limit._available(limit, [[number, 4]], now) == (6, pytest.approx(1.05, abs=0.001))
    assert rate_limit._available(limit, [[number, 4], [number + 3, 6]], now + 3 * tick)[0] == 0
    assert rate_limit._available(limit, [[number, 4]], now + 10 * tick)[0] == 6
    assert rate_limit._available(limit, [[number, 4]], now + 11 * tick)[0] == 10


def test_rate_limit__what_left_the_window_cannot_be_released(db, configure):
    """Slow requests: what was booked for them and not used would allow more than the limit later."""
    configure(RATE_LIMIT="10/h")
    assert admission.acquire("default", "default", 5).rows == 5
    Account.objects.update(window=[[number - 20, count] for number, count in account().window])
    rate_limit.reserve("default", "default", -5)
    assert admission.acquire("default", "default", 100).rows == 5
