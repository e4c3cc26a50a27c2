"""Tags of the admin's templates: spans of time, and counts for the pages that delete rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django import template
from django.db.models import QuerySet

from ..models import Customer
from ..redaction import redacted_repr
from ..spans import now_for, span

register = template.Library()

#: The most references shown.
MOST_REFERENCES = 20


@dataclass(frozen=True)
class KeptAtVendor:
    """The customers that stay at 2Checkout when rows are deleted."""

    count: int
    references: list[str | None]

    __repr__ = redacted_repr

    @property
    def more(self) -> int:
        return self.count - len(self.references)


@register.simple_tag
def kept_at_vendor(customers: QuerySet[Customer] | Customer) -> KeptAtVendor:
    """The customers at 2Checkout among these rows, or of this row."""
    if isinstance(customers, Customer):
        customers = Customer.objects.using(customers._state.db).filter(pk=customers.pk)
    there = customers.exclude(customer_reference=None).exclude(customer_reference="").order_by("pk")
    return KeptAtVendor(there.count(), list(there.values_list("customer_reference", flat=True)[:MOST_REFERENCES]))


@register.filter
def lasted(since: datetime) -> str:
    """The time since then, as Django's timesince, but without “0 minutes” in the first minute."""
    return span(since, now_for(since))


@register.filter
def ahead(moment: datetime) -> str:
    """The time until then, as Django's timeuntil, but without “0 minutes” in the last minute."""
    return span(now_for(moment), moment)
