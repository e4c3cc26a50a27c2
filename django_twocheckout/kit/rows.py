"""Makes rows for the tests of a project: in states that a save alone does not bring. None of them wakes a worker.

A pending one needs no function of its own: ``Customer.objects.create(**customer_values())``.
"""

from __future__ import annotations

from itertools import count
from typing import Any

from ..models import Customer, Presence, SyncState, utc_now
from ..testing import FakeTwoCheckout
from ..wire import to_wire

#: References unlike those of the vendor in a box.
_references = count(700000001)
_people = count(1)


def customer_values(**values: Any) -> dict[str, Any]:
    """The values of an invented customer whom 2Checkout would take: each time another one, with *values* over them."""
    number = next(_people)
    invented = {
        "first_name": "Ada",
        "last_name": f"Lovelace {number}",
        "email": f"ada-{number}@example.org",
        "address1": "12 St James's Square",
        "zip": "SW1Y 4JH",
        "city": "London",
        "country_code": "GB",
        "language": "en",
    }
    return invented | values


def synced_customer(vendor: FakeTwoCheckout | None = None, **values: Any) -> Customer:
    """Make a row that 2Checkout has acknowledged as it is, without a request.

    With *vendor*, the vendor in a box has the customer too. *values*: the model's fields, over invented ones.
    ``Customer.objects.create(sync_state="synced")`` makes no such row: the state of a new row is what it is known to
    have, and a customer that 2Checkout never acknowledged is pending.
    """
    customer = Customer(**customer_values(**values))
    known = {name: getattr(customer, name) for name in Customer.shared_fields()}
    if not customer.customer_reference:
        reference = vendor.add_customer(**to_wire(known)) if vendor else str(next(_references))
        customer.customer_reference = reference
    customer.acknowledged = known
    customer.save(force_insert=True)
    return customer


def failed_customer(reason: str = "Email is not valid", code: str = "INVALID_EMAIL", **values: Any) -> Customer:
    """Make a row that 2Checkout refused to create, with its words and its code. It waits for a person or the next save.

    *values*: the model's fields, over invented ones.
    """
    refused = {"sync_error": reason, "error_code": code, "failed_attempts": 1, "failing_since": utc_now()}
    nothing_known: dict[str, Any] = {"customer_reference": None, "acknowledged": {}}
    return _with(synced_customer(**values), sync_state=SyncState.FAILED, **refused, **nothing_known)


def gone_customer(**values: Any) -> Customer:
    """Make a row that 2Checkout had, and clearly says it has no more.

    *values*: the model's fields, over invented ones.
    """
    reason = "2Checkout knows no customer under this reference."
    facts = {"sync_state": SyncState.FAILED, "sync_error": reason, "error_code": "NotFound"}
    return _with(synced_customer(**values), presence=Presence.GONE, failing_since=utc_now(), **facts)


def _with(customer: Customer, **columns: Any) -> Customer:
    """The row with these columns, which no save writes."""
    Customer.objects.using(customer._state.db).filter(pk=customer.pk).update_unmarked(**columns)
    customer.refresh_from_db()
    return customer
