from __future__ import annotations

import time

import pytest

from django_twocheckout import sync
from django_twocheckout.engine import admission, circuit_breaker
from django_twocheckout.engine.batch import Batch
from django_twocheckout.engine.clients import current_client
from django_twocheckout.engine.records import Permit
from django_twocheckout.engine.sources import DueRows
from django_twocheckout.exceptions import RateLimited
from django_twocheckout.models import Customer

from ..accounts import account, pause_ends
from .batches import created


@pytest.mark.usefixtures("eight")
def test_half_open__one_worker_gets_the_trial(twocheckout):
    circuit_breaker.trip("default", "default", RateLimited())
    pause_ends()
    first, second = admission.acquire("default", "default", 100), admission.acquire("default", "default", 100)
    assert (first.rows, first.trial) == (1, True)
    assert (second.rows, second.wait > 0) == (0, True)


def test_half_open__a_trial_whose_worker_dies_is_followed_by_another(eight):
    circuit_breaker.trip("default", "default", RateLimited())
    pause_ends()
    assert admission.acquire("default", "default", 100).trial
    pause_ends()  # it has not come back
    assert admission.acquire("default", "default", 100).trial


@pytest.mark.usefixtures("eight")
def test_half_open__a_trial_without_a_row_is_released(twocheckout):
    circuit_breaker.trip("default", "default", RateLimited())
    pause_ends()
    assert sync.push_each([]).tried == 0
    assert sync.push_pending().pushed == 8


def test_acquire__without_time_zones(ada, twocheckout, settings, configure):
    settings.USE_TZ = False
    configure(RATE_LIMIT="10/s")
    circuit_breaker.trip("default", "default", RateLimited(retry_after=60))
    assert 50 < admission.acquire("default", "default", 10).wait <= 60
    assert sync.resume()
    assert admission.acquire("default", "default", 4).rows == 4


@pytest.mark.usefixtures("eight")
def test_acquire__reserves_the_rate(configure):
    configure(RATE_LIMIT="10/h")
    assert [admission.acquire("default", "default", 4).rows for _worker in range(5)] == [4, 1, 0, 0, 0]
    admission.release("default", "default", Permit(4), 1)
    assert admission.acquire("default", "default", 4).rows == 3


def test_release_unstarted__releases_the_rate(db, configure):
    configure(RATE_LIMIT="10/h")
    admission.acquire("default", "default", 5)
    admission.release_unstarted("default", "default", 4)
    assert admission.acquire("default", "default", 100).rows == 4


def test_half_open__no_trial_while_older_rows_are_in_flight(eight, configure, monkeypatch, pushes_by):
    configure(CONCURRENCY=2, BATCH_SIZE=3)
    acquire, close, permits, shown = admission.acquire, circuit_breaker.close, [], []

    def paused_meanwhile(database, account, most):
        if len(permits) == 1:
            circuit_breaker.trip(database, account, RateLimited("Too eight", status=429))
            pause_ends()
        permits.append(acquire(database, account, most))
        return permits[-1]

    def reconcile_slowly(claim, client):
        client._local.requests_sent = client.requests_sent + 1
        time.sleep(0.2 if claim.pk == eight[1].pk else 0.02)
        return created(claim)

    monkeypatch.setattr(admission, "acquire", paused_meanwhile)
    monkeypatch.setattr(circuit_breaker, "close", lambda *a, shown_by=None: (shown.append(shown_by.pk), close(*a)))
    pushes_by(reconcile_slowly)
    Batch(DueRows(Customer.objects.all(), "default"), current_client("default"), "default", "default").run()
    assert shown
    assert shown[0] not in [customer.pk for customer in eight[:3]]
    assert account().open_until is None
