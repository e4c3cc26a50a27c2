"""Asks for customers, claims what was asked, and closes it once the customers' rows are settled.

An ask is claimed by lease, then its customer's row is claimed as for any push or pull. So one worker at a time talks to
2Checkout about a customer. It does not matter who asked. No statement waits for a row that the project has locked.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice

from django.db import connections, transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from ..exceptions import CustomerBusy
from ..models import (
    LONG_DUE,
    NO_JOB,
    Ask,
    AskOutcome,
    Customer,
    CustomerQuerySet,
    Erasure,
    Job,
    Source,
    Verb,
    clock_of,
    database_now,
    delete_free,
    has_row_locks,
    lock_rows,
    update_free,
    with_clock,
)
from ..redaction import redacted_repr
from .claims import claim, lease_seconds
from .claims import release as release_rows
from .database import retry_lost_connection
from .images import REPLICA_SECONDS
from .records import Claim, Finished, Key, Settled

#: Asks written together.
PORTION = 1000
#: Seconds until an ask is tried again whose customer another worker, or a transaction of the project, has.
BUSY_SECONDS = 5.0

#: Which of the asks for one customer says what the claim is for.
_FIRST = {Verb.ERASE: 0, Verb.PUSH: 1}

#: The columns of an ask that waits for a worker.
_ANEW = ("due_at", "lease", "outcome", "reason", "failed_attempts", "source", "ended_at")


@dataclass(frozen=True)
class Asked:
    """A claimed ask."""

    pk: int
    verb: Verb
    customer: Key
    source: Source
    user: str
    failed_attempts: int

    __repr__ = redacted_repr


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


def claim_asked(customers: CustomerQuerySet, account: str, most: int, source: Source | None = None) -> Iterator[Claim]:
    """Claim up to *most* rows that were asked for. Closes the asks of deleted rows, and puts off those of busy rows.

    *source*: only the pulls that it asked for.
    """
    database, lease = customers.db, uuid.uuid4().hex
    due = waiting(database, account).filter(due_at__lte=database_now()).order_by("due_at", "pk")
    if source is not None:
        due = due.filter(verb=Verb.PULL, source=source)
    while most > 0 and (asked := _lease(database, due[:most], lease)):
        claims = list(_claim_rows(customers, asked, lease))
        yield from claims
        most -= len(claims)


def attach(claims: list[Claim], account: str) -> list[Claim]:
    """The claims for a push, together with the due asks for the same customers: one chain of requests is enough."""
    if not claims:
        return claims
    database, lease = claims[0].database, uuid.uuid4().hex
    due = waiting(database, account).filter(customer__in=[one.pk for one in claims], due_at__lte=database_now())
    due = due.exclude(verb=Verb.ERASE)  # begun after the claim; it has a claim of its own
    asked = _lease(database, due, lease)
    if not asked:
        return claims
    by_customer = _by_customer(asked)
    return [_with_asks(one, by_customer.get(one.pk, ()), lease) for one in claims]


@retry_lost_connection
def _lease(database: str, due: QuerySet[Ask], lease: str) -> list[Asked]:
    """Lease these asks, as far as no other worker is faster."""
    every = Ask.objects.using(database)
    with transaction.atomic(using=database):
        pks = lock_rows(due) if has_row_locks(database) else list(due.values_list("pk", flat=True))
        if not pks:
            return []
        until = database_now() + timedelta(seconds=lease_seconds())
        every.filter(pk__in=pks, due_at__lte=database_now()).update(due_at=until, lease=lease)
    # Not joined: an ask outside a job has no row there, and the database would leave it out.
    user = Subquery(Job.objects.using(database).filter(pk=OuterRef("job_id")).values("user"))
    rows = every.filter(pk__in=pks, lease=lease).order_by("pk").annotate(user=user)
    names = ("pk", "verb", "customer_id", "source", "user", "failed_attempts")
    return [
        Asked(pk, Verb(verb), customer, Source(source), user or "", failed)
        for pk, verb, customer, source, user, failed in rows.values_list(*names)
    ]


def _claim_rows(customers: CustomerQuerySet, asked: Sequence[Asked], lease: str) -> Iterator[Claim]:
    """Claim the customers' rows, each for a push if one of its asks is for a push, and to be erased before all else."""
    by_customer = _by_customer(asked)
    groups: dict[tuple[Verb, Source, str], list[Key]] = defaultdict(list)
    for pk, some in by_customer.items():
        first = min(some, key=lambda one: _FIRST.get(one.verb, len(_FIRST)))
        groups[first.verb, first.source, first.user].append(pk)
    missed = dict(by_customer)
    for (verb, source, user), pks in groups.items():
        begun = Erasure.objects.begun(customers.db, pks) if verb is Verb.ERASE else {}
        for one in claim(customers.filter(pk__in=pks), verb, source=source, user=user, wait=False):
            erasure, even_active = begun.get(one.pk, (0, False))
            some = missed.pop(one.pk)
            if begun:
                failed = max(asked.failed_attempts for asked in some)
                one = replace(one, erasure=erasure, even_active=even_active, failed_attempts=failed)
            yield _with_asks(one, some, lease)
    if missed:
        there = set(customers.filter(pk__in=missed).values_list("pk", flat=True))
        busy = [one.pk for pk, some in missed.items() if pk in there for one in some]
        gone = [one.pk for pk, some in missed.items() if pk not in there for one in some]
        _put_off(customers.db, busy, lease, BUSY_SECONDS, CustomerBusy().words)
        close(customers.db, Q(pk__in=gone, lease=lease), AskOutcome.DONE)


