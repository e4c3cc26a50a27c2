"""The queue of what was asked for: writes asks, tells when the first is due, puts them off, and ends them.

:mod:`.ask_claims` claims them for a batch. :mod:`.ask_settle` closes them once their customers' rows are settled. No
statement waits for a row that the project has locked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta
from itertools import islice

from django.db import connections
from django.db.models import Q, QuerySet
from django.utils import timezone

from ..exceptions import CustomerBusy
from ..models import (
    LONG_DUE,
    NO_JOB,
    Ask,
    AskOutcome,
    CustomerQuerySet,
    Job,
    Source,
    Verb,
    clock_of,
    database_now,
    delete_free,
    update_free,
    with_clock,
)
from .database import retry_lost_connection
from .records import Key

#: Asks written together.
PORTION = 1000
#: Seconds until an ask is tried again whose customer another worker, or a transaction of the project, has.
BUSY_SECONDS = 5.0

#: The columns of an ask that waits for a worker.
_ANEW = ("due_at", "lease", "outcome", "reason", "failed_attempts", "source", "ended_at")


def ask(
    verb: Verb,
    customers: CustomerQuerySet,
    pks: Iterable[Key],
    *,
    source: Source = Source.CODE,
    job: int = NO_JOB,
    seconds: float = 0.0,
) -> int:
    """Ask for a push or a pull of the customers with these keys. Returns the number of these that are there.

    *seconds*: not before so long. What is asked already is asked once. If a worker is at it right now, it is done once
    more, for 2Checkout may have changed meanwhile. Written in portions, each in a statement of its own.
    """
    database, remaining, count = customers.db, iter(pks), 0
    features = connections[database].features
    unique = ["customer", "verb", "job"] if features.supports_update_conflicts_with_target else None
    while some := list(islice(remaining, PORTION)):
        # Of a customer that is being erased nothing else is asked.
        mine = customers.filter(pk__in=some, erased=verb is Verb.ERASE)
        found = mine.order_by("pk").values_list("pk", "account")
        due_at = database_now() + timedelta(seconds=seconds) if seconds else LONG_DUE
        asks = [
            Ask(account=account, verb=verb, customer_id=pk, job_id=job, source=source, due_at=due_at)
            for pk, account in found
        ]
        Ask.objects.using(database).bulk_create(
            asks, update_conflicts=True, update_fields=list(_ANEW), unique_fields=unique
        )
        count += len(asks)
    return count


def waiting(database: str, account: str) -> QuerySet[Ask]:
    """The asks that a worker may claim, now or later."""
    return Ask.objects.using(database).filter(account=account, due_at__isnull=False)


def due_in(database: str, account: str) -> float | None:
    """Seconds until the first ask may be claimed, 0 if one may be now. None without one."""
    first = with_clock(waiting(database, account).order_by("due_at").only("due_at")).first()
    if first is None or first.due_at is None:
        return None
    seconds: float = (first.due_at - clock_of(first)).total_seconds()
    return max(seconds, 0.0)


def put_off(
    database: str, pks: Collection[int], lease: str, seconds: float, reason: str = "", **columns: object
) -> None:
    """Release these asks, as far as they have this lease. They are due in so many seconds."""
    if pks:
        then = database_now() + timedelta(seconds=seconds) if seconds else LONG_DUE
        ours = Ask.objects.using(database).filter(pk__in=pks, lease=lease)
        update_free(ours, due_at=then, lease="", reason=reason, **columns)


def put_off_busy(database: str, pks: Collection[int], lease: str) -> None:
    """Put off these asks, because another worker, or a transaction of the project, has their customer."""
    put_off(database, pks, lease, BUSY_SECONDS, CustomerBusy().words)


@retry_lost_connection
def close(database: str, which: Q, outcome: AskOutcome, reason: str = "") -> None:
    """End these asks. A done one of no job is deleted. A job without open asks ends."""
    asks = Ask.objects.using(database).filter(which, outcome=AskOutcome.OPEN)
    found = list(asks.values_list("pk", "job_id", "lease"))
    if not found:
        return
    # Not by the conditions alone: an ask that came meanwhile for the same customer must stay.
    for lease in {lease for _pk, _job, lease in found}:
        pks = [pk for pk, job, one in found if one == lease and (job != NO_JOB or outcome is not AskOutcome.DONE)]
        single = [pk for pk, job, one in found if one == lease and job == NO_JOB and outcome is AskOutcome.DONE]
        same = Ask.objects.using(database).filter(lease=lease, outcome=AskOutcome.OPEN)
        same = same if lease else same.filter(due_at=None)
        if pks:
            ended = {"outcome": outcome, "due_at": None, "lease": "", "ended_at": timezone.now()}
            update_free(same.filter(pk__in=pks), reason=reason, **ended)
        if single:
            delete_free(same.filter(pk__in=single))
    end_jobs(database, {job for _pk, job, _lease in found} - {NO_JOB})


def call_off(database: str, customer: Key, reason: str) -> None:
    """End all that is asked about this customer, except its erasure, also what a worker has claimed."""
    others = Ask.objects.using(database).filter(customer__pk=customer, outcome=AskOutcome.OPEN).exclude(verb=Verb.ERASE)
    jobs = set(others.values_list("job_id", flat=True))
    ended = {"outcome": AskOutcome.FAILED, "due_at": None, "lease": "", "ended_at": timezone.now()}
    if jobs:
        update_free(others, reason=reason, **ended)
        end_jobs(database, jobs - {NO_JOB})


def end_jobs(database: str, jobs: Collection[int]) -> None:
    """End those of the jobs that have no open ask."""
    if jobs:
        unended = Job.objects.using(database).filter(pk__in=jobs, ended_at=None)
        update_free(unended.exclude(asks__outcome=AskOutcome.OPEN), ended_at=timezone.now())
