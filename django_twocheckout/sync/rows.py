"""Takes rows into our hands and writes back what came of them: the database's side of every push and pull.

A claim is a lease on the row, taken by a conditional UPDATE and by the database's clock, so it works the same on every
database and holds no lock and no transaction while 2Checkout is being talked to. Whoever lost the lease settles
nothing. Rows are taken and settled many at a time; a statement on many rows never waits for a row that somebody else
has locked, so it cannot deadlock with the project's own transactions.
"""

from __future__ import annotations

import logging
import random
import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from itertools import groupby
from typing import Any, TypeVar, cast

from django.db import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    connections,
    transaction,
)
from django.db.models import Case, F, Field, Value, When
from django.db.models.functions import Cast, JSONArray, JSONObject

from ..client import checked_timeout
from ..conf import conf
from ..exceptions import (
    AuthenticationFailed,
    RateLimited,
    RequestRejected,
    TransientError,
    TwoCheckoutError,
    UnreadableAnswer,
)
from ..managers import CustomerQuerySet, clock_of, database_now, mark, with_clock
from ..merge import differing
from ..models import Customer, Source, SyncState
from ..serializers import OWNED_BY_2CHECKOUT, in_our_names, in_their_names, information
from .exchange import MOST_REQUESTS, Claim, Outcome

logger = logging.getLogger("twocheckout")

T = TypeVar("T")

FIRST_DELAY = 1.0
LONGEST_DELAY = 60 * 60.0
#: A row that was taken and whose exchange was not begun within so many seconds goes back.
BEGIN_SECONDS = 60.0
#: By how much a lease is longer than the longest exchange: for the end of it to be written down.
SLACK_SECONDS = 30.0

UNSEEN_PORTION = 1000

_PUSHED = sorted(Customer.PUSHED_FIELDS)
_READ = [
    "pk", "lease", "sync_state", "tries", "customer_reference", "acknowledged",
    *OWNED_BY_2CHECKOUT, *_PUSHED
]  # fmt: skip


class Settled(Enum):
    """What became of the row while we had it in our hands."""

    QUIET = "nobody touched it"
    CHANGED = "it was saved, so newer values wait to be pushed"
    LOST = "the lease was lost, or the row deleted; nothing was written"
    LOCKED = "somebody is writing it right now; nothing was written yet"


@dataclass
class Verdict:
    """The row's state after an exchange."""

    columns: dict[str, Any] = field(default_factory=dict)
    #: Waits for a person or the next save.
    final: bool = False
    #: Seconds until it is tried again by itself.
    retry_in: float | None = None
    tries: int = 0


#: A row that was in our hands, what came of it, and what follows for the row.
Ended = tuple[Claim, Outcome, Verdict]


def request_seconds() -> float:
    """The longest that one request may take, by the settings."""
    connect, read = checked_timeout(conf.TIMEOUT)
    return connect + 2 * read


def lease_seconds() -> float:
    """How long a claim is good for: the wait to begin, the longest exchange, and some slack."""
    return BEGIN_SECONDS + MOST_REQUESTS * request_seconds() + SLACK_SECONDS


def steadily(act: Callable[[], T], database: str) -> T:
    """Do it; once more, on a new connection, if the database closed the old one or ended a deadlock at our cost."""
    try:
        return act()
    except (OperationalError, InterfaceError):
        connection = connections[database]
        if connection.in_atomic_block:
            raise
        connection.close()
        return act()


def take(
    customers: CustomerQuerySet,
    *,
    to_push: bool,
    source: Source | None = None,
    user: Any = "",
    wait: bool = True,
) -> list[Claim]:
    """Take those of the rows into our hands that no live worker holds.

    To push, it is noted on each row, before anything is sent, with what it is tried: should we die, the next one to
    take it knows what 2Checkout may have, and looks it up instead of creating it again. *source* says who asked; None:
    a save, or a retry where one was tried before. *wait*: also for a row that is being saved right now.
    """
    clean, doubtful, seconds = uuid.uuid4().hex, uuid.uuid4().hex, lease_seconds()
    database = customers.db
    begun = time.monotonic()

    def claim() -> list[dict[str, Any]]:
        pks = None if not wait and _has_row_locks(database) else list(customers.values_list("pk", flat=True))
        if pks == []:
            return []
        # Durable: what is noted must survive whatever a transaction around us comes to.
        with transaction.atomic(using=database, durable=True):
            if pks is None:
                pks = list(customers.select_for_update(skip_locked=True).values_list("pk", flat=True))
            free = Customer.objects.using(database).filter(pk__in=pks).free()
            lease = {"lease_until": database_now() + timedelta(seconds=seconds), "touched": False}
            count = 0
            if to_push:
                # The database copies the values, so they need not be read first.
                note = JSONArray(JSONObject(**{name: F(name) for name in _PUSHED}))
                count = free.filter(in_doubt=[]).settle(lease=clean, in_doubt=note, **lease)
            if count < len(pks):
                free.settle(lease=doubtful, **lease)
            taken = Customer.objects.using(database).filter(pk__in=pks, lease__in=(clean, doubtful))
            rows = list(taken.order_by("next_try_at", "pk").values(*_READ))
            doubts = dict(taken.filter(lease=doubtful).values_list("pk", "in_doubt")) if count < len(pks) else {}
            for row in rows:
                row["in_doubt"] = doubts.get(row["pk"], [])
                values = {name: row[name] for name in _PUSHED}
                if to_push and row["pk"] in doubts and values not in row["in_doubt"]:
                    Customer.objects.using(database).filter(pk=row["pk"]).settle(in_doubt=[*row["in_doubt"], values])
            return rows

    rows = steadily(claim, database)
    return [_claim(row, database, begun, seconds, to_push, source, str(getattr(user, "pk", user))) for row in rows]


