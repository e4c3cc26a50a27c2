"""Makes ``save()`` write only what this instance changed, so that an instance loaded long ago undoes nobody's work.

Between the host's code and the row: a stale instance must not take back a reference, a sync state or a value that the
engine wrote meanwhile. Costs no statement: the UPDATE just names fewer columns.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from copy import deepcopy
from functools import partial
from typing import Any, Self

from django.db import models, router, transaction
from django.db.models import Field


class ChangedFieldsOnly(models.Model):
    """``save()`` updates the fields whose values differ from those loaded, refreshed or last saved.

    Fields that decide their own value at saving, as ``auto_now`` does, are always written. A row that was deleted
    meanwhile is not brought back: ``save()`` raises Django's DatabaseError (its subclass NotUpdated from Django 6.0
    on).
    """

    # As the database has it; None while not even the INSERT is known to be committed: then Django's own way is taken.
    _loaded: dict[str, Any] | None = None
    # Written in a transaction that may still be rolled back, so every further save writes it again.
    _unsure: frozenset[str] = frozenset()

    class Meta:
        abstract = True

    def save(
        self,
        *,
        force_insert: Any = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        using = using or router.db_for_write(type(self), instance=self)
        known = self._is_known_in(using) and not force_insert
        if known or update_fields is not None:
            changed = self._changed()
            written = changed if update_fields is None else self._values(set(update_fields)).keys()
            update_fields = {*written, *self.mark_changed(written & changed)}
        elif not self._state.adding:
            self.mark_changed(self._values().keys())
        super().save(force_insert=force_insert, force_update=force_update, using=using, update_fields=update_fields)
        self.remember_after_commit(using, update_fields)

    @classmethod
    def from_db(cls, db: str | None, field_names: Iterable[str], values: Collection[Any], **options: Any) -> Self:
        names = list(field_names)
        instance = super().from_db(db, names, values, **options)
        instance._loaded = dict(zip(names, map(_frozen, values), strict=True))
        return instance

    def refresh_from_db(self, using: str | None = None, fields: Any = None, from_queryset: Any = None) -> None:
        super().refresh_from_db(using, fields, from_queryset)
        self._remember(self._values(None if fields is None else set(fields)))

    def mark_changed(self, names: Iterable[str]) -> Iterable[str]:
        """Called before these fields are written; may assign others and return their names, to be written with them."""
        return ()

    def unsaved_fields(self) -> set[str]:
        """The fields that were assigned since loading or saving, as far as that is known."""
        return {
            name
            for name, value in (self._loaded or {}).items()
            if name in self.__dict__ and name not in self._unsure and self.__dict__[name] != value
        }

    def remember_after_commit(self, using: str, names: Iterable[str] | None = None) -> None:
        """Take the fields (all, if None) as written once the transaction is committed."""
        values = self._values(None if names is None else set(names))
        self._unsure |= values.keys()
        transaction.on_commit(partial(self._remember, values), using=using)

    def _remember(self, values: dict[str, Any]) -> None:
        # A new dictionary, for copies of this instance share the old one.
        self._loaded = (self._loaded or {}) | values
        self._unsure -= values.keys()

    def _is_known_in(self, using: str) -> bool:
        return (
            self._loaded is not None
            and not self._state.adding
            and self._state.db == using
            and self.pk is not None
            and self.pk == self._loaded.get(self._meta.pk.attname)
        )

    def _values(self, names: set[str] | None = None) -> dict[str, Any]:
        """The values at hand, by attribute name; with *names*, only of these fields."""
        return {
            field.attname: _frozen(self.__dict__[field.attname])
            for field in self._meta.concrete_fields
            if field.attname in self.__dict__ and (names is None or field.attname in names or field.name in names)
        }

    def _changed(self) -> set[str]:
        loaded = self._loaded or {}
        return {
            field.attname
            for field in self._meta.concrete_fields
            if not field.primary_key
            and field.attname in self.__dict__
            and (
                type(field).pre_save is not Field.pre_save
                or field.attname in self._unsure
                or field.attname not in loaded
                or self.__dict__[field.attname] != loaded[field.attname]
            )
        }


def _frozen(value: Any) -> Any:
    """A copy of what could be changed in place."""
    return deepcopy(value) if isinstance(value, list | dict) else value
