"""What a purchase has to carry so that it lands on the customer's row, and makes no second customer at 2Checkout.

Nothing is sent. From here on 2Checkout may know the customer by our reference, so the row is looked up before it is
created.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Q

from ..exceptions import NotSent
from .states import Presence

if TYPE_CHECKING:
    from .querysets import CustomerQuerySet

#: The names of 2Checkout's own reference and of ours in a buy link, in ConvertPlus and in the inline cart.
INTERNAL, EXTERNAL = "customer-ref", "customer-ext-ref"

_NO_REFERENCE = "the customer has no reference that a purchase could carry; give it one of yours, or push it first"


def parameters_of(row: CustomerQuerySet) -> dict[str, str]:
    """The parameters for this one row. Marks a row without a customer of 2Checkout as tried."""
    known = row.values("customer_reference", "external_customer_reference", "acknowledged", "presence").get()
    internal, external = known["customer_reference"], known["external_customer_reference"]
    if internal and known["presence"] == Presence.THERE:
        # Both have to name one customer, and 2Checkout may know it by another reference than the row has by now.
        told = known["acknowledged"].get("external_customer_reference", external)
        return {INTERNAL: internal} | ({EXTERNAL: external} if external and external == told else {})
    if not external:
        raise NotSent(_NO_REFERENCE)
    # A worker that has claimed the row, and releases it unused, must not call it untried again.
    maybe_untried = Q(untried=True) | Q(lease_expires_at__isnull=False)
    row.filter(maybe_untried, customer_reference=None).update_unmarked(untried=False, changed_since_claim=True)
    return {EXTERNAL: external}
