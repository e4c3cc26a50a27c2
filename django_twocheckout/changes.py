"""Makes ``save()`` write only what this instance changed, so that an instance loaded long ago undoes nobody's work.

Between the host's code and the row: a stale instance must not take back a reference, a sync state or a value that the
engine wrote meanwhile. Costs no statement: the UPDATE just names fewer columns, and has the mark in it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from copy import deepcopy
from functools import partial
from typing import Any, ClassVar, Self

from django.db import connections, models, router
from django.db.models import Field


class ChangedFieldsOnly(models.Model):
    """``save()`` updates the fields whose values differ from those loaded, refreshed or last saved.

    Everything else is as Django has it: signals, ``raw``, a row that was deleted meanwhile. Where nothing is known of
    the row (an instance made by hand with an existing key), all fields but the engine's are written.
    """

    #: Written by the engine; a save writes one of these only if the host assigned it.
    ENGINE_FIELDS: ClassVar[frozenset[str]] = frozenset()

    #: Whether the last save made the row pending.
    was_marked = False
    # As the database has it, by attribute; None while not even the INSERT is known to be committed.
    _loaded: dict[str, Any] | None = None
    # Written in a transaction that may still be rolled back, so every further save writes it again.
    _uncommitted: dict[str, Any] = {}
    _raw = False
    _written: set[str] | None = None

    class Meta:
        abstract = True

    @classmethod
    def from_db(cls, db: str | None, field_names: Iterable[str], values: Collection[Any], **options: Any) -> Self:
        names = list(field_names)
        instance = super().from_db(db, names, values, **options)
        instance._loaded = dict(zip(names, map(_frozen, values), strict=True))
        return instance

    def refresh_from_db(self, using: str | None = None, fields: Any = None, from_queryset: Any = None) -> None:
        super().refresh_from_db(using, fields, from_queryset)
        self._remember(self._values(None if fields is None else set(fields)))

    def unsaved_fields(self) -> set[str]:
        """The fields that were assigned since loading or saving, as far as that is known."""
        known = {**(self._loaded or {}), **self._uncommitted}
        return {name for name, value in self._values().items() if known and (name not in known or value != known[name])}

    def is_copy(self, using: str) -> bool:
        """Whether the instance was loaded as another row than the one it is about to be."""
        return self._loaded is not None and not self._is_known(using)

    def remember_written(self, using: str, names: set[str] | None = None) -> None:
        """Take the fields (all, if None) as written, for good once the transaction is committed."""
        values = self._values(names)
        if connections[using].in_atomic_block:
            self._uncommitted = {**self._uncommitted, **values}
            connections[using].on_commit(partial(self._remember, values))
        else:
            self._remember(values)

    def before_update(self, names: set[str], *, asked: bool) -> dict[str, Any]:
        """Called with the names about to be written, *asked* for by the caller or changed; returns columns to add."""
        return {}

    def before_insert(self, *, copied: bool) -> None:
        """Called before an INSERT; *copied* if the instance was loaded as another row."""

    # Django has no public place between the pre_save signal and the statement, where it is known what is to be written,
    # nor one between the statement and the post_save signal, whose receivers may save again. These three are such
    # places.

    def _save_table(self, raw: bool = False, cls: Any = None, *args: Any, **kwargs: Any) -> bool:
        if not _is_ours(cls):
            return bool(super()._save_table(raw, cls, *args, **kwargs))  # type: ignore[misc]
        self._raw, self._written, self.was_marked = raw, None, False
        updated = bool(super()._save_table(raw, cls, *args, **kwargs))  # type: ignore[misc]
        self.remember_written(kwargs["using"] if "using" in kwargs else args[2], self._written)
        return updated

    def _do_update(self, base_qs: Any, using: Any, pk_val: Any, values: Any, update_fields: Any, *rest: Any) -> Any:
        if _is_ours(base_qs.model) and not self._raw:
            # Django itself names the fields where some are deferred.
            asked = update_fields is not None and not self.get_deferred_fields()
            values = self._changes(values, using, asked=asked)
            if not values:
                update_fields = None  # then Django looks whether the row is there
        return super()._do_update(base_qs, using, pk_val, values, update_fields, *rest)

    def _do_insert(self, manager: Any, using: Any, *rest: Any) -> Any:
        if _is_ours(manager.model) and not self._raw:
            self._written, self.was_marked = None, True
            self.before_insert(copied=self.is_copy(using))
        return super()._do_insert(manager, using, *rest)  # type: ignore[misc]

    def _changes(self, values: Any, using: str, *, asked: bool) -> list[Any]:
        """What to write of what Django would: the changes, and what is added to them."""
        known = self._is_known(using)
        written = [item for item in values if self._is_change(item[0], item[2], known) or (asked and not known)]
        names = {field.name for field, _model, _value in written}
        added = self.before_update(names, asked=asked)
        self.was_marked = bool(added)
        written = [item for item in written if item[0].name not in added]
        written += [(self._meta.get_field(name), None, value) for name, value in added.items()]
        self._written = {field.attname for field, _model, _value in written}
        return written

    def _is_change(self, field: Field[Any, Any], value: Any, known: bool) -> bool:
        name = field.attname
        if getattr(field, "auto_now", False):
            return True
        if name in self._uncommitted:
            return field.name not in self.ENGINE_FIELDS or _differs(value, self._uncommitted[name])
        if known and self._loaded is not None and name in self._loaded:
            return _differs(value, self._loaded[name])
        return field.name not in self.ENGINE_FIELDS

    def _is_known(self, using: str) -> bool:
        """Whether what was loaded is the row that is about to be written."""
        key = _our_key(type(self))
        at_home = using in (self._state.db, router.db_for_write(type(self), instance=self))
        return self._loaded is not None and at_home and self._loaded.get(key) == self.__dict__.get(key)

    def _remember(self, values: dict[str, Any]) -> None:
        # New dictionaries, for copies of this instance share the old ones.
        self._loaded = (self._loaded or {}) | values
        self._uncommitted = {name: value for name, value in self._uncommitted.items() if name not in values}

    def _values(self, names: set[str] | None = None) -> dict[str, Any]:
        """The values at hand, by attribute: of all fields, or of these and the key."""
        return {
            field.attname: _frozen(self.__dict__[field.attname])
            for field in self._meta.concrete_fields
            if field.attname in self.__dict__
            and (names is None or field.primary_key or not names.isdisjoint((field.attname, field.name)))
        }


def _is_ours(model: type[models.Model]) -> bool:
    """Whether this model's own table is the one with the tracked fields: no subclass's additional table."""
    return "ENGINE_FIELDS" in vars(model._meta.concrete_model)


def _our_key(model: type[models.Model]) -> str:
    ours = next(base for base in model.__mro__ if "ENGINE_FIELDS" in vars(base))
    return str(ours._meta.pk.attname)  # type: ignore[attr-defined]


def _differs(value: Any, other: Any) -> bool:
    """An expression counts once for each time it is assigned, though two may look alike."""
    return value is not other if hasattr(value, "resolve_expression") else bool(value != other)


def _frozen(value: Any) -> Any:
    """A copy of what could be changed in place."""
    return deepcopy(value) if isinstance(value, list | dict) else value
