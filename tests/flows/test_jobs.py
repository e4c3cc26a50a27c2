from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from django_twocheckout import sync, tasks
from django_twocheckout.engine import batch
from django_twocheckout.flows import jobs
from django_twocheckout.models import Ask, Attempt, Customer, Job, Verb

from ..clock import asks_come_due, leases_expire, retries_come_due
from ..customers import ADA
from ..killed import Killed


@pytest.fixture
def keys(db):
    rows = Customer.objects.bulk_create([Customer(**{**ADA, "address2": f"row {n}"}) for n in range(30)])
    return [row.pk for row in rows]


@pytest.fixture
def pushed_keys(keys, twocheckout):
    sync.sweep()
    twocheckout.requests.clear()
    return keys


def counts(job):
    progress = jobs.progress(job)
    assert progress.done + progress.failed + progress.stopped + progress.remaining == progress.total
    return progress.done, progress.failed, progress.remaining


def ended(job):
    job.refresh_from_db()
    return job.ended_at is not None


def test_push(keys, twocheckout):
    job = jobs.begin(Verb.PUSH, keys, user=7)
    assert counts(job) == (0, 0, 30)
    assert twocheckout.requests == []

    sync.sweep()
    assert counts(job) == (30, 0, 0)
    assert len(twocheckout.customers) == 30
    assert ended(job)
    assert not job.stopped


def test_push__of_rows_in_any_state(pushed_keys, twocheckout):
    Customer.objects.filter(pk=pushed_keys[0]).update_unmarked(sync_state="failed", sync_error="No.")
    job = jobs.begin(Verb.PUSH, pushed_keys, user=7)
    sync.sweep()
    assert counts(job) == (30, 0, 0)
    assert set(Customer.objects.values_list("sync_state", flat=True)) == {"synced"}
    lines = Attempt.objects.filter(source="user").values_list("verb", "outcome", "user")
    assert set(lines) == {("push", "agreed", "7")}


def test_pull__only_what_was_asked_for(pushed_keys, twocheckout):
    for known in twocheckout.customers:
        twocheckout.edit(known["CustomerReference"], Phone="555")
    job = jobs.begin(Verb.PULL, pushed_keys[:12], user=7)
    sync.sweep()
    assert Customer.objects.filter(phone="555").count() == 12
    assert counts(job) == (12, 0, 0)
    assert ended(job)
    assert set(Attempt.objects.filter(verb="pull").values_list("source", "user")) == {("user", "7")}


def test_any_wake_up_does_it(pushed_keys, twocheckout):
    job = jobs.begin(Verb.PULL, pushed_keys)
    tasks.push_customer(pushed_keys[0])
    assert counts(job) == (30, 0, 0)


def test_failures_have_their_reasons__and_are_tried_again_when_asked(keys, twocheckout):
    Customer.objects.filter(pk=keys[3]).update(company="Engines", fiscal_code="INVALID")
    Customer.objects.filter(pk=keys[4]).update(zip="")
    job = jobs.begin(Verb.PUSH, keys)
    sync.sweep()
    assert counts(job) == (28, 2, 0)
    assert sorted((failure.pk, failure.reason) for failure in jobs.failures(job, 10)) == [
        (keys[3], "The fiscal code is not a valid VAT ID (SIM_INVALID_FISCAL_CODE)"),
        (keys[4], "Not sent to 2Checkout: Zip is required."),
    ]
    assert len(jobs.failures(job, 1)) == 1
    assert ended(job)

    Customer.objects.filter(pk=keys[4]).update(zip="1")
    assert jobs.try_again(job) == 2
    assert not ended(job)
    sync.sweep()
    assert counts(job) == (29, 1, 0)
    assert ended(job)
    assert jobs.try_again(job) == 1
    Customer.objects.filter(pk=keys[3]).delete()
    sync.sweep()
    assert counts(job) == (30, 0, 0)
    assert ended(job)


@pytest.mark.parametrize("verb", [Verb.PUSH, Verb.PULL])
def test_a_retried_failure_is_seen__and_ends_well(pushed_keys, twocheckout, configure, verb):
    configure(CONCURRENCY=1)
    if verb is Verb.PUSH:
        Customer.objects.filter(pk=pushed_keys[0]).update(city="Paris")
    job = jobs.begin(verb, pushed_keys[:1])
    twocheckout.fail("500", times=1)
    sync.sweep()
    assert counts(job) == (0, 0, 1)
    assert jobs.progress(job).retried == 1
    [failure] = jobs.failures(job, 10)
    assert (failure.pk, failure.retried, bool(failure.reason)) == (pushed_keys[0], True, True)

    retries_come_due()
    asks_come_due()
    sync.sweep()
    assert counts(job) == (1, 0, 0)
    assert jobs.failures(job, 10) == []
    assert ended(job)