def _by_customer(asked: Iterable[Asked]) -> dict[Key, list[Asked]]:
    by_customer: dict[Key, list[Asked]] = defaultdict(list)
    for one in asked:
        by_customer[one.customer].append(one)
    return by_customer


def _with_asks(claimed: Claim, asked: Sequence[Asked], lease: str) -> Claim:
    if not asked:
        return claimed
    return replace(
        claimed,
        asks=tuple(one.pk for one in asked),
        ask_lease=lease,
        ask_attempts=max(one.failed_attempts for one in asked),
        pull_asked=any(one.verb is Verb.PULL for one in asked),
    )


def release(claims: Sequence[Claim]) -> None:
    """Release rows that were claimed and not started, and let other workers claim their asks."""
    release_rows(claims)
    for one in claims:
        if one.asks:
            _put_off(one.database, one.asks, one.ask_lease, 0.0)


def settle(finished: Sequence[tuple[Finished, Settled]]) -> None:
    """Close the asks of these settled rows, or put them off until the next attempt."""
    if not finished:
        return
    database = finished[0][0].claim.database
    read_later([one.claim for one, settled in finished if one.result.lagging and settled.is_written])
    ended: dict[tuple[AskOutcome, str], list[Claim]] = defaultdict(list)
    for one, settled in finished:
        claimed, error = one.claim, one.result.error
        if settled is Settled.LEASE_LOST:
            _put_off(database, claimed.asks, claimed.ask_lease, BUSY_SECONDS, CustomerBusy().words)
        elif claimed.verb is Verb.ERASE:
            if not one.decision.final:  # else it went with the row
                _put_off(
                    database, claimed.asks, claimed.ask_lease, one.decision.backoff, error.words if error else "",
                    failed_attempts=one.decision.failed_attempts,
                )  # fmt: skip
        elif error is None and settled is Settled.SUPERSEDED and claimed.verb is Verb.PUSH:
            _follow(database, claimed, "")
        elif error is None and settled is Settled.SUPERSEDED and one.result.merged and one.result.merged.adopt:
            _pull_again(database, claimed)
        elif error is None:
            ended[AskOutcome.DONE, ""].append(claimed)
        elif one.decision.final:
            ended[AskOutcome.FAILED, error.words].append(claimed)
        elif claimed.verb is Verb.PUSH:
            _follow(database, claimed, error.words)
        else:
            _put_off(
                database, claimed.asks, claimed.ask_lease, one.decision.backoff, error.words,
                failed_attempts=one.decision.failed_attempts,
            )  # fmt: skip
    for (outcome, reason), claims in ended.items():
        pushed = [one.pk for one in claims if one.verb is Verb.PUSH]
        own = Q(pk__in=[pk for one in claims for pk in one.asks], lease__in={one.ask_lease for one in claims} - {""})
        # A push that was asked for follows its customer's own retries, and another worker may make these.
        following = Q(customer__in=pushed, verb=Verb.PUSH, due_at=None)
        close(database, own | following if pushed else own, outcome, reason)


def read_later(claims: Sequence[Claim]) -> None:
    """Ask for a pull of these rows once every read replica of 2Checkout has our values.

    A person there may have put back what we overwrote. A replica that is behind shows the same.
    """
    if claims:
        ask(Verb.PULL, Customer.objects.using(claims[0].database), [one.pk for one in claims], seconds=REPLICA_SECONDS)


def _pull_again(database: str, claimed: Claim) -> None:
    """The row was written meanwhile and adopted nothing. The push of that write may find nothing to send or to read."""
    if claimed.asks:
        _put_off(database, claimed.asks, claimed.ask_lease, 0.0)
    else:
        ask(Verb.PULL, Customer.objects.using(database), [claimed.pk], source=Source(claimed.source))


def _follow(database: str, claimed: Claim, reason: str) -> None:
    """Let the asks for a push end with the customer's own retries. A pull is asked for anew."""
    if claimed.asks:
        ours = Ask.objects.using(database).filter(pk__in=claimed.asks, lease=claimed.ask_lease)
        update_free(ours.filter(verb=Verb.PUSH), due_at=None, lease="", reason=reason)
        update_free(ours.filter(verb=Verb.PULL), due_at=LONG_DUE, lease="", reason=reason)


def _put_off(
    database: str, pks: Collection[int], lease: str, seconds: float, reason: str = "", **columns: object
) -> None:
    if pks:
        then = database_now() + timedelta(seconds=seconds) if seconds else LONG_DUE
        ours = Ask.objects.using(database).filter(pk__in=pks, lease=lease)
        update_free(ours, due_at=then, lease="", reason=reason, **columns)


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
