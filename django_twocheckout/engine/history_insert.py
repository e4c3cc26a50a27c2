"""Inserts the history's lines: on PostgreSQL in statements that name the common values once, elsewhere as Django does.

Most lines of a batch differ in three columns, but Django prepares each value of each line.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from django.db import connections

from ..models import Attempt

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

#: The columns in which the lines of a batch differ. Each is one array.
_EACH = ("customer_id", "at", "milliseconds")
#: With more different lines in a batch than this, Django's own statement is shorter.
_KINDS = 8


def insert(lines: Iterable[Attempt], database: str) -> None:
    """Insert these lines, in a statement or a few. Raises DatabaseError."""
    lines, connection = list(lines), connections[database]
    kinds: dict[tuple[Any, ...], list[Attempt]] = defaultdict(list)
    common = [field for field in Attempt._meta.concrete_fields if not field.primary_key and field.attname not in _EACH]
    if connection.vendor == "postgresql":
        for line in lines:
            kinds[tuple(getattr(line, field.attname) for field in common)].append(line)
    if not kinds or len(kinds) > min(_KINDS, len(lines) // 2):
        Attempt.objects.using(database).bulk_create(lines)
        return
    for values, alike in kinds.items():
        _insert_alike(connection, common, values, alike)


def _insert_alike(
    connection: BaseDatabaseWrapper, common: Sequence[Any], values: Sequence[Any], lines: Sequence[Attempt]
) -> None:
    quote = connection.ops.quote_name
    each: list[Any] = [Attempt._meta.get_field(name.removesuffix("_id")) for name in _EACH]
    names = ", ".join(quote(field.column) for field in [*common, *each])
    scalars = ", ".join(f"%s::{field.db_type(connection)}" for field in common)
    arrays = ", ".join(f"%s::{field.db_type(connection)}[]" for field in each)
    parameters = [field.get_db_prep_save(value, connection) for field, value in zip(common, values, strict=True)]
    parameters += [
        [field.get_db_prep_save(getattr(line, field.attname), connection) for line in lines] for field in each
    ]
    sql = f"INSERT INTO {quote(Attempt._meta.db_table)} ({names}) SELECT {scalars}, * FROM UNNEST({arrays})"  # noqa: S608 - our own names
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
