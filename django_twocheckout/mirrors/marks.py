"""Marks objects for the sweep, durably and without waiting for any lock: after bulk writes, and after failures."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db import connections, models
from django.db.models import CharField, F, IntegerField, TextField, Value
from django.db.models.functions import Cast

from ..models import LONG_DUE, MirrorMark, after_commit, customers_marked, database_now
from ..models.clock import UTCDateTimeField
from .fields import FieldsRefused
from .registry import Mirror

logger = logging.getLogger("twocheckout")

#: Seconds until the first retry, doubled each time, and the longest wait.
FIRST_BACKOFF, LONGEST_BACKOFF = 60.0, 3600.0
#: Seconds until an object is tried again that a transaction of the project has locked.
BUSY_SECONDS = 5.0


def mark(mirror: Mirror, rows: models.QuerySet[Any]) -> int:
    """Mark all these objects, in one statement that reads their keys itself. Returns their number."""
    using = rows.db
    columns: dict[str, Any] = {
        "mirror": Value(mirror.label, CharField()),
        "object_key": Cast(F(mirror.model._meta.pk.name), CharField(max_length=255)),
        "reason": Value("", TextField()),
        "failed_attempts": Value(0, IntegerField()),
        "due_at": Value(LONG_DUE, UTCDateTimeField()),
    }
    selected = rows if rows.query.is_sliced else rows.order_by()
    sql, parameters = selected.values_list(*columns.values()).query.get_compiler(using).as_sql()
    quote = connections[using].ops.quote_name
    names = ", ".join(map(quote, columns))
    with connections[using].cursor() as cursor:
        cursor.execute(f"INSERT INTO {quote(MirrorMark._meta.db_table)} ({names}) {sql}", parameters)
        count: int = cursor.rowcount
    if count:
        wake(using)
    return count


def mark_keys(
    mirror: Mirror, keys: Iterable[Any], using: str, *, reason: str = "", failed_attempts: int = 0, seconds: float = 0.0
) -> None:
    """Mark the objects with these keys. *seconds*: not before so long."""
    due_at = database_now() + timedelta(seconds=seconds) if seconds else LONG_DUE
    marks = [
        MirrorMark(mirror=mirror.label, object_key=key, reason=reason, failed_attempts=failed_attempts, due_at=due_at)
        for key in keys
    ]
    MirrorMark.objects.using(using).bulk_create(marks)
    if not seconds:
        wake(using)


def wake(using: str) -> None:
    """Have a worker woken for the marks, once they are committed."""

    def send_customers_marked() -> None:
        customers_marked.send_robust(sender=MirrorMark, using=using)

    after_commit(send_customers_marked, using)


def backoff(failed_attempts: int) -> float:
    """Seconds until the next try after so many failed ones."""
    return min(FIRST_BACKOFF * 2.0 ** min(failed_attempts - 1, 10), LONGEST_BACKOFF)


def failure(mirror: Mirror, key: Any, error: Exception) -> str:
    """Log why an object has no customer, or an old one. Returns the words for its mark, without values."""
    if isinstance(error, FieldsRefused):
        words = f"{mirror.name}: {error}."
        where = ""
    else:
        # The exception's text may quote values, so there is only its type and place.
        words = f"{mirror.name} failed with {type(error).__name__}."
        where = "\n" + "".join(traceback.format_tb(error.__traceback__))
    facts = {"action": "mirror.failed"}
    logger.error("%s %s: not mirrored: %s%s", mirror.label, key, words, where, extra=facts)
    return words
