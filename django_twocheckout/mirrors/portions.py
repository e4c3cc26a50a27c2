"""Mirrors many objects in portions: those marked, for the sweep, and all, for the commands and the nightly look.

Objects and customers that a transaction of the project has locked are left for later: nothing here waits for it.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db import OperationalError, models, transaction
from django.db.models import F

from ..models import Customer, MirrorMark, database_now, delete_free, has_row_locks, lock_rows
from . import marks
from .apply import Applied, Decided, decide, unlinked, write
from .registry import Mirror, by_label, registered
from .saving import until_stable

#: Objects mirrored in one transaction, which holds their rows meanwhile.
PORTION = 200
#: Marks of a model without a mirror are dropped after so many tries, an hour apart.
UNKNOWN_ATTEMPTS = 24
_UNKNOWN = "No mirror is registered for this model."


def apply_due(using: str, *, seconds: float | None = None) -> Applied:
    """Mirror the objects whose marks are due, for at most *seconds*. Those that fail are marked for a later try.

    It takes one statement if there is none, and none at all in a project without mirrors.
    """
    done, began = Applied(), time.monotonic()
    if not any(registered()):
        return done
    newest = MirrorMark.objects.using(using).order_by("-pk").values_list("pk", flat=True).first()
    while newest is not None and (seconds is None or time.monotonic() - began < seconds):
        due = MirrorMark.objects.using(using).filter(due_at__lte=database_now(), pk__lte=newest)
        some = list(due.order_by("due_at", "pk")[:PORTION])
        if not some:
            break
        by_mirror: dict[str, list[MirrorMark]] = defaultdict(list)
        for one in some:
            by_mirror[one.mirror].append(one)
        taken = sum(_apply_marked(label, marked, using, done) for label, marked in by_mirror.items())
        if not taken:
            break  # other workers have them all
    return done


def _apply_marked(label: str, marked: Sequence[MirrorMark], using: str, done: Applied) -> int:
    """Mirror the objects of these marks of one model. Returns how many marks were dealt with."""
    mirror, rows = by_label(label), MirrorMark.objects.using(using).filter(pk__in=[one.pk for one in marked])
    if mirror is None:
        return _put_off_unknown(rows)
    try:
        with transaction.atomic(using=using):
            if has_row_locks(using):
                free = set(lock_rows(rows))
                marked = [one for one in marked if one.pk in free]
            rows.filter(pk__in=[one.pk for one in marked]).delete()
            attempts: dict[Any, int] = defaultdict(int)
            for one in marked:
                key = mirror.key_from(one.object_key)
                if key is not None:
                    attempts[key] = max(attempts[key], one.failed_attempts)
            applied = apply_portion(mirror, list(attempts), using, attempts=attempts)
    except OperationalError:  # a deadlock, or a lock that was not to be had in time
        return rows.update(due_at=database_now() + timedelta(seconds=marks.BUSY_SECONDS))
    except Exception as error:  # not one object's mistake, but of the mirror as a whole
        words = marks.failure(mirror, f"({len(marked)} objects)", error)
        then = database_now() + timedelta(seconds=marks.LONGEST_BACKOFF)
        return rows.update(due_at=then, reason=words, failed_attempts=F("failed_attempts") + 1)
    applied.links.clear()  # there may be a million
    done += applied
    return len(marked)


def _put_off_unknown(rows: models.QuerySet[MirrorMark]) -> int:
    """Another release of the project, perhaps one that is just being rolled out, may have the mirror."""
    then = database_now() + timedelta(seconds=marks.LONGEST_BACKOFF)
    count = rows.update(due_at=then, reason=_UNKNOWN, failed_attempts=F("failed_attempts") + 1)
    delete_free(rows.filter(failed_attempts__gt=UNKNOWN_ATTEMPTS))
    return count


def apply_portion(
    mirror: Mirror, keys: Collection[Any], using: str, *, attempts: dict[Any, int] | None = None
) -> Applied:
    """Mirror the objects with these keys in one transaction, and mark those that fail or are locked.

    *attempts*: the tries that failed before.
    """

    def once(keys: Collection[Any]) -> Applied:
        objects = _lock_objects(mirror, keys, using)
        customers = unlinked(mirror, objects, using)
        held = _held_customers(mirror, objects, customers, using)
        free = [one for one in objects if mirror.key_of(one) not in held]
        done = write(mirror, decide(mirror, free, customers, using), using)
        done.busy = [*held, *_passed_over(mirror, keys, objects, using)]
        return done

    with transaction.atomic(using=using):
        done = until_stable(mirror, keys, using, once)
        if done.busy:
            marks.mark_keys(mirror, done.busy, using, seconds=marks.BUSY_SECONDS)
        for key, reason in done.failed.items():
            failed = (attempts or {}).get(key, 0) + 1
            marks.mark_keys(mirror, [key], using, reason=reason, failed_attempts=failed, seconds=marks.backoff(failed))
    return done


def _lock_objects(mirror: Mirror, keys: Collection[Any], using: str) -> list[models.Model]:
    """Lock those objects that no other transaction holds, and read them."""
    if has_row_locks(using):
        keys = lock_rows(mirror.rows(using).filter(pk__in=keys))
    return list(mirror.objects(using, keys))


def _passed_over(mirror: Mirror, keys: Collection[Any], objects: Sequence[models.Model], using: str) -> Iterable[Any]:
    """The keys of the objects that another transaction holds."""
    missing = set(keys) - {mirror.key_of(one) for one in objects}
    return mirror.rows(using).filter(pk__in=missing).values_list("pk", flat=True) if missing else []


def _held_customers(
    mirror: Mirror, objects: Sequence[models.Model], customers: Mapping[str, Customer], using: str
) -> set[Any]:
    """Lock the customers of these objects. Returns the keys of objects whose customers another transaction holds."""
    if not has_row_locks(using):
        return set()
    lost = {name: customer.pk for name, customer in customers.items()}
    wanted = {}
    for one in objects:
        key = mirror.key_of(one)
        customer = getattr(one, mirror.link_attname) or lost.get(mirror.mirror_of(key))
        if customer is not None:
            wanted[key] = customer
    locked = set(lock_rows(Customer.objects.using(using).filter(pk__in=wanted.values())))
    return {key for key, customer in wanted.items() if customer not in locked}


def apply_all(
    using: str, *, on_portion: Callable[[Sequence[Any]], object] | None = None, seconds: float | None = None
) -> Applied:
    """Mirror every object of every mirrored model, in portions: existing ones, and those changed past the mirrors.

    *on_portion*: called with the keys of each portion once it is committed. *seconds*: no portion begins after so long.
    """
    done, began = Applied(), time.monotonic()
    labels = [mirror.label for mirror in registered()]
    failed = MirrorMark.objects.using(using).filter(mirror__in=labels).exclude(reason="")
    before = list(failed.values_list("pk", flat=True))
    for mirror, keys in _portions(using):
        if seconds is not None and time.monotonic() - began > seconds:
            return done
        try:
            done += apply_portion(mirror, keys, using)
        except OperationalError:  # a deadlock, or a lock that was not to be had in time
            marks.mark_keys(mirror, keys, using, seconds=marks.BUSY_SECONDS)
            done.busy += keys
        done.links.clear()  # there may be a million
        if on_portion is not None:
            on_portion(keys)
    for start in range(0, len(before), PORTION):  # each was tried again, and marked again if it failed
        delete_free(failed.filter(pk__in=before[start : start + PORTION]))
    return done


def preview(using: str) -> Iterator[Decided]:
    """What :func:`apply_all` would do, portion by portion. Writes nothing."""
    for mirror, keys in _portions(using):
        with transaction.atomic(using=using):
            objects = list(mirror.objects(using, keys))
            yield decide(mirror, objects, unlinked(mirror, objects, using), using)


def count(using: str) -> int:
    """The number of objects of mirrored models."""
    return sum(mirror.rows(using).count() for mirror in registered() if not mirror.mistake)


def _portions(using: str) -> Iterator[tuple[Mirror, list[Any]]]:
    for mirror in registered():
        if mirror.mistake:  # the system check tells
            continue
        last = None
        while True:
            rows = mirror.rows(using).order_by("pk")
            rest = rows if last is None else rows.filter(pk__gt=last)
            keys = list(rest.values_list("pk", flat=True)[:PORTION])
            if not keys:
                break
            yield mirror, keys
            last = keys[-1]
