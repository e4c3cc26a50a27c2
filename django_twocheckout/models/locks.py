"""Writes to rows without waiting for another transaction, for a project's may hold them for as long as it likes.

A row held by another transaction is passed over, and tried again for a moment. Only a key that another transaction is
inserting cannot be seen before it is written: there the database itself waits, for a second at the most.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import OperationalError, connections, models, transaction

from .querysets import CustomerQuerySet

M = TypeVar("M", bound=models.Model)
Q = TypeVar("Q", bound="models.QuerySet[Any]")

#: Seconds between the attempts to write to a row that another transaction holds.
PAUSES = (0.0, 0.01, 0.04, 0.15, 0.3)
#: PostgreSQL's code, and MariaDB's and MySQL's, for a lock that was not to be had in time.
_TIMEOUT_STATE, _TIMEOUT_NUMBER = "55P03", 1205


def attempts(pauses: Sequence[float] = PAUSES) -> Iterator[None]:
    """One attempt after each of these pauses, in seconds. The caller ends them with its success."""
    for pause in pauses:
        if pause:
            time.sleep(pause)
        yield


def has_row_locks(database: str) -> bool:
    """Whether a statement can pass over locked rows on this database."""
    return bool(connections[database].features.has_select_for_update_skip_locked)


def lock_rows(rows: models.QuerySet[M], *, unique: bool = False) -> list[Any]:
    """Lock those of the rows that no other transaction holds. Returns their primary keys.

    *unique*: a unique column will be written, which conflicts even with a transaction that only refers to the row.
    """
    return list(locking(rows, unique=unique).values_list("pk", flat=True))


def locking(rows: Q, *, unique: bool = False) -> Q:
    """The same rows, locked as they are read, without those that another transaction holds. *unique*: as above."""
    weaker = not unique and connections[rows.db].features.has_select_for_no_key_update
    return rows.select_for_update(skip_locked=True, no_key=weaker)


def update_free(rows: models.QuerySet[M], **values: object) -> int:
    """Update those of the rows that no other transaction holds. Returns their number.

    Tries again for half a second while there are such rows and all are held. Marks no customer as pending.
    """
    return _update_unlocked(rows, values, every=False)


def update_all(rows: models.QuerySet[M], **values: object) -> int:
    """As :func:`update_free`, but tries again also while single rows are held. *values* end that a row is among these.

    Returns the number of updated rows. Rows held for longer than half a second stay as they are.
    """
    return _update_unlocked(rows, values, every=True)


def _update_unlocked(rows: models.QuerySet[M], values: dict[str, object], *, every: bool) -> int:
    if not has_row_locks(rows.db):
        return _update(rows, values)
    count = 0
    for _attempt in attempts():
        with transaction.atomic(using=rows.db):
            if pks := lock_rows(rows):
                count += _update(rows.filter(pk__in=pks), values)
        if (count and not every) or not rows.exists():
            break
    return count


def delete_free(rows: models.QuerySet[M]) -> None:
    """Delete those of the rows that no other transaction holds."""
    with transaction.atomic(using=rows.db):
        (rows.filter(pk__in=lock_rows(rows)) if has_row_locks(rows.db) else rows).delete()


def _update(rows: models.QuerySet[M], values: dict[str, object]) -> int:
    return rows.update_unmarked(**values) if isinstance(rows, CustomerQuerySet) else rows.update(**values)


@contextmanager
def short_waits(database: str, needed: bool = True) -> Iterator[None]:
    """Inside a transaction: let no statement wait longer than a second for a key that another one is inserting.

    The statement then fails with an error that :func:`is_lock_timeout` knows. Not *needed*: changes nothing.
    """
    connection = connections[database]
    if not needed or connection.vendor not in ("postgresql", "mysql"):
        yield
        return
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL lock_timeout = 1000")  # until the transaction's end
            yield
            return
        cursor.execute("SELECT @@SESSION.innodb_lock_wait_timeout")
        [before] = cursor.fetchone()
        cursor.execute("SET SESSION innodb_lock_wait_timeout = 1")
        try:
            yield
        finally:
            # After an error Django refuses every statement until the rollback, and would hide the error by that.
            failed = transaction.get_rollback(using=database)
            transaction.set_rollback(False, using=database)
            try:
                cursor.execute(f"SET SESSION innodb_lock_wait_timeout = {int(before)}")
            finally:
                transaction.set_rollback(failed, using=database)


def is_lock_timeout(error: BaseException) -> bool:
    """Whether the database refused because another transaction holds a row or a key."""
    if not isinstance(error, OperationalError):
        return False
    state = getattr(error.__cause__, "sqlstate", None) or getattr(error.__cause__, "pgcode", None)
    return state == _TIMEOUT_STATE or error.args[:1] == (_TIMEOUT_NUMBER,)
