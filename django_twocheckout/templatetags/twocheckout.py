"""What the admin's templates ask and no view gives them: spans of time, and counts for pages about deleting."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django import template
from django.db.models import QuerySet
from django.utils import timezone

from ..admin.standing import span
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


@register.filter
def lasted(since: datetime) -> str:
    """How long this has lasted; as Django's timesince, which says “0 minutes” in the first one."""
    return span(since, timezone.now())


@register.filter
def ahead(moment: datetime) -> str:
    """How far off this is; as Django's timeuntil, which says “0 minutes” in the last one."""
    return span(timezone.now(), moment)
