"""After a save of the project's object: makes or changes its customer, in the same transaction."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DatabaseError, connections, models, router, transaction

from ..models import Customer
from . import marks
from .apply import Applied, decide, unlinked, write
from .registry import Mirror
from .transactions import set_link

#: How often an object is mirrored again because a receiver of its customer's save has saved it again.
ROUNDS = 3


class _UnderWay(threading.local):
    """The objects that this thread is mirroring, each with whether it was saved meanwhile."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], bool] = {}


_under_way = _UnderWay()


def follow_save(mirror: Mirror, instance: models.Model, using: str, *, created: bool, raw: bool) -> None:
    """Make or change the customer of an object that was just saved.

    Never raises for a mistake in the mirror: then the object is marked, with the reason in words. *raw*: a fixture,
    whose other rows may be missing yet, so the object is marked only.
    """
    if not router.allow_migrate_model(using, Customer):
        return None  # a database without our tables
    key = mirror.key_of(instance)
    if raw:
        return marks.mark_keys(mirror, [key], using)
    if _is_under_way(mirror, key, using):
        return None

    is_new = created

    def once(keys: Collection[Any]) -> Applied:
        nonlocal is_new
        objects = list(mirror.objects(using, keys))
        customers = {} if is_new else unlinked(mirror, objects, using, lock=True)
        is_new = False
        return write(mirror, decide(mirror, objects, customers, using), using, alone=True)

    with transaction.atomic(using=using, savepoint=False):
        try:
            done = until_stable(mirror, [key], using, once)
        except Exception as error:  # not of the function, whose errors are told already
            if connections[using].needs_rollback:
                raise  # the database has given up the project's transaction
            done = Applied(failed={key: marks.failure(mirror, key, error)})
            try:
                marks.mark_keys(mirror, done.failed, using, reason=done.failed[key])
            except DatabaseError:
                raise error from None  # as above, and Django did not know it
        else:
            for failed, reason in done.failed.items():
                marks.mark_keys(mirror, [failed], using, reason=reason)
        customer = done.links.get(key)
        if customer is not None and getattr(instance, mirror.link_attname) != customer:
            set_link(instance, mirror.link_attname, customer, using)
    return None


def until_stable(
    mirror: Mirror, keys: Collection[Any], using: str, once: Callable[[Collection[Any]], Applied]
) -> Applied:
    """Mirror these objects *once*, and those again that were saved meanwhile, :data:`ROUNDS` times at the most."""
    done = Applied()
    for _ in range(ROUNDS):
        with _mirroring(mirror, keys, using) as saved_again:
            done += once(keys)
        keys = [key for key in saved_again if key not in done.failed]
        if not keys:
            return done
    words = f"{mirror.name}: Saving the object and saving its customer cause each other without end."
    done.failed |= dict.fromkeys(keys, words)
    return done


@contextmanager
def _mirroring(mirror: Mirror, keys: Collection[Any], using: str) -> Iterator[list[Any]]:
    """Lets saves of these objects inside only be noted. Yields a list that has, in the end, those saved inside."""
    names, saved_again = {(mirror.label, str(key), using): key for key in keys}, list[Any]()
    _under_way.objects |= dict.fromkeys(names, False)
    try:
        yield saved_again
    finally:
        saved_again += [key for name, key in names.items() if _under_way.objects.pop(name)]


def _is_under_way(mirror: Mirror, key: Any, using: str) -> bool:
    """Whether this thread is mirroring the object. Notes that it was saved again."""
    name = (mirror.label, str(key), using)
    if name not in _under_way.objects:
        return False
    _under_way.objects[name] = True
    return True
