"""One worker's part of the work: side by side, in time, and with nothing left behind."""

from __future__ import annotations

import sys
import time
from dataclasses import replace

import pytest
from django.db import OperationalError, connection

from django_twocheckout import sync
from django_twocheckout.client import TwoCheckoutClient
from django_twocheckout.engine import batch, claims, pool, settle, sources
from django_twocheckout.engine.batch import finish
from django_twocheckout.engine.records import Result
from django_twocheckout.engine.summary import Summary
from django_twocheckout.exceptions import AuthenticationFailed
from django_twocheckout.flows.push import push_due
from django_twocheckout.models import Customer

from ..customers import ADA
from ..killed import Killed
from .batches import batch_of_due, created


@pytest.mark.usefixtures("many")
def test_statements_are_few(twocheckout, configure, django_assert_max_num_queries):
    configure(CONCURRENCY=30)
    # 21 are the sweep's own, 6 make the account's row, and savepoints count. Where rows can be locked, each lock is one
    # more, in a savepoint of its own.
    with django_assert_max_num_queries(63 if connection.features.has_select_for_update_skip_locked else 47):
        assert sync.push_pending().pushed == 30


def test_the_first_is_not_kept_waiting_by_a_long_queue(many, twocheckout, configure):
    configure(BATCH_SIZE=5, CONCURRENCY=1)
    push_due(many[-1].pk)
    assert twocheckout.customers[0]["Address2"] == "row 29"


@pytest.mark.usefixtures("many")
def test_time_that_is_up_leaves_the_rest(twocheckout, configure):
    configure(BATCH_SIZE=5)
    summary = sync.push_pending(seconds=-1.0)
    assert (summary.tried, summary.more) == (0, True)
    assert Customer.objects.due().count() == 30


@pytest.mark.usefixtures("many")
def test_a_second_worker_is_asked_for_once_where_there_is_a_backlog(twocheckout, configure):
    asked = []
    configure(BATCH_SIZE=31)
    sync.push_pending(limit=1, on_backlog=lambda: asked.append("no one can help with one"))
    configure(BATCH_SIZE=10)
    sync.push_pending(on_backlog=lambda: asked.append("backlog"))
    assert asked == ["backlog"]


@pytest.mark.usefixtures("many")
def test_progress_is_reported(twocheckout):
    ended = []
    sync.push_pending(on_settled=ended.extend)
    assert len({claim.pk for claim, _outcome in ended}) == 30


@pytest.mark.usefixtures("many")
def test_interrupted__what_was_begun_is_settled_and_the_rest_released(twocheckout, configure, monkeypatch):
    configure(CONCURRENCY=2)
    finish, calls = batch.finish, []

    def interrupted(ended, *args, **options):
        done = finish(ended, *args, **options)
        calls.append(len(ended))
        if len(calls) == 1:
            raise Killed
        return done

    monkeypatch.setattr(batch, "finish", interrupted)
    monkeypatch.setattr("django_twocheckout.engine.batch.SETTLE_SECONDS", 0.0)
    with pytest.raises(Killed):
        batch_of_due().run()
    assert 0 < len(twocheckout.customers) < 30
    assert Customer.objects.filter(sync_state="synced").count() == len(twocheckout.customers)
    assert Customer.objects.filter(lease_expires_at=None).count() == 30
    assert Customer.objects.filter(sync_state="pending", in_doubt=[]).count() == 30 - len(twocheckout.customers)


def test_interrupted__a_row_alone_is_in_doubt(ada, twocheckout, monkeypatch):
    """As by SIGTERM, or by a task's time limit, in the middle of a request."""

    def interrupted(client, information):
        raise SystemExit

    monkeypatch.setattr(TwoCheckoutClient, "create_customer", interrupted)
    with pytest.raises(SystemExit):
        sync.push_pending()
    ada.refresh_from_db()
    assert (ada.sync_state, ada.lease_expires_at, len(ada.in_doubt)) == ("pending", None, 1)


@pytest.mark.django_db(transaction=True)
def test_a_lost_database_connection_is_made_anew(twocheckout, monkeypatch):
    Customer.objects.create(**ADA)
    settle_together, lost = settle._settle_together, []

    def lose_connection(database, together):
        if not lost:
            lost.append(True)
            raise OperationalError("server closed the connection unexpectedly")
        return settle_together(database, together)

    monkeypatch.setattr(settle, "_settle_together", lose_connection)
    assert sync.push_pending().pushed == 1
    assert (lost, len(twocheckout.requests)) == ([True], 1)


