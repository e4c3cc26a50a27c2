"""Jobs on many customers: asked for by the admin, done by any worker, counted from the queue of asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import router, transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from ..conf import conf
from ..engine import asks
from ..engine.records import Key
from ..models import (
    LONG_DUE,
    NO_JOB,
    Ask,
    AskOutcome,
    Customer,
    Job,
    Source,
    Verb,
    database_now,
    delete_free,
    has_row_locks,
    lock_rows,
    update_all,
    update_free,
)
from ..redaction import redacted_repr


class JobBusy(Exception):
    """Another transaction holds the job, or all of its customers in question. Nothing was changed."""


@dataclass(frozen=True)
class Progress:
    """How far a job is. The four numbers make the total at every moment."""

    total: int
    done: int
    failed: int
    stopped: int
    remaining: int
    #: Of the remaining: tried without success, and tried again later.
    retried: int
    #: Whether a worker is at it.
    worked_on: bool

    __repr__ = redacted_repr

    @property
    def dealt_with(self) -> int:
        return self.done + self.failed


@dataclass(frozen=True)
class Failure:
    """A customer that was not done, and the reason in words."""

    pk: Key
    reason: str
    #: Whether it is tried again without a person.
    retried: bool

    __repr__ = redacted_repr


def begin(verb: Verb, pks: Iterable[Key], *, user: object = "", database: str | None = None) -> Job:
    """Store a job for the customers with these keys. Any worker that is woken, and the sweep, do its work.

    One transaction, which locks no customer.
    """
    database = database or router.db_for_write(Job)
    with transaction.atomic(using=database):
        job = Job.objects.using(database).create(verb=verb, user=str(user)[:64])
        job.total = asks.ask(verb, Customer.objects.using(database), pks, source=Source.USER, job=job.pk)
        job.ended_at = None if job.total else timezone.now()
        job.save(using=database, update_fields=["total", "ended_at"])
    return job


def progress(job: Job) -> Progress:
    """How far this job is, in two queries."""
    return progress_of([job])[job.pk]


def progress_of(jobs: Sequence[Job]) -> dict[int, Progress]:
    """How far these jobs of one database are, in two queries, by their keys."""
    if not jobs:
        return {}
    items = Ask.objects.using(jobs[0]._state.db).filter(job__in=jobs).order_by()
    counts: dict[int, dict[str, int]] = {job.pk: {} for job in jobs}
    retried = dict.fromkeys(counts, 0)
    numbers = {"number": Count("pk"), "tried": Count("pk", filter=~Q(reason=""))}
    for pk, outcome, count, with_reason in items.values_list("job", "outcome").annotate(**numbers):
        counts[pk][outcome] = count
        if outcome == AskOutcome.OPEN:
            retried[pk] = with_reason
    claimed = items.filter(outcome=AskOutcome.OPEN, due_at__gt=database_now()).exclude(lease="")
    worked_on = set(claimed.values_list("job", flat=True).distinct())
    return {job.pk: _progress(job, counts[job.pk], retried[job.pk], job.pk in worked_on) for job in jobs}


def _progress(job: Job, counts: Mapping[str, int], retried: int, worked_on: bool) -> Progress:
    failed, stopped = counts.get(AskOutcome.FAILED, 0), counts.get(AskOutcome.STOPPED, 0)
    remaining = counts.get(AskOutcome.OPEN, 0)
    # A customer that was deleted meanwhile counts as done: nothing is left to do.
    done = max(job.total - failed - stopped - remaining, 0)
    return Progress(job.total, done, failed, stopped, remaining, retried, worked_on)


def failures(job: Job, most: int) -> list[Failure]:
    """The customers that were not done, or not yet, at most *most*: those that wait for a person first."""
    items = _items(job).filter(outcome__in=[AskOutcome.FAILED, AskOutcome.OPEN]).exclude(reason="")
    rows = items.order_by("-outcome", "pk").values_list("customer_id", "reason", "outcome")[:most]
    return [Failure(pk, reason, outcome == AskOutcome.OPEN) for pk, reason, outcome in rows]


def accounts_left(job: Job) -> set[str]:
    """The accounts of the customers that are not done yet."""
    left = _items(job).filter(outcome=AskOutcome.OPEN).order_by()
    return set(left.values_list("account", flat=True).distinct())


def reaches_beyond(job: Job, customers: QuerySet[Customer]) -> bool:
    """Whether this job has a customer who is not among these."""
    among = customers.using(job._state.db).order_by().filter(pk=OuterRef("customer"))
    return _items(job).filter(~Exists(among)).exists()


def stop(job: Job) -> bool:
    """Stop this job. Rows in flight are finished. Returns whether the job was still running.

    A customer that somebody else asked for as well is done all the same. Raises JobBusy if another transaction holds
    the job: nothing is stopped then.
    """
    database = job._state.db
    unended, open_items = _jobs(database).filter(pk=job.pk, ended_at=None), _items(job).filter(outcome=AskOutcome.OPEN)
    with transaction.atomic(using=database):
        # The job before its customers: a worker ends a job without open ones as done.
        stopped = update_free(unended, ended_at=timezone.now(), stopped=True)
        if not stopped and unended.exists():
            raise JobBusy
        items = update_all(open_items, outcome=AskOutcome.STOPPED, due_at=None, lease="", reason="")
        if stopped and not items and open_items.exists():
            raise JobBusy
    return bool(stopped)


def go_on(job: Job) -> int:
    """Let a stopped job go on with the rest. Returns the number of customers. Raises JobBusy as :func:`stop` does."""
    return _reopen(job, AskOutcome.STOPPED)


def try_again(job: Job) -> int:
    """Try the failed customers of this job again. Returns their number. Raises JobBusy as :func:`stop` does."""
    return _reopen(job, AskOutcome.FAILED)


def purge(database: str) -> None:
    """Delete the jobs that ended more than HISTORY_DAYS ago, or a day ago without a history, and old failed asks."""
    before = timezone.now() - timedelta(days=conf.HISTORY_DAYS or 1)
    old = _jobs(database).filter(ended_at__lt=before)
    asks = Ask.objects.using(database)
    with transaction.atomic(using=database):
        if has_row_locks(database):
            items = asks.filter(job__in=lock_rows(old))
            held = items.exclude(pk__in=lock_rows(items)).values_list("job", flat=True)
            old = old.filter(pk__in=lock_rows(old)).exclude(pk__in=list(held))
        old.delete()
        delete_free(asks.filter(job=NO_JOB, ended_at__lt=before))


def _reopen(job: Job, outcome: AskOutcome) -> int:
    """Open the customers that no other transaction holds, and the job."""
    database = job._state.db
    items = _items(job).filter(outcome=outcome)
    anew = {"due_at": LONG_DUE, "lease": "", "reason": "", "failed_attempts": 0, "ended_at": None}
    if not items.exists():
        return 0
    with transaction.atomic(using=database):
        # The job is locked before its customers are open, so that no worker ends it meanwhile.
        if not update_free(_jobs(database).filter(pk=job.pk), ended_at=None, stopped=False):
            raise JobBusy
        count = update_all(items, outcome=AskOutcome.OPEN, **anew)
        if not count:
            raise JobBusy
    return count


def _items(job: Job) -> QuerySet[Ask]:
    return Ask.objects.using(job._state.db).filter(job=job)


def _jobs(database: str | None) -> QuerySet[Job]:
    return Job.objects.using(database or router.db_for_write(Job))
