"""Brings a customer that only 2Checkout has into a new row: found by its reference, looked at, then added.

Beside the way of a save: nothing is pushed, unless 2Checkout has no reference of ours for the customer yet.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any, Literal

from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError, router, transaction
from django.utils import timezone

from .. import signals
from ..client import TwoCheckoutClient
from ..exceptions import AlreadyAdded, UnreadableAnswer
from ..models import Attempt, Customer, Source, SyncState, Verb
from ..models.attempt import Outcome as Ended
from ..serializers import Theirs, in_their_names, read
from . import gate, history
from .connection import current_client

logger = logging.getLogger("twocheckout")


@dataclass(frozen=True)
class Found:
    """A customer as 2Checkout has it, and what is here already."""

    theirs: Theirs
    #: Which of its references the given one is: 2Checkout's own, or the external one.
    matched: Literal["internal", "external"]
    #: The row that has this customer, or its external reference, already.
    row: Customer | None

    @property
    def external_reference(self) -> str:
        """The reference by which 2Checkout knows the customer as ours; blank where it has none."""
        return self.theirs.shared.get("external_customer_reference", "")


@dataclass(frozen=True)
class _Cost:
    """What it took to fetch, for the history."""

    requests: int
    status: int | None
    milliseconds: int


def find(reference: str, *, database: str | None = None) -> Found:
    """Fetch the customer under this reference, 2Checkout's own or an external one. No row is written.

    Raises NotFound, UnreadableAnswer where the answer is about a customer that does not carry the reference, another
    TwoCheckoutError, or ConfigurationError.
    """
    found, _cost = _fetch(reference, _home(database))
    return found


def add(
    reference: str,
    *,
    source: Source = Source.CODE,
    user: Any = "",
    database: str | None = None,
    customer_reference: str = "",
) -> Customer:
    """Fetch the customer under this reference into a new row, which is synced from the start; returns it.

    Where 2Checkout has no external reference for the customer, the row has a new one of ours, and is pending until
    2Checkout was told. *customer_reference*: 2Checkout's own reference of the customer that is meant, where *reference*
    may be one customer's own and another one's external reference. *source* and *user* (a primary key) are for the
    history. Raises AlreadyAdded where a row has this customer already, what :func:`find` raises, or RuntimeError inside
    a transaction.
    """
    database = _home(database)
    found, cost = _fetch(reference, database)
    if customer_reference and found.theirs.reference != customer_reference:
        raise UnreadableAnswer("2Checkout answered with another customer than the one that was looked at.")
    if found.row is not None:
        raise AlreadyAdded(pk=found.row.pk)
    customer = _insert(found, database)
    _tell(customer, found, cost, database, source, str(getattr(user, "pk", user)))
    return customer


def _fetch(reference: str, database: str) -> tuple[Found, _Cost]:
    reference, client = reference.strip(), current_client()
    began, before = time.monotonic(), client.requests_sent
    try:
        theirs = read(client.retrieve_customer(reference))
    finally:
        gate.book(database, client.requests_sent - before)
    found = Found(theirs, _matched(reference, theirs), _row(theirs, database))
    return found, _cost(client, before, began)


def _cost(client: TwoCheckoutClient, before: int, began: float) -> _Cost:
    return _Cost(client.requests_sent - before, client.last_status, round((time.monotonic() - began) * 1000))


def _matched(reference: str, theirs: Theirs) -> Literal["internal", "external"]:
    """Both kinds of reference share one place in the address, so only the answer tells which one it was."""
    if theirs.reference and theirs.reference == reference:
        return "internal"
    if theirs.reference and theirs.shared.get("external_customer_reference") == reference:
        return "external"
    raise UnreadableAnswer("2Checkout answered with a customer that does not carry this reference.")


def _row(theirs: Theirs, database: str) -> Customer | None:
    customers = Customer.objects.using(database)
    external = theirs.shared.get("external_customer_reference")
    row = customers.filter(customer_reference=theirs.reference).first()
    return row or (customers.filter(external_customer_reference=external).first() if external else None)


def _insert(found: Found, database: str) -> Customer:
    """Write the row; two who do so at once get one row, for the database keeps both references unique."""
    theirs = found.theirs
    acknowledged = dict.fromkeys(Customer.PUSHED_FIELDS, "") | theirs.shared
    # Without a reference of ours the row gets one as any new row does, and that is a change to be pushed.
    values = {name: value for name, value in acknowledged.items() if value}
    customer = Customer(
        customer_reference=theirs.reference,
        **values,
        **theirs.owned,
        acknowledged=acknowledged,
        sync_state=SyncState.SYNCED if found.external_reference else SyncState.PENDING,
        pulled_at=timezone.now(),
    )
    try:
        # Durable: a caller's transaction would not see the row that somebody else was quicker to write.
        with transaction.atomic(using=database, durable=True):
            customer.save(using=database, force_insert=True)
    except IntegrityError:
        row = _row(theirs, database)
        if row is None:
            raise
        raise AlreadyAdded(pk=row.pk) from None
    except (OperationalError, InterfaceError):
        raise
    except (DatabaseError, ValueError) as error:
        raise UnreadableAnswer(f"What 2Checkout answered cannot be stored: {type(error).__name__}") from None
    return customer


def _tell(customer: Customer, found: Found, cost: _Cost, database: str, source: Source, user: str) -> None:
    """Leave the line in the history and in the log, and send the signal, as for any pull."""
    told = {name: value for name, value in found.theirs.shared.items() if value}
    fields = sorted(in_their_names(told))
    line = Attempt(
        customer_id=customer.pk,
        verb=Verb.PULL,
        outcome=Ended.DONE,
        adopted=" ".join(fields),
        source=source,
        user=user[:64],
        **vars(cost),
    )
    history.write([line], database)
    facts = {
        "event": "customer.pulled",
        "customer": customer.pk,
        "source": source,
        "code": "",
        "fields": fields,
        "conflicts": [],
        **vars(cost),
    }
    logger.info("customer %s: pulled into a new row", customer.pk, extra=facts)
    signals.customer_pulled.send_robust(sender=Customer, customer=customer, using=database, fields=fields, conflicts=[])


def _home(database: str | None) -> str:
    return database or router.db_for_write(Customer)
