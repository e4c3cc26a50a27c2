"""Makes and changes the customers of objects: compares what a mirror says with what it said last, and writes that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from django.db import connections, models, transaction
from django.db.models import Exists, OuterRef

from ..models import Customer
from ..redaction import RedactedDict, redacted_repr
from .marks import failure
from .registry import Mirror
from .transactions import LazySavepoint

#: The fields that another row may have already, so that the database may refuse them.
_UNIQUE = "external_customer_reference"


@dataclass(frozen=True)
class Change:
    """What has to be written for one object."""

    instance: models.Model
    key: Any
    #: None: it has none yet.
    customer: Customer | None
    #: The fields to assign.
    values: Mapping[str, str]
    #: All that the mirror says.
    mirrored: Mapping[str, str]

    __repr__ = redacted_repr


@dataclass
class Decided:
    """What has to be done for some objects."""

    to_make: list[Change] = field(default_factory=list)
    to_change: list[Change] = field(default_factory=list)
    #: The keys of those that failed, each with the reason.
    failed: dict[Any, str] = field(default_factory=dict)

    __repr__ = redacted_repr


@dataclass
class Applied:
    """What was done for some objects."""

    made: int = 0
    changed: int = 0
    failed: dict[Any, str] = field(default_factory=dict)
    #: The keys of objects that another transaction has locked.
    busy: list[Any] = field(default_factory=list)
    #: The customers' keys by the objects'.
    links: dict[Any, Any] = field(default_factory=dict)

    __repr__ = redacted_repr

    def __iadd__(self, other: Applied) -> Applied:
        self.made += other.made
        self.changed += other.changed
        self.failed |= other.failed
        self.busy += other.busy
        self.links |= other.links
        return self


def decide(mirror: Mirror, objects: Iterable[models.Model], customers: Mapping[str, Customer], using: str) -> Decided:
    """Ask the mirror about each object. *customers*: those of objects that lost their link, see :func:`unlinked`."""
    decided = Decided()
    for instance in objects:
        key = mirror.key_of(instance)
        try:
            with LazySavepoint(using):
                fields = mirror.fields_of(instance)
        except Exception as error:
            if connections[using].needs_rollback:
                raise  # the database has given up the transaction
            decided.failed[key] = failure(mirror, key, error)
            continue
        if fields is None:
            continue
        customer = getattr(instance, mirror.link) or customers.get(mirror.mirror_of(key))
        if customer is None:
            decided.to_make.append(Change(instance, key, None, fields, fields))
        elif customer.erased:
            continue  # what was erased stays so, whatever the object says
        elif change := _difference(mirror, instance, customer, fields):
            decided.to_change.append(change)
    return decided


def _difference(mirror: Mirror, instance: models.Model, customer: Customer, fields: Mapping[str, str]) -> Change | None:
    """What the object changed since the mirror last wrote.

    Only that is assigned: any other difference is an edit at 2Checkout or in the admin, and stays.
    """
    key = mirror.key_of(instance)
    is_ours = customer.mirror_of == mirror.mirror_of(key)
    last = customer.mirrored if is_ours else {}
    values = RedactedDict(
        (name, value)
        for name, value in fields.items()
        if last.get(name) != value and (getattr(customer, name) or "") != value
    )
    is_linked = getattr(instance, mirror.link_attname) is not None
    if is_ours and is_linked and not values and dict(fields) == customer.mirrored:
        return None
    return Change(instance, key, customer, values, fields)


def unlinked(mirror: Mirror, objects: Iterable[models.Model], using: str, *, lock: bool = False) -> dict[str, Customer]:
    """The customers of those objects that have no link, by the object that they name.

    A stale instance may have saved its blank link over the one that the mirror had set. *lock*: read what is committed
    by now, also where a transaction reads what was committed at its begin.
    """
    keys = [mirror.key_of(one) for one in objects if getattr(one, mirror.link_attname) is None]
    if not keys:
        return {}
    linked = Exists(mirror.rows(using).filter(**{mirror.link: OuterRef("pk")}))
    named = Customer.objects.using(using).filter(~linked, mirror_of__in=map(mirror.mirror_of, keys)).order_by("pk")
    return {str(customer.mirror_of): customer for customer in (named.select_for_update() if lock else named)}


def write(mirror: Mirror, decided: Decided, using: str, *, alone: bool = False) -> Applied:
    """Write what was decided. What fails takes no other object with it.

    *alone*: one object, in the project's transaction, where each statement counts. There is a savepoint only if the
    values may be another customer's.
    """
    done = Applied(failed=dict(decided.failed))
    if len(decided.to_make) > 1 and connections[using].features.can_return_rows_from_bulk_insert:
        to_make = _make_together(mirror, decided.to_make, using, done)
    else:
        to_make = decided.to_make
    for change in (*to_make, *decided.to_change):
        try:
            with _protected(using, needed=not alone or _UNIQUE in change.values):
                done.links[change.key] = _write_one(mirror, change, using)
        except Exception as error:
            if connections[using].needs_rollback:
                raise  # as above
            done.failed[change.key] = failure(mirror, change.key, error)
        else:
            done.made += change.customer is None
            done.changed += change.customer is not None
    return done


def _protected(using: str, *, needed: bool) -> AbstractContextManager[None]:
    return transaction.atomic(using=using) if needed else nullcontext()


def _make_together(mirror: Mirror, changes: Sequence[Change], using: str, done: Applied) -> Sequence[Change]:
    """Make these customers, in few statements. Returns those that are left to be made one by one, if that fails."""
    try:
        with transaction.atomic(using=using):
            customers = Customer.objects.using(using).bulk_create([_new(mirror, change) for change in changes])
            for change, customer in zip(changes, customers, strict=True):
                setattr(change.instance, mirror.link_attname, customer.pk)
            mirror.rows(using).bulk_update([change.instance for change in changes], [mirror.link])
    except Exception:
        if connections[using].needs_rollback:
            raise  # as above
        return changes  # one of them is refused: it will be told by itself
    done.links |= {change.key: customer.pk for change, customer in zip(changes, customers, strict=True)}
    done.made += len(changes)
    return []


def _new(mirror: Mirror, change: Change) -> Customer:
    return Customer(mirror_of=mirror.mirror_of(change.key), mirrored=change.mirrored, **change.values)


def _write_one(mirror: Mirror, change: Change, using: str) -> Any:
    """Make or change one customer, and link it. Returns its key."""
    customer = change.customer
    if customer is None:
        customer = _new(mirror, change)
        customer.save(using=using, force_insert=True)
    else:
        for name, value in change.values.items():
            setattr(customer, name, value)
        if change.values:
            customer.save_mirrored(using, mirror_of=mirror.mirror_of(change.key), mirrored=change.mirrored)
        else:
            rows = Customer.objects.using(using).filter(pk=customer.pk)
            rows.update_unmarked(mirror_of=mirror.mirror_of(change.key), mirrored=change.mirrored)
    if change.customer is None or getattr(change.instance, mirror.link_attname) is None:
        mirror.rows(using).filter(pk=change.key).update(**{mirror.link: customer.pk})
    return customer.pk
