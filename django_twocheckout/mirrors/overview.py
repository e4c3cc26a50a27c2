"""What people are told of mirrors: what waits, what failed and why, and whose object's customer a row is."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import models, router
from django.db.models import Count, Min

from ..models import Customer, MirrorMark
from ..redaction import redacted_repr
from .registry import by_label

#: Objects that are named for each reason.
EXAMPLES = 5


@dataclass(frozen=True)
class Failure:
    """Objects of one model whose mirror failed for one reason when it was last tried."""

    #: The model's label.
    mirror: str
    reason: str
    count: int
    #: Primary keys of some of them.
    examples: list[str]

    __repr__ = redacted_repr


@dataclass(frozen=True)
class Overview:
    """The objects that wait for the sweep, and those whose mirror failed."""

    waiting: int
    failures: list[Failure]

    __repr__ = redacted_repr

    @property
    def failed(self) -> int:
        return sum(failure.count for failure in self.failures)


def overview(using: str | None = None) -> Overview:
    """Count the marks. It takes one query, and one for each reason of failures."""
    marks = MirrorMark.objects.using(using or router.db_for_write(MirrorMark))
    groups = marks.order_by().values_list("mirror", "reason").annotate(Count("object_key", distinct=True), Min("pk"))
    rows = sorted(groups, key=lambda row: row[3])
    failures = [
        Failure(mirror, reason, count, _examples(marks.filter(mirror=mirror, reason=reason)))
        for mirror, reason, count, _first in rows
        if reason
    ]
    return Overview(sum(count for _mirror, reason, count, _first in rows if not reason), failures)


def _examples(marks: models.QuerySet[MirrorMark]) -> list[str]:
    keys = marks.order_by("pk").values_list("object_key", flat=True)[: EXAMPLES * 10]
    return list(dict.fromkeys(keys))[:EXAMPLES]


@dataclass(frozen=True)
class Owner:
    """The project's object that a customer is made of."""

    instance: models.Model
    #: Names of the customer's fields that the mirror sets.
    fields: frozenset[str]

    __repr__ = redacted_repr


def owner_of(customer: Customer) -> Owner | None:
    """The object that sets fields of this customer. None for a customer without one, or whose object is gone."""
    label, _colon, _key = (customer.mirror_of or "").partition(":")
    mirror = by_label(label)
    if mirror is None:
        return None
    using = router.db_for_read(Customer, instance=customer)
    instance = mirror.rows(using).filter(**{mirror.link: customer.row_key}).first()
    return None if instance is None else Owner(instance, frozenset(customer.mirrored))