class Stop(BaseException):
    """As by Ctrl-C, at any line."""


@pytest.mark.parametrize("count", [1, 4])
def test_interrupted__at_whatever_line_it_ends_and_only_a_lease_is_left(db, configure, monkeypatch, count, pushes_by):
    """A row may stay leased where the interrupt came between taking it and noting that: it comes back by itself."""
    configure(CONCURRENCY=2)
    monkeypatch.setattr("django_twocheckout.engine.batch.SETTLE_SECONDS", 0.02)
    customers = [Customer.objects.create(**ADA) for _ in range(count)]

    def lines_of_the_batch(frame, event, argument):
        return at_line if frame.f_code.co_filename in (batch.__file__, pool.__file__) else None

    def at_line(frame, event, argument):
        nonlocal left
        left -= event == "line"
        if left == 0:
            sys.settrace(None)
            raise Stop
        return at_line

    pushes_by(lambda claim, client: created(claim))
    stopped, number = True, 0
    while stopped:
        number += 1 if count == 1 else 5
        left, stopped = number, False
        Customer.objects.mark_pending()
        Customer.objects.update_unmarked(lease_expires_at=None, in_doubt=[], customer_reference=None)
        one, before = batch_of_due(), sys.gettrace()
        sys.settrace(lines_of_the_batch)
        try:
            one.run()
        except Stop:
            stopped = True
        finally:
            sys.settrace(before)
        one.pool.close()
        for thread in one.pool.threads:
            thread.join(5)
            assert not thread.is_alive()
    assert number > 40
    assert Customer.objects.filter(sync_state="synced", lease_expires_at=None).count() == len(customers)


@pytest.mark.usefixtures("many")
def test_interrupted__a_row_that_is_being_written_is_settled_all_the_same(configure, monkeypatch, pushes_by):
    configure(CONCURRENCY=1, BATCH_SIZE=2)
    waited = []

    def locked_first(ended, *args, wait, **options):
        waited.append(wait)
        if wait or len(waited) == 1:
            return finish(ended, *args, wait=wait, **options)
        return Summary(), list(ended)

    def interrupt(count):
        if len(waited) == 1:
            raise Killed

    def reconcile_slowly(claim, client):
        time.sleep(0.05)
        return created(claim)

    monkeypatch.setattr(batch, "finish", locked_first)
    pushes_by(reconcile_slowly)
    with pytest.raises(Killed):
        batch_of_due(on_settled=interrupt).run()
    assert Customer.objects.filter(lease_expires_at=None).count() == 30


@pytest.mark.usefixtures("many")
def test_what_could_not_be_begun_is_released_although_settling_failed(configure, monkeypatch, pushes_by):
    configure(CONCURRENCY=1)

    def fails(*args, **options):
        raise OperationalError

    monkeypatch.setattr(batch, "finish", fails)

    def refuse(claim, client):
        return Result(None, [], error=AuthenticationFailed("no", status=401))

    pushes_by(refuse)
    with pytest.raises(OperationalError):
        batch_of_due().run()
    assert Customer.objects.filter(lease_expires_at=None).count() == 29


@pytest.mark.usefixtures("many")
def test_claimed_rows_are_released_where_claiming_more_fails(monkeypatch, twocheckout):
    claim_rows, calls = claims.claim, []

    def second_fails(*arguments, **options):
        calls.append(1)
        if len(calls) == 2:
            raise OperationalError
        return claim_rows(*arguments, **options)

    monkeypatch.setattr(sources, "claim", second_fails)
    with pytest.raises(OperationalError):
        push_due(Customer.objects.last().pk)
    assert Customer.objects.filter(lease_expires_at=None, in_doubt=[]).count() == 30


@pytest.mark.usefixtures("many")
def test_what_was_released_and_pushed_after_all_is_not_left_to_do(twocheckout, configure, monkeypatch):
    configure(CONCURRENCY=1, BATCH_SIZE=10)
    claim_rows, released, release = claims.claim, [], claims.release

    def first_too_late(*arguments, **options):
        claimed = claim_rows(*arguments, **options)
        return claimed if released else [replace(claim, start_by=0.0) for claim in claimed]

    monkeypatch.setattr(sources, "claim", first_too_late)
    monkeypatch.setattr(batch, "release", lambda claims: (released.extend(claims), release(claims)))
    summary = sync.push_pending()
    assert released
    assert (summary.pushed, summary.more) == (30, False)
