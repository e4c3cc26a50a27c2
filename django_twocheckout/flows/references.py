"""Finds rows by references, 2Checkout's own or ours, for the flows that are given many of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from ..engine.records import Key
from ..models import CustomerQuerySet
from ..redaction import redacted_repr


@dataclass(frozen=True)
class Row:
    """What is read of a row that a reference found."""

    pk: Key
    customer_reference: str | None
    external_customer_reference: str | None
    pulled_at: datetime | None

    __repr__ = redacted_repr


def rows_with(customers: CustomerQuerySet, internal: Iterable[str], external: Iterable[str]) -> Iterator[Row]:
    """The rows with one of 2Checkout's references in *internal*, then those with one of ours in *external*.

    One statement for each kind, so that each uses its index. A row that both find comes twice. A reference that no
    database keeps finds none.
    """
    for name, references in (("customer_reference", internal), ("external_customer_reference", external)):
        storable = [one for one in references if one and one.isprintable()]
        if storable:
            rows = customers.filter(**{f"{name}__in": storable})
            for values in rows.values_list("pk", "customer_reference", "external_customer_reference", "pulled_at"):
                yield Row(*values)


def keys_of(customers: CustomerQuerySet, references: Collection[str]) -> dict[str, list[Key]]:
    """The keys of the rows under these references, each 2Checkout's own or ours."""
    found: dict[str | None, list[Key]] = defaultdict(list)
    wanted = set(references)
    for row in rows_with(customers, wanted, wanted):
        for reference in (row.customer_reference, row.external_customer_reference):
            if reference in wanted and row.pk not in found[reference]:
                found[reference].append(row.pk)
    return {reference: found[reference] for reference in wanted if reference in found}