def look_at(customers: CustomerQuerySet) -> list[Claim]:
    """The rows as they would be taken, and nobody's: nothing may be sent with these."""
    rows = customers.order_by("pk").values(*_READ, "in_doubt")
    return [_claim(row, customers.db, 0.0, 0.0, True, None, "") for row in rows]


def unseen(customers: CustomerQuerySet) -> Iterator[Any]:
    """The keys of the rows said to be synced whose values are not those that 2Checkout acknowledged."""
    last, synced = None, customers.filter(sync_state=SyncState.SYNCED).order_by("pk")
    while rows := list((synced if last is None else synced.filter(pk__gt=last)).values(*_READ)[:UNSEEN_PORTION]):
        for row in rows:
            # Nothing acknowledged, and yet synced: brought in by the project, so what it has is what 2Checkout has.
            if row["acknowledged"] and differing(information(row), in_their_names(row["acknowledged"])):
                yield row["pk"]
        last = rows[-1]["pk"]


def _claim(
    row: dict[str, Any],
    database: str,
    begun: float,
    seconds: float,
    to_push: bool,
    source: Source | None,
    user: str,
) -> Claim:
    values = {name: row[name] for name in _PUSHED}
    in_step = row["sync_state"] == SyncState.SYNCED
    return Claim(
        pk=row["pk"],
        database=database,
        lease=row["lease"],
        begin_until=begun + BEGIN_SECONDS,
        write_until=begun + seconds - request_seconds(),
        tries=row["tries"],
        to_push=to_push,
        pending=row["sync_state"] == SyncState.PENDING,
        reference=row["customer_reference"] or None,
        local=information(values),
        values=values,
        owned={name: row[name] for name in OWNED_BY_2CHECKOUT},
        acknowledged=row["acknowledged"] or (values if in_step else {}),
        doubts=row["in_doubt"],
        source=source or (Source.RETRY if row["tries"] else Source.SAVE),
        user=user,
    )


def due_in(customers: CustomerQuerySet) -> float | None:
    """Seconds until the first of the pending rows that nobody holds is due, 0 if one is; None if there is none."""
    pending = customers.filter(sync_state=SyncState.PENDING).free().order_by("next_try_at")
    first = with_clock(pending.only("next_try_at")).first()
    return None if first is None else max((first.next_try_at - clock_of(first)).total_seconds(), 0.0)


def _has_row_locks(database: str) -> bool:
    return bool(connections[database].features.has_select_for_update_skip_locked)


def _locked(rows: CustomerQuerySet, pks: set[Any]) -> set[Any]:
    """The keys of those of the rows that nobody else is writing; they are locked now, so an UPDATE need not wait.

    All of *pks* on a database that has no such locks, and locks as a whole.
    """
    if not _has_row_locks(rows.db):
        return pks
    return set(rows.filter(pk__in=pks).select_for_update(skip_locked=True).values_list("pk", flat=True))


def give_back(claims: Iterable[Claim]) -> None:
    """Release rows that were claimed and not begun; nothing has happened to them."""
    for (database, doubts), group in _grouped(claims, lambda claim: (claim.database, claim.doubts)):
        steadily(lambda group=group, doubts=doubts: _release(group, doubts), database)  # type: ignore[misc]


def _release(claims: list[Claim], doubts: list[Any]) -> None:
    rows = Customer.objects.using(claims[0].database).filter(lease__in={claim.lease for claim in claims})
    with transaction.atomic(using=claims[0].database):
        pks = _locked(rows, {claim.pk for claim in claims})
        rows.filter(pk__in=pks).settle(lease_until=None, in_doubt=doubts)
    for claim in claims:
        if claim.pk not in pks:
            _held(claim).settle(lease_until=None, in_doubt=doubts)


