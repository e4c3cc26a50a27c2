"""Bulk writes to the project's objects: they mark what they write, and the sweep mirrors it in portions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from itertools import islice
from typing import Any, TypeVar

from django.db import connections, models, transaction

from .marks import mark
from .registry import Mirror, mirror_of

M = TypeVar("M", bound=models.Model)

#: Objects marked in one statement where their keys are given.
PORTION = 1000

#: Whether the bulk write that is under way marks by itself, and not in each of Django's statements.
_marks_itself: ContextVar[bool] = ContextVar("marks_itself", default=False)


def refresh(queryset: models.QuerySet[Any]) -> None:
    """Mark these objects of a mirrored model, so that a sweep mirrors them within moments.

    For whatever the mirror's function reads beside the object: call it where that was saved. It costs one statement,
    for one object as for a million, and waits for no lock. In a transaction the marks are committed with it. Raises
    ValueError if the model has no mirror.
    """
    mirror = mirror_of(queryset.model)
    if mirror is None:
        raise ValueError(f"{queryset.model._meta.label} has no mirror.")
    using = write_database(queryset)
    with _in_transaction(using):
        mark(mirror, queryset.using(using))


class MirroredQuerySet(models.QuerySet[M]):
    """Marks what is written in bulk, in the same transaction: with ``update``, ``bulk_update`` and ``bulk_create``.

    ``objects = MirroredQuerySet.as_manager()`` in a mirrored model. Marking costs one statement for an ``update``, and
    one for each thousand objects of the others.
    """

    def update(self, **values: Any) -> int:
        mirror = None if _marks_itself.get() else mirror_of(self.model)
        if mirror is None:
            return super().update(**values)
        using = write_database(self)
        with _in_transaction(using):
            mark(mirror, self.using(using))  # before, because afterwards they may not match any more
            return super().update(**values)

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(self, objs: Iterable[M], *args: Any, **options: Any) -> list[M]:
        mirror, using = mirror_of(self.model), write_database(self)
        if mirror is None:
            return super().bulk_create(objs, *args, **options)
        with _in_transaction(using):
            created = super().bulk_create(objs, *args, **options)
            _mark_objects(mirror, created, using)
        return created

    def bulk_update(self, objs: Iterable[M], fields: Iterable[str], batch_size: int | None = None) -> int:
        mirror, using, objs = mirror_of(self.model), write_database(self), list(objs)
        if mirror is None:
            return super().bulk_update(objs, fields, batch_size)
        with _in_transaction(using), _marking_once():
            count = super().bulk_update(objs, fields, batch_size)
            _mark_objects(mirror, objs, using)
        return count

    bulk_update.alters_data = True  # type: ignore[attr-defined]


def write_database(queryset: models.QuerySet[Any]) -> str:
    """The database that a write of this queryset goes to."""
    return queryset.select_for_update().db


def _mark_objects(mirror: Mirror, objs: Collection[models.Model], using: str) -> None:
    keys = [mirror.key_of(one) for one in objs]
    if None in keys:
        # Not every database tells the keys of what it inserted. These objects have no customer yet.
        mark(mirror, mirror.rows(using).filter(**{f"{mirror.link}__isnull": True}))
    known = iter(key for key in keys if key is not None)
    while some := list(islice(known, PORTION)):
        mark(mirror, mirror.rows(using).filter(pk__in=some))


def _in_transaction(using: str) -> AbstractContextManager[None]:
    """A transaction, unless the project has opened one."""
    return nullcontext() if connections[using].in_atomic_block else transaction.atomic(using=using)


@contextmanager
def _marking_once() -> Iterator[None]:
    token = _marks_itself.set(True)
    try:
        yield
    finally:
        _marks_itself.reset(token)
