"""What an instance knows of its row, and until when: loaded, saved and committed, or saved and perhaps rolled back.

Beside :mod:`.dirty_fields`, which compares with it at each save.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.db import models

from .querysets import after_commit

if TYPE_CHECKING:
    from .dirty_fields import DirtyFields

Values = Mapping[str, object]
#: Called with a row's key and the database's alias.
OnCommitted = Callable[[Any, str], None]

#: Fields whose values cannot change in place. Values of other fields are copied where they are lists or the like.
_IMMUTABLE = (
    models.BooleanField,
    models.CharField,
    models.DateField,
    models.DecimalField,
    models.DurationField,
    models.FloatField,
    models.ForeignKey,
    models.GenericIPAddressField,
    models.IntegerField,
    models.TextField,
    models.TimeField,
    models.UUIDField,
)


class RowMemory:
    """The values that an instance's row is known to have, by attribute. Never changed, for copies of the instance share
    it; each change makes a new one."""

    __slots__ = ("alias", "committed", "written")

    def __init__(
        self, alias: str | None, committed: Values, written: tuple[tuple[weakref.ref[Stamp], Values], ...] = ()
    ) -> None:
        self.alias = alias
        #: Loaded, or saved and committed.
        self.committed = committed
        #: Saved in transactions that have not ended, each with the stamp that lives as long as it may be committed.
        self.written = written

    def __reduce__(self) -> tuple[type[RowMemory], tuple[str | None, Values]]:
        return type(self), (self.alias, self.committed)  # what is not committed may be rolled back without our notice

    def known(self) -> dict[str, object]:
        """What the row has, as this transaction sees it. What was rolled back is not among it."""
        known = dict(self.committed)
        for stamp, values in self.written:
            if stamp() is not None:
                known.update(values)
        return known

    def value_of(self, name: str) -> object:
        """One value of :meth:`known`, without making the rest."""
        for stamp, values in reversed(self.written):
            if name in values and stamp() is not None:
                return values[name]
        return self.committed.get(name)

    def loaded(self, values: Values) -> RowMemory:
        """With these values, which were just read."""
        return RowMemory(self.alias, {**self.known(), **values})

    def saved(self, stamp: Stamp | None, values: Values) -> RowMemory:
        """With these values, which were just written; *stamp*: in a transaction that has not ended."""
        alive = tuple((other, kept) for other, kept in self.written if other() is not None)
        if stamp is None:
            return RowMemory(self.alias, {**self.committed, **values}, alive)
        return RowMemory(self.alias, self.committed, (*alive, (weakref.ref(stamp), values)))

    def commit(self, stamp: Stamp) -> RowMemory:
        """With the values of this stamp as committed."""
        committed, written = dict(self.committed), []
        for other, values in self.written:
            if other() is stamp:
                committed.update(values)
            else:
                written.append((other, values))
        return RowMemory(self.alias, committed, tuple(written))


class Stamp(weakref.ref["DirtyFields"]):
    """A transaction's entry for one save: called if it is committed, and dropped if it is rolled back.

    Only the transaction holds it. It is a weak reference to its instance, so that a long transaction keeps no
    instances, and small, for a transaction may have many.
    """

    __slots__ = ("__weakref__", "action", "pk", "using")

    #: What else waits for the commit, so that a save has one entry and no more.
    action: OnCommitted | None
    pk: Any
    using: str

    def __call__(self) -> Any:
        instance = super().__call__()
        if instance is not None and instance.row_memory is not None:
            instance.row_memory = instance.row_memory.commit(self)
        if self.action is not None:
            self.action(self.pk, self.using)

    def __getattr__(self, name: str) -> str:
        if name == "__qualname__":  # by which Django names an entry that fails
            return type(self).__qualname__
        raise AttributeError(name)


def stamp_of(instance: DirtyFields, using: str) -> Stamp:
    """A new entry in the transaction."""
    stamp = Stamp(instance)
    stamp.action, stamp.pk, stamp.using = None, None, using
    after_commit(stamp, using)
    return stamp


@lru_cache
def mutable_names(model: type[DirtyFields]) -> tuple[str, ...]:
    """Attributes of the project's fields whose values may change in place."""
    return tuple(
        field.attname
        for field in model._meta.concrete_fields
        if field.name not in model.ENGINE_FIELDS and not isinstance(field, _IMMUTABLE)
    )


def frozen(value: Any) -> Any:
    """A copy of what could be changed in place."""
    return deepcopy(value) if isinstance(value, list | dict | set | bytearray) else value
