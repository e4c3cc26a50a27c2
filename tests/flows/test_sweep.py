from __future__ import annotations

import pytest

from django_twocheckout import sync
from django_twocheckout.engine import circuit_breaker
from django_twocheckout.models import Customer

from ..customers import ADA, change


def test_sweep__counts(ada, twocheckout):
    Customer.objects.create(**{**ADA, "zip": ""})
    third = Customer.objects.create(**ADA)
    sync.push(third)
    Customer.objects.filter(pk=third.pk).update(city="Paris")
    twocheckout.fail("503", method="GET")

    summary = sync.push_pending()

    assert (summary.pushed, summary.failed, summary.waiting, summary.tried) == (1, 1, 1, 3)
    assert 0 < summary.due_in < 80


def test_sweep__has_a_limit_and_batches(db, twocheckout, configure):
    configure(BATCH_SIZE=2)
    for _ in range(7):
        Customer.objects.create(**ADA)
    assert sync.push_pending(limit=3).pushed == 3
    assert sync.push_pending().pushed == 4
    assert sync.push_pending().tried == 0
    assert len(twocheckout.customers) == 7


def test_sweep__stops_where_2checkout_is_not_there(db, twocheckout, configure):
    configure(BATCH_SIZE=2)
    for _ in range(12):
        Customer.objects.create(**ADA)
    with twocheckout.outage("500"):
        summary = sync.push_pending()
    assert circuit_breaker.UNANSWERED_LIMIT <= summary.waiting < 12
    assert summary.wait == circuit_breaker.FIRST_OPEN_SECONDS
    assert Customer.objects.due().count() == 12 - summary.waiting


def test_sweep__one_bad_row_does_not_stop_the_others(pushed, twocheckout, caplog):
    change(pushed, city="Paris")
    Customer.objects.update_unmarked(in_doubt=[5])  # as no version of ours ever wrote it
    other = Customer.objects.create(**ADA)

    summary = sync.push_pending()

    pushed.refresh_from_db()
    other.refresh_from_db()
    assert (summary.pushed, other.sync_state, pushed.sync_state, pushed.failed_attempts) == (1, "synced", "pending", 1)
    assert "A mistake in django-twocheckout: TypeError" in pushed.sync_error
    assert "bug: TypeError" in caplog.text


@pytest.mark.parametrize("fault", ["401", "429"])
def test_sweep__asks_no_more_once_the_account_is_refused(db, twocheckout, configure, fault):
    configure(CONCURRENCY=1)
    for _ in range(5):
        Customer.objects.create(**ADA)
    with twocheckout.outage(fault):
        assert sync.push_pending().waiting == 1
    assert len(twocheckout.requests) == 1
    assert Customer.objects.due().filter(in_doubt=[]).count() == 4


def test_sweep__one_bad_row_in_a_batch_of_its_own(db, twocheckout, configure):
    configure(BATCH_SIZE=1)
    for _ in range(3):
        Customer.objects.create(**ADA)
    twocheckout.fail("500")
    assert sync.push_pending().pushed == 2