@pytest.mark.parametrize("verb", [Verb.PUSH, Verb.PULL])
def test_a_row_without_any_answer_ever_fails_at_last(pushed_keys, twocheckout, configure, verb):
    configure(MAX_ATTEMPTS=3)
    Customer.objects.filter(pk=pushed_keys[0]).update(city="Paris")
    job = jobs.begin(verb, pushed_keys[:1])
    twocheckout.fail("500", times=100)
    for _ in range(4):
        retries_come_due()
        asks_come_due()
        sync.resume()
        sync.sweep()
    assert counts(job) == (0, 1, 0)
    assert ended(job)


def test_a_row_of_another_worker_waits__a_row_that_is_gone_is_done(pushed_keys, twocheckout):
    Customer.objects.filter(pk=pushed_keys[0]).update_unmarked(
        lease="x", lease_expires_at=timezone.now() + timedelta(minutes=9)
    )
    job = jobs.begin(Verb.PULL, pushed_keys)
    Customer.objects.filter(pk=pushed_keys[1]).delete()
    sync.sweep()
    assert counts(job) == (29, 0, 1)
    leases_expire()
    asks_come_due()
    sync.sweep()
    assert counts(job) == (30, 0, 0)


@pytest.mark.parametrize("verb", [Verb.PUSH, Verb.PULL])
@pytest.mark.parametrize("step", ["reconciled", "settled"])
def test_killed_in_the_middle__the_next_one_goes_on(pushed_keys, twocheckout, monkeypatch, configure, verb, step):
    configure(CONCURRENCY=1, BATCH_SIZE=5)
    Customer.objects.all().update(city="Paris")
    job = jobs.begin(verb, pushed_keys)
    if verb is Verb.PULL:
        sync.push_each(pushed_keys)

    def die(*args, **kwargs):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(*((batch, "settle") if step == "reconciled" else (batch.ask_settle, "settle")), die)
        with pytest.raises(Killed):
            sync.sweep()
    assert not ended(job)
    sync.sweep()  # what is claimed waits for the end of its lease
    leases_expire()
    retries_come_due()
    asks_come_due()
    sync.sweep()
    assert counts(job) == (30, 0, 0)
    assert ended(job)
    assert len(twocheckout.customers) == 30
    assert {known["City"] for known in twocheckout.customers} == {"Paris"}


def test_a_row_in_two_jobs_is_pulled_once_and_counted_in_both(pushed_keys, twocheckout):
    one, other = jobs.begin(Verb.PULL, pushed_keys), jobs.begin(Verb.PULL, pushed_keys[:10])
    sync.sweep()
    assert counts(one) == (30, 0, 0)
    assert counts(other) == (10, 0, 0)
    assert len(twocheckout.requests) == 30


def test_a_row_due_for_both_is_one_chain_of_requests(pushed_keys, twocheckout):
    Customer.objects.filter(pk=pushed_keys[0]).update(city="Paris")
    job = jobs.begin(Verb.PULL, pushed_keys[:1])
    sync.sweep()
    assert [request.method for request in twocheckout.requests] == ["GET", "PUT"]
    assert counts(job) == (1, 0, 0)


def test_a_pull_of_a_failed_row_leaves_it_failed(pushed_keys, twocheckout):
    Customer.objects.filter(pk=pushed_keys[0]).update(zip="")
    sync.sweep()
    job = jobs.begin(Verb.PULL, pushed_keys[:1])
    sync.sweep()
    assert counts(job) == (1, 0, 0)
    assert Customer.objects.get(pk=pushed_keys[0]).sync_state == "failed"


def test_time_that_is_up_leaves_the_rest(pushed_keys, twocheckout):
    job = jobs.begin(Verb.PULL, pushed_keys)
    assert sync.sweep(seconds=-1.0).more
    assert counts(job) == (0, 0, 30)
    assert sync.sweep(limit=7).more
    assert counts(job) == (7, 0, 23)


