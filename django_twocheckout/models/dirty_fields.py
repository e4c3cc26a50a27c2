"""Makes ``save()`` write only what this instance changed, so that an instance loaded long ago undoes no later write.

The first step of a save. A stale instance takes back no value that the engine or a colleague wrote meanwhile. It costs
no statement: the UPDATE names fewer columns, and has the mark in it. Django's public API alone is overridden.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Any, ClassVar, Self

from django.db import connections, models, router, transaction
from django.db.models.signals import post_save, pre_save

from .querysets import after_commit, log_dropped
from .row_memory import OnCommitted, RowMemory, Values, frozen, mutable_names, stamp_of


class _Save:
    """What one call of ``save()`` writes, until its statement is done."""

    __slots__ = ("asked", "before", "names")

    def __init__(self, names: frozenset[str] | None, before: Values, *, asked: bool) -> None:
        #: Names of the fields; None for all.
        self.names = names
        #: The instance's attributes when the call began.
        self.before = before
        #: Whether the caller named the fields.
        self.asked = asked


class DirtyFields(models.Model):
    """``save()`` updates the fields whose values differ from those loaded, refreshed or last saved.

    A row that was deleted meanwhile is not made again: that raises DatabaseError, as Django does for ``update_fields``.
    An instance made by hand with the key of a row writes all fields but the engine's.
    """

    #: Names of the fields that the engine alone writes.
    ENGINE_FIELDS: ClassVar[frozenset[str]] = frozenset()
    #: Names of the fields that mark a row when they are written.
    PUSHED_FIELDS: ClassVar[frozenset[str]] = frozenset()
    #: Names of the project's fields that :meth:`keep` has to see.
    FIXED_FIELDS: ClassVar[frozenset[str]] = frozenset()

    #: Whether the last save made the row pending.
    was_marked = False
    #: None while nothing is known of the row.
    row_memory: RowMemory | None = None
    #: During a raw save: the engine's attributes, while the row's own columns stand in for them.
    kept_columns: Values | None = None
    #: The save whose statement is not done yet.
    current_save: _Save | None = None

    class Meta:
        abstract = True

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any], **options: Any) -> Self:
        instance = super().from_db(db, field_names, values, **options)
        known = dict(instance.__dict__)
        for name in mutable_names(cls):
            if name in known:
                known[name] = frozen(known[name])
        instance.row_memory = RowMemory(db, known)
        return instance

    def refresh_from_db(self, using: str | None = None, fields: Any = None, from_queryset: Any = None) -> None:
        super().refresh_from_db(using, fields, from_queryset)
        values = self.row_values(None if fields is None else set(fields))
        alias = self._state.db
        self.row_memory = self.row_memory.loaded(values) if self.row_memory else RowMemory(alias, values)

    def save(
        self,
        *args: Any,
        force_insert: Any = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        """Write what this instance changed, and the mark with it; see the class."""
        if args:  # Django 5.2 still takes them by position
            given = dict(zip(("force_insert", "force_update", "using", "update_fields"), args, strict=False))
            return self.save(**given)
        using = using or router.db_for_write(type(self), instance=self)
        asked = None if update_fields is None else frozenset(update_fields)
        self.was_marked = False
        if self.pk is None or force_insert:
            return self.insert_row(using, asked, force_insert=force_insert)
        if self.is_known(using):
            return self.update_row(using, asked, force_update=force_update)
        with transaction.atomic(using=using):
            return self.overwrite_row(using, asked, force_update=force_update)

    def insert_row(self, using: str, asked: frozenset[str] | None, **options: Any) -> None:
        """Write a new row."""
        if asked is None:
            self.before_insert(copied=self.is_copy(using))
            self.was_marked = True
        self.write_row(using, asked, asked=asked is not None, **options)

    def update_row(self, using: str, asked: frozenset[str] | None, **options: Any) -> None:
        """Write what was changed, or what was asked for."""
        changed = self.changed_fields()
        engine = self.ENGINE_FIELDS & (changed if asked is None else asked)
        if engine:
            log_dropped(engine)
        names = (changed | auto_now_names(type(self)) if asked is None else asked) - self.ENGINE_FIELDS
        added = self.before_update(names, asked=asked is not None) if names else {}
        self.was_marked = bool(added)
        self.write_row(using, names | added.keys(), asked=asked is not None, **options)

    def overwrite_row(self, using: str, asked: frozenset[str] | None, **options: Any) -> None:
        """Write an instance of which nothing is known, made by hand with a key.

        The engine's columns of a row that is there are read first, so that they stay as they are.
        """
        base = engine_model(type(self))
        row = base._base_manager.using(using).filter(pk=self.base_key(base)).select_for_update()
        kept = row.values(*self.ENGINE_FIELDS, *self.FIXED_FIELDS).first()
        if kept is None:
            return self.insert_row(using, asked, **options)
        self.keep(kept)
        deferred = self.get_deferred_fields()
        every = {field.name for field in self._meta.concrete_fields if field.attname not in deferred}
        names = frozenset(every if asked is None else asked) - self.ENGINE_FIELDS - {self._meta.pk.name}
        added = self.before_update(names, asked=asked is not None)
        self.was_marked = bool(added)
        rows = type(self)._base_manager.using(using).filter(pk=self.pk)
        if asked is None and not rows.exists():  # a child that is put onto a row
            return self.write_row(using, None, asked=False, **options)
        return self.write_row(using, names | added.keys(), asked=asked is not None, **options)

    def base_key(self, base: type[models.Model]) -> Any:
        """The key of the row in the table with the engine's columns. A child may have another key of its own."""
        key = getattr(self, base._meta.pk.attname)
        link = self._meta.get_ancestor_link(base)
        return getattr(self, link.attname) if key is None and link is not None else key

    def write_row(self, using: str, names: frozenset[str] | None, *, asked: bool, **options: Any) -> None:
        """Let Django write these fields, or all."""
        self.current_save = _Save(names, dict(self.__dict__), asked=asked)
        try:
            super().save(using=using, update_fields=names, **options)
            self.statement_done(using)  # where the project mutes signals
        finally:
            self.current_save = None

    def statement_done(self, using: str) -> None:
        """Remember what was written, and write what a receiver of ``pre_save`` assigned to a field that was not."""
        done, self.current_save = self.current_save, None
        if done is None:
            return
        late = {} if done.names is None or done.asked else self.assigned_since(done.before, done.names)
        if late:
            added = self.before_update(frozenset(late), asked=False)
            self.was_marked = self.was_marked or bool(added)
            values = late | added
            type(self)._base_manager.using(using).filter(pk=self.pk).update(**values)
        self.remember_written(using, None if done.names is None else {*done.names, *late})

    def assigned_since(self, before: Values, names: Collection[str]) -> dict[str, object]:
        """The fields, apart from *names* and the engine's, whose values are not those of *before*."""
        return {
            field.name: self.__dict__[field.attname]
            for field in self._meta.concrete_fields
            if field.name not in names
            and field.name not in self.ENGINE_FIELDS
            and field.attname in before
            and _differs(self.__dict__.get(field.attname), before[field.attname])
        }

    def changed_fields(self) -> frozenset[str]:
        """Names of the fields whose values are not those that the row is known to have."""
        known = self.row_memory.known() if self.row_memory else {}
        return frozenset(
            field.name
            for field in self._meta.concrete_fields
            if field.attname in self.__dict__
            and (field.attname not in known or _differs(self.__dict__[field.attname], known[field.attname]))
        )

    def unsaved_fields(self) -> set[str]:
        """The fields, by attribute, that were assigned since loading or saving, as far as that is known."""
        changed = self.changed_fields() if self.row_memory else ()
        return {field.attname for field in self._meta.concrete_fields if field.name in changed}

    def is_known(self, using: str) -> bool:
        """Whether what is remembered is the row that is about to be written."""
        if self.row_memory is None:
            return False
        at_home = using in (self._state.db, router.db_for_write(type(self), instance=self))
        return at_home and self.row_memory.value_of(self._meta.pk.attname) == self.pk

    def is_copy(self, using: str) -> bool:
        """Whether the instance was loaded as another row than the one it is about to be."""
        return self.row_memory is not None and not self.is_known(using)

    def remember_written(self, using: str, names: Collection[str] | None = None) -> None:
        """Remember the fields (all, if None) as written, for good once the transaction is committed."""
        values = self.row_values(names)
        memory = self.row_memory
        if memory is None or not self.is_known(using):
            memory = RowMemory(using, {} if names is None else {self._meta.pk.attname: self.pk})
        stamp = stamp_of(self, using) if connections[using].in_atomic_block else None
        self.row_memory = memory.saved(stamp, values)

    def when_committed(self, action: OnCommitted, pk: Any, using: str) -> None:
        """Call the action with this key once the last save is committed; never if it is rolled back."""
        stamp = self.row_memory.written[-1][0]() if self.row_memory and self.row_memory.written else None
        if stamp is not None and stamp.action is None:
            stamp.action, stamp.pk = action, pk
            return

        # A function, no partial: Django names by __qualname__ what fails in on_commit.
        def act() -> None:
            action(pk, using)

        after_commit(act, using)

    def row_values(self, names: Collection[str] | None = None) -> dict[str, object]:
        """The values at hand, by attribute: of all fields, or of these and the key."""
        return {
            field.attname: frozen(self.__dict__[field.attname])
            for field in self._meta.concrete_fields
            if field.attname in self.__dict__
            and (names is None or field.primary_key or field.attname in names or field.name in names)
        }

    def before_update(self, names: Collection[str], *, asked: bool) -> dict[str, object]:
        """Called with the names about to be written, *asked* for by the caller or changed; returns columns to add,
        which are assigned already."""
        return {}

    def keep(self, row: Values) -> None:
        """Called with the columns of the row that is there, before an instance made by hand is written over it."""
        for name, value in row.items():
            setattr(self, name, value)

    def before_insert(self, *, copied: bool) -> None:
        """Called before an INSERT; *copied* if the instance was loaded as another row."""

    def keep_columns(self) -> None:
        """Have the statement leave the engine's columns as they are then, and mark the row, for it may differ by then.

        Without a transaction a worker may write the row between our reading and the statement.
        """
        marked = self.before_update(self.PUSHED_FIELDS, asked=True)
        kept = {name: getattr(self, name) for name in self.ENGINE_FIELDS - marked.keys()}
        self.kept_columns = kept
        for name in kept:
            setattr(self, name, models.F(name))

    def before_raw_save(self, row: Values | None) -> None:
        """Called before a raw save, such as ``loaddata``'s; *row*: the columns of the row that is there, if one is."""