def settle(ended: Sequence[Ended], *, wait: bool = True) -> list[Settled]:
    """Write what came of exchanges, in their order. *wait*: also for rows that somebody is writing right now.

    A verdict and the adopted values count only for the row as it was claimed; a change made since is newer than both.
    """
    settled: dict[int, Settled] = {}
    columns = [_learnt(claim, outcome) | outcome.adopted | verdict.columns for claim, outcome, verdict in ended]
    by_shape = _grouped(range(len(ended)), lambda number: (ended[number][0].database, sorted(columns[number])))
    for (database, _names), group in by_shape:
        together = [(ended[number][0], columns[number]) for number in group]
        try:
            quiet = steadily(lambda together=together: _settle_together(together), database)  # type: ignore[misc]
        except (OperationalError, InterfaceError):
            quiet = set()
        settled |= {number: Settled.QUIET for number in group if ended[number][0].pk in quiet}
    for number, (claim, outcome, verdict) in enumerate(ended):
        if number in settled:
            continue
        try:
            settled[number] = steadily(lambda: _settle_one(claim, outcome, verdict, wait), claim.database)  # noqa: B023
        except (OperationalError, InterfaceError) as error:
            # What is noted on it stays, so whoever takes it when the lease has run out looks it up.
            logger.error("customer %s: not settled: %s", claim.pk, type(error).__name__, extra={"customer": claim.pk})
            settled[number] = Settled.LOST
    return [settled[number] for number in range(len(ended))]


def _grouped(items: Iterable[T], key: Callable[[T], Any]) -> list[tuple[Any, list[T]]]:
    return [(found, list(group)) for found, group in groupby(sorted(items, key=lambda item: repr(key(item))), key)]


def _learnt(claim: Claim, outcome: Outcome) -> dict[str, Any]:
    """What is certain now, whatever happened to the row meanwhile; only what it does not say already."""
    learnt: dict[str, Any] = {}
    if outcome.base is not None:
        learnt["acknowledged"] = in_our_names(outcome.base)  # before in_doubt, from which it may be copied: see _each
    learnt |= {"lease_until": None, "in_doubt": outcome.in_doubt}
    if outcome.reference != claim.reference:
        learnt["customer_reference"] = outcome.reference
    if outcome.theirs:
        learnt["pulled_at"] = database_now()
        learnt |= {name: value for name, value in outcome.theirs.owned.items() if claim.owned[name] != value}
    return learnt


def _settle_together(together: list[tuple[Claim, dict[str, Any]]]) -> set[Any]:
    """Write rows in one statement that sets the same columns of each; returns the keys of those it wrote."""
    claims = {claim.pk: claim for claim, _columns in together}
    database = together[0][0].database
    rows = Customer.objects.using(database).filter(
        lease__in={claim.lease for claim in claims.values()}, lease_until__isnull=False, touched=False
    )
    try:
        with transaction.atomic(using=database):
            pks = _locked(rows, set(claims))
            together = [(claim, columns) for claim, columns in together if claim.pk in pks]
            values = {name: _each(name, together) for name in (together[0][1] if together else ())}
            if pks and rows.filter(pk__in=pks).settle(**values) != len(pks):
                raise _Touched
    except _Touched:
        return set()
    except (OperationalError, InterfaceError):
        raise
    except (DatabaseError, ValueError):
        return set()  # one of them cannot be written; one by one it will show which
    return pks


class _Touched(Exception):
    """Some of the rows are not as they were claimed; nothing was written."""


def _each(name: str, together: list[tuple[Claim, dict[str, Any]]]) -> Any:
    """The column's value for all of the rows: one for all, a copy of what the row has, or one for each."""
    first = together[0][1][name]
    if all(columns[name] is first or columns[name] == first for _claim, columns in together):
        return first
    if name == "acknowledged" and all(
        columns[name] == claim.values and claim.noted == [claim.values] for claim, columns in together
    ):
        # What was noted when it was claimed, and not the columns as they are: raw SQL may have changed these since.
        return F("in_doubt__0")
    column = cast("Field[Any, Any]", Customer._meta.get_field(name))
    cases = [
        When(pk=claim.pk, then=value if hasattr(value, "resolve_expression") else Value(value, column))
        for claim, columns in together
        for value in (columns[name],)
    ]
    case = Case(*cases, default=F(name), output_field=column)
    casts = connections[together[0][0].database].features.requires_casted_case_in_updates
    return Cast(case, output_field=column) if casts else case


