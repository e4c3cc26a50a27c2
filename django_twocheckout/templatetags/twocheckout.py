"""What the admin's templates ask of rows and no view gives them: Django's own pages about deleting know no counts."""

from __future__ import annotations

from dataclasses import dataclass

from django import template
from django.db.models import QuerySet

from ..models import Customer

register = template.Library()

#: So many references are shown.
MOST_REFERENCES = 20


@dataclass(frozen=True)
class Kept:
    """The customers that 2Checkout keeps when rows are deleted."""

    count: int
    references: list[str | None]

    @property
    def more(self) -> int:
        return self.count - len(self.references)


@register.simple_tag
def kept_at_2checkout(customers: QuerySet[Customer] | Customer) -> Kept:
    """Which of these rows, or whether this one, 2Checkout has as customers."""
    if isinstance(customers, Customer):
        customers = Customer.objects.using(customers._state.db).filter(pk=customers.pk)
    there = customers.exclude(customer_reference=None).exclude(customer_reference="").order_by("pk")
    return Kept(there.count(), list(there.values_list("customer_reference", flat=True)[:MOST_REFERENCES]))