def keep_row(sender: type[models.Model], instance: models.Model, raw: bool, using: str, **kwargs: Any) -> None:
    """Before a raw save, which goes past ``save()`` and writes all columns of the instance."""
    if raw and isinstance(instance, DirtyFields):
        rows, locked = type(instance)._base_manager.using(using), connections[using].in_atomic_block
        row = (rows.select_for_update() if locked else rows).filter(pk=instance.pk).values().first()
        instance.before_raw_save(row)
        if row is not None and not locked:
            instance.keep_columns()


def note_statement(sender: type[models.Model], instance: models.Model, using: str, **kwargs: Any) -> None:
    """The first receiver of ``post_save``: others may save the instance again, or assign to it."""
    if isinstance(instance, DirtyFields):
        vars(instance).update(vars(instance).pop("kept_columns", {}))
        instance.statement_done(using)


# At import, so that they come before the receivers of any project.
pre_save.connect(keep_row, dispatch_uid="twocheckout.keep_row")
post_save.connect(note_statement, dispatch_uid="twocheckout.note_statement")


@lru_cache
def engine_model(model: type[DirtyFields]) -> type[DirtyFields]:
    """The model whose table has the engine's columns: this one, or its ancestor."""
    concrete = model._meta.concrete_model or model
    bases = (base for base in reversed(concrete.__mro__) if issubclass(base, DirtyFields))
    return next(base for base in bases if base.ENGINE_FIELDS and not base._meta.abstract)


@lru_cache
def auto_now_names(model: type[models.Model]) -> frozenset[str]:
    """Names of the fields that each save sets."""
    return frozenset(field.name for field in model._meta.concrete_fields if getattr(field, "auto_now", False))


def _differs(value: object, other: object) -> bool:
    """Whether they differ. An expression counts once for each time it is assigned, though two may look alike."""
    return value is not other if hasattr(value, "resolve_expression") else value is not other and bool(value != other)
