"""Marks rows as pending in the very statement that changes them, also where no signal would tell: the bulk doors.

``update``, ``bulk_update`` and ``bulk_create`` mark what they write. ``settle`` is the engine's way in: it marks
nothing, so what the engine writes wakes nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.db.models.functions import Cast, Now
from django.utils import timezone

from .signals import customers_marked

if TYPE_CHECKING:
    from .models import Customer


#: A save is due at once also where the web host's clock is ahead of the database's by as much. It also puts what was
#: never tried before what is tried again.
CLOCKS_DIFFER_BY = timedelta(minutes=10)


class DatabaseNow(Now):
    """The database's clock, which is the same for all workers."""

    def as_mysql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        if connection.timezone_name != "UTC":
            return compiler.compile(Cast(_our_now(), models.DateTimeField()))  # a value comes back as a text
        # CURRENT_TIMESTAMP is in the session's time zone, which Django leaves as it finds it.
        return self.as_sql(compiler, connection, template="UTC_TIMESTAMP(6)", **context)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        if connection.timezone_name != "UTC":
            return compiler.compile(_our_now())
        return super().as_sqlite(compiler, connection, **context)


def _our_now() -> models.Value:
    """Our own clock's time, where the database keeps its times in a zone of its own (DATABASES, TIME_ZONE)."""
    return models.Value(timezone.now(), models.DateTimeField())


_DATABASE_NOW = DatabaseNow()  # one for all, for making and comparing them costs more than the rest of a row's settling


def database_now() -> Any:
    """What stands for "now" in a statement."""
    now = timezone.now()
    return _DATABASE_NOW if timezone.is_aware(now) else models.Value(now)


def with_clock(rows: Any) -> Any:
    """The rows, each with the database's clock, for :func:`clock_of`."""
    return rows.annotate(now=DatabaseNow()) if timezone.is_aware(timezone.now()) else rows


def clock_of(row: Any) -> datetime:
    """The database's clock when the row was read."""
    now: datetime = getattr(row, "now", None) or timezone.now()
    return now


def due_now() -> datetime:
    """The time of the next try of a row that was just changed."""
    return timezone.now() - CLOCKS_DIFFER_BY


def mark() -> dict[str, Any]:
    """The columns that make a row pending, due now, and changed for whoever has it in flight."""
    return {
        "sync_state": "pending",
        "sync_error": "",
        "error_code": "",
        "tries": 0,
        "next_try_at": due_now(),
        "pending_since": timezone.now(),
        "touched": True,
    }


class CustomerQuerySet(models.QuerySet["Customer"]):
    def update(self, **values: Any) -> int:
        """Update the rows; if a field that 2Checkout has too is among *values*, mark them as pending in the same
        statement."""
        if self.model.PUSHED_FIELDS.isdisjoint(values):
            return super().update(**values)
        count = super().update(**(mark() | values))
        if count:
            self._tell()
        return count

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(
        self,
        objs: Iterable[Customer],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Collection[str] | None = None,
        unique_fields: Collection[str] | None = None,
    ) -> list[Customer]:
        """Create the rows, which are born pending, and mark those that ``update_conflicts`` changes instead."""
        objs = list(objs)
        marks = mark() if update_conflicts and not self.model.PUSHED_FIELDS.isdisjoint(update_fields or ()) else {}
        if marks:
            update_fields = [*dict.fromkeys([*(update_fields or ()), *marks])]
        for customer in objs:
            customer.before_insert(copied=customer.is_copy(self.db))
            customer.assign(**marks)
        created = super().bulk_create(
            objs, batch_size, ignore_conflicts, update_conflicts, update_fields, unique_fields
        )
        if not ignore_conflicts:
            for customer in created:
                customer.remember_written(self.db, set(update_fields or ()) if update_conflicts else None)
        if created:
            self._tell()
        return created

    def bulk_update(self, objs: Iterable[Customer], fields: Iterable[str], batch_size: int | None = None) -> int:
        """Update these fields of the rows, as :meth:`update` does."""
        objs, fields = list(objs), list(fields)
        count = super().bulk_update(objs, fields, batch_size)
        for customer in objs:
            customer.remember_written(self.db, set(fields))
        return count

    def mark_pending(self) -> int:
        """Mark the rows as pending and due now, as a save would; a failed row starts afresh."""
        return super().update(**mark())

    def settle(self, **values: Any) -> int:
        """Write what the engine learnt: no mark, no signal."""
        return super().update(**values)

    settle.alters_data = True  # type: ignore[attr-defined]
    mark_pending.alters_data = True  # type: ignore[attr-defined]

    def due(self) -> CustomerQuerySet:
        """Rows that are pending, whose time to be tried has come, and that no live worker holds; the longest due
        first."""
        pending = self.filter(sync_state="pending", next_try_at__lte=database_now())
        return pending.free().order_by("next_try_at", "pk")

    def free(self) -> CustomerQuerySet:
        """Rows that no live worker holds."""
        return self.exclude(lease_until__gt=database_now())

    def _tell(self) -> None:
        transaction.on_commit(
            lambda: customers_marked.send_robust(sender=self.model, using=self.db), using=self.db, robust=True
        )


CustomerManager = models.Manager.from_queryset(CustomerQuerySet)
