from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from django_twocheckout import sync, tasks
from django_twocheckout.models import Attempt, Customer, Job, Portion, Verb
from django_twocheckout.sync import jobs

from .conftest import ADA
from .test_drain import use


@pytest.fixture
def many(db):
    rows = Customer.objects.bulk_create([Customer(**{**ADA, "address2": f"row {n}"}) for n in range(30)])
    return [row.pk for row in rows]


@pytest.fixture(autouse=True)
def _small_portions(monkeypatch):
    monkeypatch.setattr(jobs, "PORTION", 10)


def counts(job):
    progress = jobs.progress(job)
    return progress.done, progress.failed, progress.remaining


def work_off(job, **options):
    return sync.work_off(job.pk, **{"seconds": 60.0, **options})


def test_push(many, twocheckout):
    job = jobs.begin(Verb.PUSH, many, user=7)
    assert counts(job) == (0, 0, 30)
    assert twocheckout.requests == []

    assert work_off(job) is None
    assert counts(job) == (30, 0, 0)
    assert len(twocheckout.customers) == 30
    assert set(Attempt.objects.values_list("verb", "source", "user")) == {("push", "user", "7")}
    job.refresh_from_db()
    assert job.ended_at is not None
    assert not job.stopped


def test_pull__only_what_was_asked_for(many, twocheckout):
    sync.push_pending()
    for known in twocheckout.customers:
        twocheckout.edit(known["CustomerReference"], Phone="555")
    job = jobs.begin(Verb.PULL, many[:12])
    work_off(job)
    assert Customer.objects.filter(phone="555").count() == 12
    assert counts(job) == (12, 0, 0)


def test_failures_are_told_with_their_reasons(many, twocheckout):
    Customer.objects.filter(pk=many[3]).update(company="Engines", fiscal_code="INVALID")
    Customer.objects.filter(pk=many[4]).update(zip="")
    job = jobs.begin(Verb.PUSH, many)
    work_off(job)
    assert counts(job) == (28, 2, 0)
    assert sorted((failure.pk, failure.reason) for failure in jobs.failures(job, 10)) == [
        (many[3], "The fiscal code is not a valid VAT ID (SIM_INVALID_FISCAL_CODE)"),
        (many[4], "Not sent to 2Checkout: Zip is required."),
    ]
    assert len(jobs.failures(job, 1)) == 1


def test_a_row_in_other_hands_is_a_failure__a_row_that_is_gone_is_not(many, twocheckout):
    Customer.objects.filter(pk=many[0]).settle(lease="x", lease_until=timezone.now() + timedelta(minutes=9))
    Customer.objects.filter(pk=many[1]).delete()
    job = jobs.begin(Verb.PUSH, many)
    work_off(job)
    assert counts(job) == (29, 1, 0)
    [failure] = jobs.failures(job, 10)
    assert (failure.pk, "right now" in failure.reason) == (many[0], True)


class Killed(BaseException):
    pass


def test_killed_in_the_middle__the_next_one_goes_on_with_the_rest(many, twocheckout, monkeypatch, settings):
    use(settings, CONCURRENCY=1, BATCH_SIZE=1)
    monkeypatch.setattr(jobs, "SETTLE_SECONDS", 0.0)
    job = jobs.begin(Verb.PUSH, many)
    write, written = jobs._Work._write, []

    def write_and_die(work, **columns):
        count = write(work, **columns)
        written.append(columns)
        if len(written) == 4:
            raise Killed
        return count

    monkeypatch.setattr(jobs._Work, "_write", write_and_die)
    with pytest.raises(Killed):
        work_off(job)
    monkeypatch.setattr(jobs._Work, "_write", write)
    done = counts(job)[0]
    assert 4 <= done < 10
    assert Portion.objects.order_by("pk").first().left == many[done:10]
    assert jobs.progress(job).worked_on
    assert jobs.forsaken("default") == []  # as long as its lease lasts

    Portion.objects.update(lease_until=None)
    assert jobs.forsaken("default") == [job.pk]
    Customer.objects.settle(lease_until=None)
    assert work_off(job) is None
    assert counts(job) == (30, 0, 0)
    assert len(twocheckout.customers) == 30


