"""Transactions of the project's saves: an object and its customer are saved together, and a failing mirror alone fails.

Beside it: what an instance keeps of a transaction that was rolled back.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Any

from django.db import DatabaseError, connections, models, router, transaction

#: The attribute of an instance whose link is not committed yet.
_UNCOMMITTED = "twocheckout_link"


def save_in_transaction(model: type[models.Model]) -> None:
    """Let ``save()`` of the model open a transaction where none is open.

    Django itself sends ``post_save`` when the row is committed already, unless the project has opened one.
    """
    save: Callable[..., None] = model.save

    @functools.wraps(save)
    def save_together(self: models.Model, *args: Any, **kwargs: Any) -> None:
        # Django 5.2 still takes it as the third by position. A project's own save() may have others there.
        given = next((one for one in (kwargs.get("using"), *args[2:3]) if one in list(connections)), None)
        using = given or router.db_for_write(type(self), instance=self)
        if connections[using].in_atomic_block:
            return save(self, *args, **kwargs)
        with transaction.atomic(using=using):
            return save(self, *args, **kwargs)

    vars(save_together)["own"] = vars(model).get("save")
    setattr(model, "save", save_together)  # noqa: B010 - typed models do not let a method be assigned


def keep_save(model: type[models.Model]) -> None:
    """Undo :func:`save_in_transaction`."""
    own = vars(vars(model)["save"])["own"]
    delattr(model, "save") if own is None else setattr(model, "save", own)


class LazySavepoint:
    """Undoes all statements inside if they fail. It is set before the first of them, and costs nothing without one.

    If the database has undone more than these, Django refuses further statements in the transaction.
    """

    def __init__(self, using: str) -> None:
        self.using = using
        self.savepoint: str | None = None
        self.is_set = False

    def __enter__(self) -> None:
        self.watched = connections[self.using].execute_wrapper(self)
        self.watched.__enter__()

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if not self.is_set:
            self.is_set = True  # before its own statement, which comes through here too
            self.savepoint = connections[self.using].savepoint()
        return execute(sql, params, many, context)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.watched.__exit__(kind, error, trace)
        if self.savepoint is None:
            return
        if kind is None and not transaction.get_rollback(self.using):
            connections[self.using].savepoint_commit(self.savepoint)
        else:
            transaction.set_rollback(False, self.using)  # else Django refuses even this statement
            try:
                connections[self.using].savepoint_rollback(self.savepoint)
            except DatabaseError:  # with the whole transaction, as after a deadlock on MariaDB and MySQL
                transaction.set_rollback(True, self.using)


class _Entry(weakref.ref[models.Model]):
    """A transaction's entry for a link: called if it is committed, and dropped if it is rolled back."""

    __slots__ = ("__weakref__",)

    def __call__(self) -> Any:
        instance = super().__call__()
        if instance is not None:
            vars(instance).pop(_UNCOMMITTED, None)

    def __getattr__(self, name: str) -> str:
        if name == "__qualname__":  # by which Django names an entry that fails
            return type(self).__qualname__
        raise AttributeError(name)


class _Uncommitted:
    """An instance's link that was set in a transaction."""

    __slots__ = ("attname", "before", "customer", "entry")

    def __init__(self, attname: str, before: Any, customer: Any, entry: weakref.ref[_Entry] | None = None) -> None:
        self.attname, self.before, self.customer, self.entry = attname, before, customer, entry

    def __reduce__(self) -> tuple[type[_Uncommitted], tuple[str, Any, Any]]:
        # Without the entry: of a pickled one nobody knows whether it was rolled back.
        return type(self), (self.attname, self.before, self.customer)


def set_link(instance: models.Model, attname: str, customer: Any, using: str) -> None:
    """Let the instance in the project's hands know its customer, as long as the transaction is not rolled back."""
    entry = _Entry(instance)
    transaction.on_commit(entry, using=using)
    kept = _Uncommitted(attname, getattr(instance, attname), customer, weakref.ref(entry))
    setattr(instance, attname, customer)
    vars(instance)[_UNCOMMITTED] = kept


def forget_rolled_back(instance: models.Model) -> None:
    """Before a save: take back a link that was rolled back. It would refer to a customer that is not there."""
    kept: _Uncommitted | None = vars(instance).get(_UNCOMMITTED)
    if kept is not None and kept.entry is not None and kept.entry() is None:
        vars(instance).pop(_UNCOMMITTED)
        if getattr(instance, kept.attname) == kept.customer:
            setattr(instance, kept.attname, kept.before)
