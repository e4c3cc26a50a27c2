"""Tags of the admin's templates: spans of time, counts for the pages that delete rows, and the index's part."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

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


@register.inclusion_tag("twocheckout/admin/health.html", takes_context=True)
def twocheckout_health(context: template.Context) -> dict[str, Any]:
    """Whether anything is wrong with 2Checkout, for an index of the admin."""
    # Only a project with the admin uses this tag, and the library is loaded in the others too.
    from ..admin.index import health

    return health(context["request"])


@register.filter
def lasted(since: datetime) -> str:
    """The time since then, as Django's timesince, but without “0 minutes” in the first minute."""
    return span(since, now_for(since))


@register.filter
def ahead(moment: datetime) -> str:
    """The time until then, as Django's timeuntil, but without “0 minutes” in the last minute."""
    return span(now_for(moment), moment)