def test_a_pause_of_the_account_leaves_the_rest(pushed_keys, twocheckout, sent):
    job = jobs.begin(Verb.PULL, pushed_keys)
    twocheckout.fail("429", times=50)
    assert 4 < sync.sweep().wait <= 5
    assert counts(job) == (0, 0, 30)  # also those that were refused: it was not their fault

    sent.clear()
    tasks.push_pending()
    tasks.push_pending()
    assert [message.task for message in sent] == ["twocheckout.push_pending"]

    twocheckout.heal()
    sync.resume()
    asks_come_due()
    sync.sweep()
    assert counts(job) == (30, 0, 0)


@pytest.mark.parametrize("verb", [Verb.PUSH, Verb.PULL])
def test_stop_and_go_on(pushed_keys, twocheckout, verb):
    Customer.objects.filter(pk=pushed_keys[0]).update_unmarked(acknowledged={}, sync_state="failed")
    job = jobs.begin(verb, pushed_keys)
    assert jobs.stop(job)
    assert not jobs.stop(job)
    sync.sweep()
    assert twocheckout.requests == []
    assert jobs.progress(job).stopped == 30
    job.refresh_from_db()
    assert job.stopped
    assert jobs.go_on(job) == 30
    assert not ended(job)
    sync.sweep()
    assert counts(job) == (30, 0, 0)
    assert ended(job)
    assert not job.stopped


def test_stop__what_another_asked_for_is_done_all_the_same(pushed_keys, twocheckout):
    one, other = jobs.begin(Verb.PULL, pushed_keys), jobs.begin(Verb.PULL, pushed_keys[:10])
    jobs.stop(one)
    sync.sweep()
    assert counts(other) == (10, 0, 0)
    assert len(twocheckout.requests) == 10
    assert jobs.progress(one).stopped == 30


def test_stop__while_a_worker_is_at_it(pushed_keys, twocheckout, monkeypatch, configure):
    configure(CONCURRENCY=1, BATCH_SIZE=5)
    job = jobs.begin(Verb.PULL, pushed_keys)
    settle = batch.ask_settle.settle

    def stop_first(written):
        jobs.stop(job)
        settle(written)

    monkeypatch.setattr(batch.ask_settle, "settle", stop_first)
    sync.sweep()
    assert len(twocheckout.requests) < 30
    assert not Customer.objects.filter(lease_expires_at__isnull=False).exists()  # what was not begun went back
    progress = jobs.progress(job)
    assert (progress.stopped, progress.remaining) == (30, 0)
    job.refresh_from_db()
    assert job.stopped


def test_the_sweep_forgets_old_jobs(keys, twocheckout):
    old, new = jobs.begin(Verb.PULL, keys), jobs.begin(Verb.PULL, keys)
    Job.objects.filter(pk=old.pk).update(ended_at=timezone.now() - timedelta(days=91))
    Job.objects.filter(pk=new.pk).update(ended_at=timezone.now() - timedelta(days=89))
    sync.sweep(limit=1)
    assert list(Job.objects.all()) == [new]
    assert set(Ask.objects.values_list("job", flat=True)) == {new.pk}


def test_no_rows_to_work_on(db):
    assert ended(jobs.begin(Verb.PULL, []))
    assert ended(jobs.begin(Verb.PULL, [4711]))


@pytest.mark.parametrize(
    ("verb", "state"), [(Verb.PUSH, "synced"), (Verb.PUSH, "failed"), (Verb.PUSH, "gone"), (Verb.PUSH, None)]
)
def test_the_sweep_repairs_what_no_retry_will_end(pushed_keys, twocheckout, verb, state):
    """A worker was killed after the row's own retry was settled, and before the job's customer was."""
    job = jobs.begin(Verb.PUSH, pushed_keys[:1])
    Ask.objects.update(due_at=None, reason="No answer.")
    if state == "gone":
        columns = {"sync_state": "pending", "presence": "gone", "sync_error": "Bad."}
        Customer.objects.filter(pk=pushed_keys[0]).update_unmarked(**columns)
    elif state:
        Customer.objects.filter(pk=pushed_keys[0]).update_unmarked(sync_state=state, sync_error="Bad.")
    else:
        Customer.objects.filter(pk=pushed_keys[0])._raw_delete("default")
    sync.sweep()
    assert counts(job) == ((0, 1, 0) if state in ("failed", "gone") else (1, 0, 0))
    assert [failure.reason for failure in jobs.failures(job, 10)] == (["Bad."] if state in ("failed", "gone") else [])
    assert ended(job)
