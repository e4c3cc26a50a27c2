"""Claims what was asked for: an ask by lease, then its customer's row as for any push or pull.

So one worker at a time talks to 2Checkout about a customer. It does not matter who asked.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery

from ..models import (
    Ask,
    AskOutcome,
    CustomerQuerySet,
    Erasure,
    Job,
    Source,
    Verb,
    database_now,
    has_row_locks,
    lock_rows,
)
from ..redaction import redacted_repr
from .asks import close, put_off, put_off_busy, waiting
from .claims import claim, lease_seconds
from .claims import release as release_rows
from .database import retry_lost_connection
from .records import Claim, Key

#: Which of the asks for one customer says what the claim is for.
_FIRST = {Verb.ERASE: 0, Verb.PUSH: 1}


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
        put_off_busy(customers.db, busy, lease)
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
            put_off(one.database, one.asks, one.ask_lease, 0.0)
