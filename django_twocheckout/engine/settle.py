"""Writes decisions and results to rows still under our lease, many in one statement: the last step on the row.

A worker without its lease writes nothing. A row locked by another transaction is not waited for: see
:func:`settle_patiently`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError, connections, transaction
from django.db.models import Case, Expression, F, Field, Func, Value, When
from django.db.models.functions import Cast

from ..exceptions import RequestRejected, TwoCheckoutError, UnreadableAnswer
from ..models import Customer, Presence, Verb, host_now, is_lock_timeout, short_waits
from ..redaction import RedactedDict
from ..wire import model_field, model_names
from . import late_writes
from .claims import ours
from .database import data_errors, lock_free, retry_lost_connection
from .records import Claim, Finished, Key, Result, Settled
from .retry import after_pull, after_push, code_of

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.sql.compiler import SQLCompiler

logger = logging.getLogger("twocheckout")

Columns = dict[str, object]

#: Seconds between the attempts to settle a row that another transaction holds.
LOCKED_PAUSES = (0.05, 0.15, 0.3, 0.5, 1.0)

_UNIQUE = {"customer_reference", "external_customer_reference"}


def settle_patiently(finished: Sequence[Finished]) -> list[Settled]:
    """As :func:`settle`, but try locked rows again for two seconds.

    Then they stay in doubt: their leases expire, and the next worker looks them up.
    """
    settled = settle(finished)
    for pause in LOCKED_PAUSES:
        locked = [number for number, what in enumerate(settled) if what is Settled.ROW_LOCKED]
        if not locked:
            return settled
        time.sleep(pause)
        for number, what in zip(locked, settle([finished[number] for number in locked]), strict=True):
            settled[number] = what
    return [_given_up(one, what) for one, what in zip(finished, settled, strict=True)]


def _given_up(one: Finished, what: Settled) -> Settled:
    if what is not Settled.ROW_LOCKED:
        return what
    extra = {"action": "settle", "customer": one.claim.pk}
    logger.error("customer %s: not settled: another transaction holds its row", one.claim.pk, extra=extra)
    return Settled.LEASE_LOST


def settle(finished: Sequence[Finished]) -> list[Settled]:
    """Write the result of each row, and return what was written, in the same order.

    The decision and the adopted values count only for an unchanged row: a change since the claim is newer than both.
    """
    settled: dict[int, Settled] = {}
    columns = [_columns(one) for one in finished]
    for numbers in _same_columns(finished, columns):
        together = [(finished[number].claim, columns[number]) for number in numbers]
        try:
            written = _settle_together(together[0][0].database, together)
        except (OperationalError, InterfaceError):
            written = set()
        settled |= {number: Settled.WRITTEN for number in numbers if finished[number].claim.pk in written}
    for number, one in enumerate(finished):
        if number not in settled:
            settled[number] = _settle_alone(one)
    return [settled[number] for number in range(len(finished))]


def _same_columns(finished: Sequence[Finished], columns: Sequence[Columns]) -> Iterable[list[int]]:
    """The positions of the rows, grouped by the columns to write."""

    def shape(number: int) -> tuple[str, list[str]]:
        return finished[number].claim.database, sorted(columns[number])

    for _shape, numbers in groupby(sorted(range(len(finished)), key=shape), shape):
        yield list(numbers)


def _columns(one: Finished) -> Columns:
    """All columns to write to an unchanged row."""
    return RedactedDict(_learnt(one.claim, one.result) | one.result.adopted | one.decision.columns)


def _learnt(claim: Claim, result: Result) -> Columns:
    """The certain facts, valid even for a row changed meanwhile. Only those that the row does not have."""
    learnt: Columns = RedactedDict()
    if result.base is not None:
        learnt["acknowledged"] = model_names(result.base)  # before in_doubt, because _each may copy it from there
    if result.shown is not None and result.shown != claim.shown:
        learnt["shown"] = model_names(result.shown)
    if result.written is not None and result.written != claim.written:
        learnt["written"] = model_names(result.written)
    learnt |= {"lease_expires_at": None, "in_doubt": result.in_doubt}
    if result.reference != claim.reference:
        learnt["customer_reference"] = result.reference
    if result.presence and (result.presence is Presence.GONE) != claim.gone:
        learnt["presence"] = result.presence
    if result.error and result.presence is Presence.GONE:
        learnt |= {"sync_error": result.error.words, "error_code": code_of(result.error)}
    if result.remote:
        learnt["pulled_at"] = host_now()
        learnt |= {name: value for name, value in result.remote.owned.items() if claim.owned[name] != value}
    return learnt


def _unadopted_images(claim: Claim, result: Result, names: Collection[str]) -> Columns:
    """What is known of the images, for a row that keeps its own values of these fields."""
    kept: Columns = RedactedDict()
    for column, before, now in (
        ("shown", claim.shown, result.shown),
        ("written", claim.written, result.written),
    ):
        if now is not None:
            others = {name: value for name, value in now.items() if name not in names}
            kept[column] = model_names(others | {name: value for name, value in before.items() if name in names})
    return kept


@retry_lost_connection
def _settle_together(database: str, together: list[tuple[Claim, Columns]]) -> set[Key]:
    """Write the same columns of many rows in one statement. Returns the keys of the written rows."""
    leases = {claim.lease for claim, _columns in together}
    rows = Customer.objects.using(database).filter(
        lease__in=leases, lease_expires_at__isnull=False, changed_since_claim=False
    )
    try:
        unique = _writes_reference(together[0][1])
        with data_errors(), transaction.atomic(using=database), short_waits(database, unique):
            pks = lock_free(rows, {claim.pk for claim, _columns in together}, unique=unique)
            together = [(claim, columns) for claim, columns in together if claim.pk in pks]
            values = RedactedDict({name: _each(name, together) for name in (together[0][1] if together else ())})
            if pks and rows.filter(pk__in=pks).update_unmarked(**values) != len(pks):
                raise _ChangedSinceClaim
    except _ChangedSinceClaim:
        return set()
    except (OperationalError, InterfaceError) as error:
        if is_lock_timeout(error):
            return set()
        raise
    except (DatabaseError, ValueError):
        return set()  # one row cannot be written; writing each alone shows which
    return pks


def _writes_reference(columns: Columns) -> bool:
    """Whether a unique column is among them."""
    return not _UNIQUE.isdisjoint(columns)


class _ChangedSinceClaim(Exception):
    """Some of the rows changed since the claim. Nothing was written."""


def _each(name: str, together: list[tuple[Claim, Columns]]) -> object:
    """The column's value for all rows: one common value, a copy of another column, or a value for each."""
    first = together[0][1][name]
    if all(columns[name] is first or columns[name] == first for _claim, columns in together):
        return first
    if name == "acknowledged" and all(
        columns[name] == claim.values and claim.in_doubt_since == [claim.values] for claim, columns in together
    ):
        # A copy of the values at the claim, not of the current columns: raw SQL may have changed these since.
        return F("in_doubt__0")
    column = model_field(name)
    values = {claim.pk: columns[name] for claim, columns in together}
    if any(hasattr(value, "resolve_expression") for value in values.values()):
        whens = [When(pk=pk, then=_as_expression(value, column)) for pk, value in values.items()]
        each: Expression = Case(*whens, default=F(name), output_field=column)
    else:
        each = _ByKey(column, values)
    casts = connections[together[0][0].database].features.requires_casted_case_in_updates
    return Cast(each, output_field=column) if casts else each