def test_two_workers_share_it(many, twocheckout, settings):
    use(settings, BATCH_SIZE=6)
    job = jobs.begin(Verb.PUSH, many)
    asked = []
    portion = jobs._take(job, "default")  # the first worker's
    assert work_off(job, on_backlog=lambda: asked.append("help")) is None
    assert asked == ["help"]
    assert counts(job) == (20, 0, 10)
    job.refresh_from_db()
    assert job.ended_at is None
    Portion.objects.filter(pk=portion.pk).update(lease_until=None)
    work_off(job)
    assert counts(job) == (30, 0, 0)


def test_time_that_is_up_leaves_the_rest(many, twocheckout):
    job = jobs.begin(Verb.PUSH, many)
    assert work_off(job, seconds=-1.0) == 0.0
    assert counts(job) == (0, 0, 30)


def test_a_pause_of_the_account_leaves_the_rest(many, twocheckout, sent):
    job = jobs.begin(Verb.PUSH, many)
    twocheckout.fail("429", times=50)
    wait = work_off(job)
    assert 4 < wait <= 5
    assert counts(job) == (0, 0, 30)  # also those that were refused: it was not their fault

    sent.clear()
    tasks.work_off(job.pk)
    tasks.work_off(job.pk)
    assert [(message.task, message.args) for message in sent] == [("twocheckout.work_off", (job.pk,))]
    assert jobs.forsaken("default") == []  # somebody has been asked to come back
    Job.objects.update(wake_at=timezone.now() - timedelta(seconds=5))
    assert jobs.forsaken("default") == [job.pk]

    twocheckout.heal()
    sync.resume()
    assert work_off(job) is None
    assert counts(job) == (30, 0, 0)


def test_one_without_an_answer_is_a_failure(many, twocheckout, settings):
    use(settings, CONCURRENCY=1)
    job = jobs.begin(Verb.PUSH, many)
    twocheckout.fail("500", times=1)
    assert work_off(job) is None
    assert counts(job) == (29, 1, 0)


def test_stop(many, twocheckout):
    job = jobs.begin(Verb.PUSH, many)
    work_off(job, seconds=-1.0)
    jobs.stop(job)
    assert work_off(job) is None
    assert twocheckout.requests == []
    job.refresh_from_db()
    assert job.stopped
    assert jobs.forsaken("default") == []


def test_stop__while_a_worker_is_at_it(many, twocheckout, monkeypatch, settings):
    use(settings, CONCURRENCY=1, BATCH_SIZE=1)
    monkeypatch.setattr(jobs, "SETTLE_SECONDS", 0.0)
    job = jobs.begin(Verb.PUSH, many)
    write = jobs._Work._write

    def stop_meanwhile(work, **columns):
        jobs.stop(job)
        return write(work, **columns)

    monkeypatch.setattr(jobs._Work, "_write", stop_meanwhile)
    assert work_off(job) is None
    assert len(twocheckout.customers) < 5
    assert not Customer.objects.filter(lease_until__isnull=False).exists()  # what was not begun went back
    job.refresh_from_db()
    assert job.stopped


def test_the_sweep_goes_on_with_what_was_left(many, twocheckout, sent):
    job = jobs.begin(Verb.PULL, many)
    tasks.push_pending()
    assert ("twocheckout.work_off", (job.pk,)) in [(message.task, message.args) for message in sent]


def test_the_sweep_forgets_old_jobs(many, twocheckout, settings):
    old, new = jobs.begin(Verb.PULL, many), jobs.begin(Verb.PULL, many)
    Job.objects.filter(pk=old.pk).update(ended_at=timezone.now() - timedelta(days=91))
    Job.objects.filter(pk=new.pk).update(ended_at=timezone.now() - timedelta(days=89))
    sync.push_pending(limit=1)
    assert list(Job.objects.all()) == [new]
    assert set(Portion.objects.values_list("job", flat=True)) == {new.pk}


def test_nobody_to_work_on(db):
    job = jobs.begin(Verb.PULL, [])
    assert work_off(job) is None
    job.refresh_from_db()
    assert job.ended_at is not None
    assert sync.work_off(4711, seconds=1.0) is None
