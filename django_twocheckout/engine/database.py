"""Portable tricks for the engine's writes.

They retry after a lost connection, pass over rows locked by others, and refuse to write inside another transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from django.db import DataError, Error, InterfaceError, OperationalError, connections, transaction

from ..exceptions import InTransaction
from ..models import CustomerQuerySet, has_row_locks, is_lock_timeout, lock_rows
from ..redaction import without_frames
from .records import Key

P = ParamSpec("P")
T = TypeVar("T")

#: MariaDB's and MySQL's number for a text that the column's character set does not have.
_NO_SUCH_CHARACTER = 1366


def retry_lost_connection(act: Callable[Concatenate[str, P], T]) -> Callable[Concatenate[str, P], T]:
    """Call the function once more, on a new connection, after a lost connection or a deadlock at our cost.

    Its first argument is the database's alias. Database errors leave it without frames, because Django's frames hold
    the statement's values.
    """

    def retrying(database: str, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return act(database, *args, **kwargs)
        except (OperationalError, InterfaceError) as error:
            connection = connections[database]
            if connection.in_atomic_block or is_lock_timeout(error):
                raise
            connection.close()
            return act(database, *args, **kwargs)

    @wraps(act)
    def without_values(database: str, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return retrying(database, *args, **kwargs)
        except Error as error:
            bare = without_frames(error, note=True)
        raise bare

    return without_values


@contextmanager
def data_errors() -> Iterator[None]:
    """Raises DataError for a text that the database cannot store. Django takes MariaDB's error for an outage."""
    try:
        yield
    except OperationalError as error:
        if error.args[:1] != (_NO_SUCH_CHARACTER,):
            raise
    else:
        return
    raise DataError("A character that the column cannot store.")


@contextmanager
def durable(database: str) -> Iterator[None]:
    """A transaction of its own, whose commit no outer transaction can undo. Raises InTransaction inside another one."""
    with ExitStack() as stack:
        try:
            stack.enter_context(transaction.atomic(using=database, durable=True))
        except RuntimeError:  # Django's words do not say what to do
            raise InTransaction from None
        yield


def lock_free(rows: CustomerQuerySet, pks: set[Key], *, unique: bool = False) -> set[Key]:
    """Lock the rows without another lock, so that an UPDATE need not wait. Returns their keys.

    Returns all of *pks* on a database without row locks. *unique*: a unique column will be written.
    """
    if not has_row_locks(rows.db):
        return pks
    return set(lock_rows(rows.filter(pk__in=pks), unique=unique))
