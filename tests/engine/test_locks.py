"""No statement of ours waits for what a transaction of the project holds: other rows go on, this one is in words."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import DEFAULT_DB_ALIAS, connection
from django.utils import timezone

from django_twocheckout import sync, tasks
from django_twocheckout.client import TwoCheckoutClient
from django_twocheckout.exceptions import CustomerBusy
from django_twocheckout.flows import jobs
from django_twocheckout.flows.sweep import reserve_wakeup
from django_twocheckout.models import Account, Ask, Attempt, Customer, Job, SyncState, Verb
from tests.holding import held

from ..clock import asks_come_due, leases_expire, retries_come_due
from ..customers import ADA, GRACE
from ..shop.models import Order


@pytest.fixture(autouse=True)
def row_locks(transactional_db):
    if not connection.features.has_select_for_update_skip_locked:
        pytest.skip("this database locks as a whole")


@pytest.fixture
def rows(twocheckout):
    """Three customers that both sides have; the first two are due once more."""
    for _ in range(3):
        sync.push(Customer.objects.create(**ADA))
    twocheckout.requests.clear()
    rows = list(Customer.objects.order_by("pk"))
    for row in rows[:2]:
        row.city = "Paris"
        row.save()
    return rows


def write(pk):
    return lambda: Customer.objects.filter(pk=pk).update(fax="555")


def lock(pk):
    return lambda: Customer.objects.select_for_update().get(pk=pk)


def delete(pk):
    return lambda: Customer.objects.filter(pk=pk).delete()


def replace_reference(pk):
    return lambda: Customer.objects.filter(pk=pk).update(external_customer_reference="new")


ROW = {"update": write, "select for update": lock, "delete": delete, "a unique column": replace_reference}


def quietly(act, *arguments, **options):
    """Whatever else than our words or silence comes, fails the test."""
    try:
        return act(*arguments, **options)
    except (CustomerBusy, jobs.JobBusy):
        return None


def run_job(verb, pks):
    jobs.begin(verb, pks)
    sync.sweep(seconds=5)


DOORS = {
    "push": lambda rows: quietly(sync.push, rows[0]),
    "pull": lambda rows: quietly(sync.pull, rows[0]),
    "compare": lambda rows: sync.compare(rows[0]),
    "cards": lambda rows: sync.cards(rows[0]),
    "delete_card": lambda rows: quietly(sync.delete_card, rows[0], "t0ken"),
    "push_pending": lambda rows: sync.push_pending(seconds=3),
    "push_each": lambda rows: sync.push_each([row.pk for row in rows], seconds=3),
    "pull_each": lambda rows: sync.pull_each([row.pk for row in rows], seconds=3),
    "push_customer": lambda rows: tasks.push_customer(rows[0].pk),
    "the sweep's task": lambda rows: tasks.push_pending(),
    "a job that pushes": lambda rows: run_job(Verb.PUSH, [row.pk for row in rows]),
    "a job that pulls": lambda rows: run_job(Verb.PULL, [row.pk for row in rows]),
    "status": lambda rows: sync.status(),
    "resume": lambda rows: sync.resume(),
    "reserve_wakeup": lambda rows: reserve_wakeup(None, "default", 60),
}
MANY = ["push_pending", "push_each", "push_customer", "the sweep's task", "a job that pushes"]


@pytest.mark.parametrize("manner", ROW)
@pytest.mark.parametrize("door", DOORS)
def test_a_row(rows, twocheckout, door, manner):
    with held(ROW[manner](rows[0].pk)):
        DOORS[door](rows)
        if door in MANY:
            assert Customer.objects.get(pk=rows[1].pk).sync_state == "synced"
    sync.push_pending()
    leases_expire()
    sync.push_pending()
    assert set(Customer.objects.values_list("sync_state", flat=True)) == {"synced"}
    assert len(twocheckout.customers) == 3


@pytest.mark.parametrize("door", DOORS)
def test_a_row_that_the_project_only_refers_to(rows, door):
    """On PostgreSQL this stops no push at all, as long as our references stay."""
    with held(lambda: Order.objects.create(customer=rows[0])):
        DOORS[door](rows)
        if door in (*MANY, "push") and connection.vendor == "postgresql":
            assert Customer.objects.get(pk=rows[0].pk).sync_state == "synced"


def write_account():
    Account.objects.update(swept_at=timezone.now())


@pytest.mark.parametrize("limit", [None, "1000/s"])
@pytest.mark.parametrize("door", DOORS)
def test_the_accounts_row(rows, twocheckout, configure, door, limit):
    configure(RATE_LIMIT=limit)
    Account.objects.current_or_new(DEFAULT_DB_ALIAS, "default")
    with held(write_account):
        DOORS[door](rows)
        if door in MANY and not limit:
            assert set(Customer.objects.values_list("sync_state", flat=True)) == {"synced"}
    sync.push_pending()
    assert set(Customer.objects.values_list("sync_state", flat=True)) == {"synced"}


@pytest.mark.parametrize("fault", ["401", "reset"])
@pytest.mark.parametrize("paused", [False, True])
@pytest.mark.parametrize("door", ["push", "push_pending", "push_each", "resume"])
def test_the_accounts_row_while_2checkout_fails(rows, twocheckout, door, fault, paused):
    Account.objects.current_or_new(DEFAULT_DB_ALIAS, "default")
    if paused:
        with twocheckout.outage("401"):
            sync.push_pending()
    with held(write_account), twocheckout.outage(fault):
        DOORS[door](rows)
    sync.resume()
    retries_come_due()
    leases_expire()
    sync.push_pending()
    assert set(Customer.objects.values_list("sync_state", flat=True)) == {"synced"}


@pytest.fixture(params=[Verb.PUSH, Verb.PULL])
def job(rows, request):
    return jobs.begin(request.param, [row.pk for row in rows])


def all_done(job):
    """The queue is empty, and the job has ended."""
    leases_expire()
    retries_come_due()
    asks_come_due()
    sync.sweep()
    job.refresh_from_db()
    progress = jobs.progress(job)
    return job.ended_at is not None and (progress.done, progress.remaining) == (progress.total, 0)


HELD = {
    "job": lambda: list(Job.objects.select_for_update()),
    "an ask": lambda: Ask.objects.order_by("pk").select_for_update().first(),
    "asks": lambda: list(Ask.objects.select_for_update()),
    "job and asks": lambda: Job.objects.all().delete(),
}


@pytest.mark.parametrize("what", HELD)
def test_a_jobs_rows__begin(job, rows, what):
    with held(HELD[what]):
        other = jobs.begin(job.verb, [row.pk for row in rows])
    assert other.total == 3
    assert all_done(job)
    assert all_done(other)


@pytest.mark.parametrize("what", HELD)
def test_a_jobs_rows__sweep(job, what):
    with held(HELD[what]):
        sync.sweep()
        sync.resume()
        # Another person's rows are done, and a push is done by the marks of its rows.
        assert jobs.progress(job).done == {"job": 3, "an ask": 2}.get(what, 0)
    assert all_done(job)


@pytest.mark.parametrize("what", HELD)
@pytest.mark.parametrize("step", ["go on", "try again"])
def test_a_jobs_rows__more_of_it(job, what, step):
    """What is held stays as it was, in words, and can be asked for once more."""
    if step == "go on":
        again = jobs.go_on
        jobs.stop(job)
    else:
        again = jobs.try_again
        Ask.objects.update(outcome="failed", due_at=None, reason="No.", ended_at=timezone.now())
        Job.objects.update(ended_at=timezone.now())
    with held(HELD[what]):
        count = quietly(again, job) or 0
        job.refresh_from_db()
        assert count == (2 if what == "an ask" else 0)
        assert (job.ended_at is None) == bool(count)
    assert count + again(job) == 3
    job.refresh_from_db()
    assert not job.stopped
    assert all_done(job)


@pytest.mark.parametrize("step", ["stop", "go on"])
def test_a_jobs_rows__one_that_is_held_for_a_moment(job, step):
    if step == "go on":
        jobs.stop(job)
    with held(HELD["an ask"]) as it:
        threading.Timer(0.1, it.ends.set).start()
        (jobs.stop if step == "stop" else jobs.go_on)(job)
    progress = jobs.progress(job)
    assert (progress.stopped, progress.remaining) == ((3, 0) if step == "stop" else (0, 3))


@pytest.mark.parametrize("what", HELD)
def test_a_jobs_rows__stop(job, twocheckout, what):
    with held(HELD[what]):
        stopped = quietly(jobs.stop, job)
        assert stopped == (True if what == "an ask" else None)
    if not stopped:
        assert jobs.stop(job)
    job.refresh_from_db()
    assert job.stopped
    assert jobs.progress(job).stopped == (2 if what == "an ask" else 3)


@pytest.mark.parametrize("what", HELD)
def test_a_jobs_rows__purge(job, what):
    Job.objects.update(ended_at=timezone.now() - timedelta(days=400))
    with held(HELD[what]):
        jobs.purge(DEFAULT_DB_ALIAS)
        assert Job.objects.exists()
        assert Ask.objects.count() == 3
    jobs.purge(DEFAULT_DB_ALIAS)
    assert not Job.objects.exists()
    assert not Ask.objects.exists()


def test_history__lines_that_a_deletion_takes_along(rows):
    Attempt.objects.update(at=timezone.now() - timedelta(days=400))
    with held(lambda: rows[0].delete()):
        sync.push_pending()
    assert Attempt.objects.filter(at__lt=timezone.now() - timedelta(days=300)).exists()
    sync.push_pending()
    assert not Attempt.objects.filter(at__lt=timezone.now() - timedelta(days=300)).exists()


@pytest.fixture
def locked_in_flight(monkeypatch):
    """Once the first request is out, the project takes hold of its row."""
    manager = []

    def hold(name, act):
        call = getattr(TwoCheckoutClient, name)

        def call_and_hold(client, *arguments, **options):
            answer = call(client, *arguments, **options)
            if not manager:
                manager.append(held(act))
                manager[0].__enter__()
            return answer

        monkeypatch.setattr(TwoCheckoutClient, name, call_and_hold)
        return manager

    return hold


@pytest.mark.parametrize("manner", ROW)
@pytest.mark.parametrize("door", ["push", "pull", "push_pending", "push_each", "pull_each", "a job that pushes"])
def test_a_row_locked_in_flight(rows, twocheckout, locked_in_flight, configure, door, manner):
    configure(CONCURRENCY=1)
    manager = locked_in_flight("retrieve_customer", ROW[manner](rows[0].pk))
    DOORS[door](rows)
    if door in MANY:
        assert Customer.objects.get(pk=rows[1].pk).sync_state == "synced"
    manager[0].__exit__(None, None, None)
    leases_expire()
    sync.push_pending()
    assert set(Customer.objects.values_list("sync_state", flat=True)) == {"synced"}
    assert {theirs["City"] for theirs in twocheckout.customers} == {"Paris", "London"}


def each_is_created_once(rows, door, manager, twocheckout):
    """Although the project holds one of them in flight."""
    DOORS[door](rows)
    manager[0].__exit__(None, None, None)
    leases_expire()
    retries_come_due()
    sync.push_pending()
    assert set(Customer.objects.values_list("sync_state", flat=True)) == {"synced"}
    assert len(twocheckout.customers) == len(rows)


@pytest.mark.parametrize("door", ["push", "push_pending", "push_each"])
@pytest.mark.parametrize("refers", [False, True])
def test_a_new_row_locked_in_flight(twocheckout, locked_in_flight, configure, door, refers):
    """Its end is unknown then, so it is looked up, and created once."""
    configure(CONCURRENCY=1)
    rows = [Customer.objects.create(**ADA) for _ in range(3)]
    act = (lambda: Order.objects.create(customer_id=rows[0].pk)) if refers else write(rows[0].pk)
    manager = locked_in_flight("create_customer", act)
    each_is_created_once(rows, door, manager, twocheckout)


@pytest.mark.parametrize("door", ["push", "push_pending", "push_each"])
def test_a_reference_that_the_project_is_inserting(twocheckout, locked_in_flight, configure, door):
    """A restored dump, not committed yet, has the number that 2Checkout gives this customer now."""
    configure(CONCURRENCY=1)
    rows = [Customer.objects.create(**ADA) for _ in range(2)]

    def insert():
        [theirs] = twocheckout.customers
        Customer.objects.bulk_create([Customer(customer_reference=theirs["CustomerReference"], **ADA)])

    manager = locked_in_flight("create_customer", insert)
    each_is_created_once(rows, door, manager, twocheckout)


def test_add__a_reference_that_the_project_is_inserting(twocheckout):
    reference = twocheckout.add_customer(**GRACE)
    restored = Customer(customer_reference=reference, **ADA)
    with held(lambda: Customer.objects.bulk_create([restored])), pytest.raises(CustomerBusy):
        sync.add(reference)
    assert sync.add(reference).sync_state == SyncState.SYNCED