def _as_expression(value: object, column: Field[Any, Any]) -> object:
    return value if hasattr(value, "resolve_expression") else Value(value, column)


class _ByKey(Func):
    """The column's value for each primary key, and the column itself for any other row.

    Django's ``Case`` would copy and resolve an expression for each value. That costs more than the rest of the
    settling.
    """

    def __init__(self, column: Field[Any, Any], values: Mapping[Key, object]) -> None:
        super().__init__(F("pk"), F(column.name), output_field=column)
        self.column, self.values = column, values

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *arguments: Any, **context: Any
    ) -> tuple[str, tuple[Any, ...]]:
        key, column = (compiler.compile(one)[0] for one in self.get_source_expressions())
        parameters: list[Any] = []
        for pk, value in self.values.items():
            parameters.append(Customer._meta.pk.get_db_prep_value(pk, connection))
            parameters.append(self.column.get_db_prep_save(value, connection))
        return f"CASE {key}{' WHEN %s THEN %s' * len(self.values)} ELSE {column} END", tuple(parameters)


def _settle_alone(one: Finished) -> Settled:
    try:
        return _settle_one(one.claim.database, one)
    except (OperationalError, InterfaceError) as error:
        if is_lock_timeout(error):
            return Settled.ROW_LOCKED
        # The values in doubt stay. After the lease expires, the next worker looks the customer up.
        pk, kind = one.claim.pk, type(error).__name__
        logger.error("customer %s: not settled: %s", pk, kind, extra={"action": "settle", "customer": pk})
        return Settled.LEASE_LOST