def _settle_one(claim: Claim, outcome: Outcome, verdict: Verdict, wait: bool) -> Settled:
    learnt = _learnt(claim, outcome)
    try:
        with transaction.atomic(using=claim.database):
            if not wait and not _locked(_held(claim), {claim.pk}) and _held(claim).exists():
                return Settled.LOCKED
            if _held(claim).filter(touched=False).settle(**learnt | outcome.adopted | verdict.columns):
                return Settled.QUIET
            # Not adopted after all, so not acknowledged either: the next comparison must see these as changed there.
            if outcome.merged and outcome.base is not None:
                known = {name: claim.base.get(name, claim.local[name]) for name in outcome.merged.adopt}
                learnt["acknowledged"] = in_our_names({**outcome.base, **known})
            if _held(claim).settle(**learnt):
                return Settled.CHANGED
    except IntegrityError:
        words = "Another row has this customer of 2Checkout already, or the reference that it carries there."
        return _settle_failure(claim, outcome, verdict, RequestRejected(words))
    except (OperationalError, InterfaceError):
        raise
    except (DatabaseError, ValueError) as error:
        # An answer that the database cannot hold is this row's trouble, not its neighbours'.
        words = f"What 2Checkout answered cannot be stored: {type(error).__name__}"
        return _settle_failure(claim, outcome, verdict, UnreadableAnswer(words))
    logger.warning("customer %s: lease lost, nothing settled", claim.pk, extra={"customer": claim.pk})
    return Settled.LOST


def _settle_failure(claim: Claim, outcome: Outcome, verdict: Verdict, error: TwoCheckoutError) -> Settled:
    """Nothing of what was learnt can be written; what was noted at the claim stays, so the next try looks it up."""
    outcome.error, outcome.merged = error, None
    new = push_verdict(claim, outcome) if claim.to_push else Verdict()
    vars(verdict).update(vars(new))
    if _held(claim).filter(touched=False).settle(lease_until=None, **verdict.columns):
        return Settled.QUIET
    return Settled.CHANGED if _held(claim).settle(lease_until=None) else Settled.LOST


def _held(claim: Claim) -> CustomerQuerySet:
    return Customer.objects.using(claim.database).filter(pk=claim.pk, lease=claim.lease, lease_until__isnull=False)


def push_verdict(claim: Claim, outcome: Outcome, *, counts: bool = True) -> Verdict:
    """The row's state after a push: synced, failed with words, or pending with a time to come.

    *counts*: whether a failure uses up one of the row's tries; trouble of the account is no fault of the row's.
    """
    error = outcome.error
    if error is None:
        columns: dict[str, Any] = {"sync_state": SyncState.SYNCED, "sync_error": "", "error_code": "", "tries": 0}
        if outcome.sent or claim.reference is None:
            columns["pushed_at"] = database_now()
        return Verdict(columns)
    of_the_account = isinstance(error, AuthenticationFailed | RateLimited)
    tries = claim.tries + (counts and not of_the_account)
    final = tries >= conf.MAX_ATTEMPTS or (isinstance(error, RequestRejected) and not of_the_account)
    wait = 0.0 if final else delay_after(error, tries)
    columns = {
        "sync_state": SyncState.FAILED if final else SyncState.PENDING,
        "sync_error": error.words,
        "error_code": code_of(error),
        "tries": tries,
        "next_try_at": database_now() + timedelta(seconds=wait),
    }
    return Verdict(columns, final, None if final else wait, tries)


def pull_verdict(outcome: Outcome) -> Verdict:
    """The row's state after a pull: in step if nothing is left to send; pending if a person chose to send something;
    otherwise as it was."""
    if outcome.error or not outcome.merged:
        return Verdict()
    if outcome.merged.send & outcome.chosen.keys():
        return Verdict(mark())
    if outcome.merged.send:
        return Verdict()
    return Verdict({"sync_state": SyncState.SYNCED, "sync_error": "", "error_code": "", "tries": 0})


def code_of(error: TwoCheckoutError) -> str:
    """2Checkout's code for this error, or our name for it where it gave none, or one that could quote a customer."""
    return error.code if re.fullmatch(r"[A-Z0-9_.-]{1,64}", error.code) else type(error).__name__


def delay_after(error: TwoCheckoutError, tries: int) -> float:
    """Seconds until the next try: doubled each time, and scattered so that rows don't come back together."""
    delay = min(FIRST_DELAY * 2.0 ** max(tries - 1, 0), LONGEST_DELAY) * random.uniform(0.7, 1.3)
    asked = error.retry_after if isinstance(error, TransientError) and error.retry_after else 0
    return max(delay, asked)
