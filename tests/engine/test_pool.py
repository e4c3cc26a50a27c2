from __future__ import annotations

import gc
import threading
import time

import pytest
from django.db import connection

from django_twocheckout import sync
from django_twocheckout.client import TwoCheckoutClient
from django_twocheckout.models import Customer

from .batches import batch_of_due


@pytest.fixture
def slow(monkeypatch):
    """Makes requests slow; holds how many were under way at once, and in which threads."""
    under_way, most, threads = [0], [0], set()
    create, lock = TwoCheckoutClient.create_customer, threading.Lock()

    def spy(client, information):
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
            threads.add(threading.current_thread().name)
        try:
            time.sleep(0.01)
            return create(client, information)
        finally:
            with lock:
                under_way[0] -= 1

    monkeypatch.setattr(TwoCheckoutClient, "create_customer", spy)
    return most, threads


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("concurrency", [1, 4])
def test_side_by_side_and_no_more_than_asked_for(twocheckout, configure, slow, concurrency):
    configure(CONCURRENCY=concurrency, BATCH_SIZE=10)
    assert sync.push_pending().pushed == 30
    most, threads = slow
    assert most[0] == len(threads) == concurrency


@pytest.mark.usefixtures("many")
def test_nothing_is_left_behind(twocheckout):
    before = set(threading.enumerate())
    assert sync.push_pending().pushed == 30
    # What is new now is the fake vendor's: one thread for each connection that is still open.
    new = [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("twocheckout")]
    assert new == []
    gc.collect()  # an unclosed socket would be a ResourceWarning, which is an error here


def test_a_row_that_is_alone_needs_no_thread(ada, twocheckout, slow):
    sync.push_pending()
    _most, threads = slow
    assert threads == {threading.current_thread().name}


@pytest.mark.usefixtures("many")
def test_threads_never_touch_the_database(twocheckout, monkeypatch):
    mine, seen = threading.get_ident(), set()

    def watch(execute, sql, params, many, context):
        seen.add(threading.get_ident())
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        assert sync.push_pending().pushed == 30
    assert seen == {mine}


@pytest.mark.usefixtures("many")
def test_side_by_side_also_where_they_are_claimed_one_by_one(twocheckout, configure, slow):
    configure(CONCURRENCY=4, BATCH_SIZE=1)
    sync.push_pending()
    assert slow[0][0] > 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_threads_that_all_die_end_the_run(many, configure, pushes_by):
    configure(CONCURRENCY=1)

    def die(claim, client):
        raise SystemExit

    pushes_by(die)
    with pytest.raises(RuntimeError):
        batch_of_due(limit=30).run()
    assert Customer.objects.filter(lease_expires_at=None).count() == 30