@retry_lost_connection
def _settle_one(database: str, one: Finished) -> Settled:
    claim, result = one.claim, one.result
    learnt, row, columns = _learnt(claim, result), ours(claim), _columns(one)
    try:
        unique = _writes_reference(columns)
        with data_errors(), transaction.atomic(using=database), short_waits(database, unique):
            if not lock_free(row, {claim.pk}, unique=unique) and row.exists():
                return Settled.ROW_LOCKED
            if row.filter(changed_since_claim=False).update_unmarked(**columns):
                return Settled.WRITTEN
            # Not adopted after all, so not acknowledged either: the next comparison must see these as changed at
            # 2Checkout.
            if result.merged and result.base is not None:
                unadopted = RedactedDict(
                    {name: claim.base.get(name, claim.local[name]) for name in result.merged.adopt}
                )
                learnt["acknowledged"] = model_names({**result.base, **unadopted})
                learnt |= _unadopted_images(claim, result, result.merged.adopt)
            if columns.get("failing_since", ...) is None:
                learnt["failing_since"] = None  # 2Checkout acknowledged what was sent
            if row.update_unmarked(**learnt):
                return Settled.SUPERSEDED
            if result.updated and not late_writes.keep_in_doubt(claim):
                return Settled.ROW_LOCKED
    except IntegrityError:
        words = "Another row has this customer of 2Checkout already, or the reference that it carries there."
        return _settle_failure(one, RequestRejected(words))
    except (OperationalError, InterfaceError):
        raise
    except (DatabaseError, ValueError) as error:
        # An answer that the database cannot hold fails this row, and not its neighbours.
        return _settle_failure(
            one, UnreadableAnswer(f"What 2Checkout answered cannot be stored: {type(error).__name__}")
        )
    extra = {"action": "settle", "customer": claim.pk}
    logger.warning("customer %s: lease lost, nothing settled", claim.pk, extra=extra)
    return Settled.LEASE_LOST


def _settle_failure(one: Finished, error: TwoCheckoutError) -> Settled:
    """Settle a row with an unwritable result as failed. Its values in doubt stay, so the next attempt looks it up."""
    claim, result, decision = one.claim, one.result, one.decision
    result.error, result.merged = error, None
    new = after_push(claim, result) if claim.verb is Verb.PUSH else after_pull(claim, result)
    vars(decision).update(vars(new))
    row = ours(claim)
    with transaction.atomic(using=claim.database):
        if not lock_free(row, {claim.pk}) and row.exists():
            return Settled.ROW_LOCKED
        if row.filter(changed_since_claim=False).update_unmarked(lease_expires_at=None, **decision.columns):
            return Settled.WRITTEN
        if row.update_unmarked(lease_expires_at=None):
            return Settled.SUPERSEDED
        if result.updated and not late_writes.keep_in_doubt(claim):
            return Settled.ROW_LOCKED
        return Settled.LEASE_LOST
