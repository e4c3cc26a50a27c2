"""Makes rows for the tests of a project, beside :mod:`django_twocheckout.testing`, which has the vendor in a box.

It is no part of ``testing``: the vendor in a box shares no code with what it checks, so it knows no model.
"""

from __future__ import annotations

from itertools import count

from .models import Customer
from .testing import FakeTwoCheckout
from .wire import to_wire

#: References unlike those of the vendor in a box.
_numbers = count(700000001)


def synced_customer(vendor: FakeTwoCheckout | None = None, **values: object) -> Customer:
    """Make a row that 2Checkout has acknowledged as it is, without a request.

    With *vendor*, the vendor in a box has the customer too. *values*: the model's fields. Wakes no worker.
    ``Customer.objects.create(sync_state="synced")`` makes no such row: the state of a new row is what it is known to
    have, and a customer that 2Checkout never acknowledged is pending.
    """
    customer = Customer(**values)
    known = {name: getattr(customer, name) for name in Customer.shared_fields()}
    if not customer.customer_reference:
        reference = vendor.add_customer(**to_wire(known)) if vendor else str(next(_numbers))
        customer.customer_reference = reference
    customer.acknowledged = known
    customer.save(force_insert=True)
    return customer
