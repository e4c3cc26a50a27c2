"""Adds a customer of 2Checkout as a new row, from a reference: found, shown to a person, added.

Nothing is pushed: a customer without an external reference at 2Checkout is not told one of ours.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Literal

from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError, router
from django.utils import timezone

from .. import signals
from ..client import TwoCheckoutClient
from ..conf import DEFAULT_ACCOUNT
from ..engine import history, rate_limit
from ..engine.database import durable
from ..exceptions import AlreadyAdded, CustomerBusy, UnreadableAnswer, WasErased
from ..models import (
    Account,
    Attempt,
    AttemptOutcome,
    Customer,
    Erasure,
    Source,
    Verb,
    is_lock_timeout,
    short_waits,
)
from ..redaction import RedactedDict, redact_frames, redacted_repr
from ..wire import RemoteCustomer, parse, shared_attributes, wire_names
from .one import confirmed_client, fetching

logger = logging.getLogger("twocheckout")


@dataclass(frozen=True)
class Found:
    """A customer as 2Checkout has it, and its row here."""

    theirs: RemoteCustomer
    #: The kind of the given reference: 2Checkout's own, or the external one.
    matched: Literal["internal", "external"]
    #: The row with this customer or its external reference.
    row: Customer | None

    __repr__ = redacted_repr

    @property
    def external_reference(self) -> str:
        """The external reference at 2Checkout, or blank."""
        return self.theirs.shared.get("external_customer_reference", "")


@dataclass(frozen=True)
class _Cost:
    """The cost of the fetch, for the history."""

    requests: int
    http_status: int | None
    milliseconds: int

    __repr__ = redacted_repr


@redact_frames
def find(reference: str, account: str = DEFAULT_ACCOUNT, *, database: str | None = None) -> Found:
    """Fetch the account's customer under this reference, 2Checkout's own or an external one. Writes no row.

    Raises NotFound, UnreadableAnswer for a customer without this reference, another TwoCheckoutError, or
    ConfigurationError.

    https://docs.2checkout.com/api-reference/reference/customers
    """
    found, _cost = _fetch(reference, account, _home(database))
    return found


@redact_frames
def add(
    reference: str,
    account: str = DEFAULT_ACCOUNT,
    *,
    source: Source = Source.CODE,
    user: object = "",
    database: str | None = None,
    customer_reference: str = "",
) -> Customer:
    """Fetch the account's customer under this reference into a new row, synced from the start. Returns the row.

    If 2Checkout has no external reference for the customer, the row has none either. *customer_reference*: 2Checkout's
    own reference of the expected customer, because *reference* may be one customer's own and another customer's
    external reference. *source* and *user* (a primary key) are for the history.

    Raises AlreadyAdded for a customer with a row, WasErased for one that was erased here, the errors of :func:`find`,
    or RuntimeError inside a transaction.
    """
    database = _home(database)
    _refuse_erased(database, account, reference.strip())
    found, cost = _fetch(reference, account, database)
    if customer_reference and found.theirs.reference != customer_reference:
        raise UnreadableAnswer("2Checkout answered with another customer than the one that was looked at.")
    if found.row is not None:
        raise AlreadyAdded(pk=found.row.pk)
    _refuse_erased(database, account, found.theirs.reference, found.external_reference)
    customer = _insert(found, account, database)
    Account.objects.note_code(database, account)
    _report(customer, found, cost, database, source, str(getattr(user, "pk", user)))
    return customer


def _refuse_erased(database: str, account: str, *references: str) -> None:
    if Erasure.objects.among(database, account, references):
        raise WasErased


def _fetch(reference: str, account: str, database: str) -> tuple[Found, _Cost]:
    reference, client = reference.strip(), confirmed_client(database, account)
    began, before = time.monotonic(), client.requests_sent
    try:
        with fetching(client, database, account):
            theirs = parse(client.retrieve_customer(reference))
    finally:
        rate_limit.reserve(database, account, client.requests_sent - before)
    if "ExternalCustomerReference" in theirs.unreadable:  # else the row would push a new one over it
        raise UnreadableAnswer("2Checkout's answer has an unreadable ExternalCustomerReference")
    theirs.require_identity()
    found = Found(theirs, _matched(reference, theirs), _row(theirs, account, database))
    return found, _cost(client, before, began)


def _cost(client: TwoCheckoutClient, before: int, began: float) -> _Cost:
    return _Cost(client.requests_sent - before, client.last_status, round((time.monotonic() - began) * 1000))


def _matched(reference: str, theirs: RemoteCustomer) -> Literal["internal", "external"]:
    """Both kinds of reference share one place in the address, so only the answer shows the kind."""
    if theirs.reference and theirs.reference == reference:
        return "internal"
    if theirs.reference and theirs.shared.get("external_customer_reference") == reference:
        return "external"
    raise UnreadableAnswer("2Checkout answered with a customer that does not carry this reference.")


def _row(theirs: RemoteCustomer, account: str, database: str) -> Customer | None:
    customers = Customer.objects.using(database).filter(account=account)
    external = theirs.shared.get("external_customer_reference")
    row = customers.filter(customer_reference=theirs.reference).first()
    return row or (customers.filter(external_customer_reference=external).first() if external else None)


def _insert(found: Found, account: str, database: str) -> Customer:
    """Write the row. The database keeps both references unique, so two workers at once write one row."""
    theirs = found.theirs
    acknowledged = RedactedDict(dict.fromkeys(Customer.shared_fields(), "") | theirs.shared)
    values: RedactedDict[str, str | None] = RedactedDict({name: value for name, value in acknowledged.items() if value})
    values.setdefault("external_customer_reference", None)  # or the row would get one, as any new row does
    customer = Customer(
        account=account,
        customer_reference=theirs.reference,
        **values,
        **theirs.owned,
        acknowledged=acknowledged,
        written=dict.fromkeys(shared_attributes().values()),  # adopted, and not written by us
        pulled_at=timezone.now(),
    )
    try:
        # Durable: a caller's transaction would not see the row of a faster worker.
        with durable(database), short_waits(database):
            customer.save(using=database, force_insert=True)
    except IntegrityError:
        row = _row(theirs, account, database)
        if row is None:
            raise
        raise AlreadyAdded(pk=row.pk) from None
    except (OperationalError, InterfaceError) as error:
        if is_lock_timeout(error):
            raise CustomerBusy from None  # another transaction is inserting the same reference
        raise
    except (DatabaseError, ValueError) as error:
        raise UnreadableAnswer(f"What 2Checkout answered cannot be stored: {type(error).__name__}") from None
    return customer


def _report(customer: Customer, found: Found, cost: _Cost, database: str, source: Source, user: str) -> None:
    """Write the line of the history and of the log, and send the signal, as for any pull."""
    filled = RedactedDict({name: value for name, value in found.theirs.shared.items() if value})
    fields = sorted(wire_names(filled))
    line = Attempt(
        customer_id=customer.pk,
        account=customer.account,
        verb=Verb.PULL,
        outcome=AttemptOutcome.DONE,
        adopted=" ".join(fields),
        unreadable=" ".join(sorted(found.theirs.unreadable)),
        source=source,
        user=user[:64],
        **vars(cost),
    )
    history.write([line], database)
    facts = {
        "action": "customer.pulled",
        "customer": customer.pk,
        "asked_by": source,
        "code": "",
        "fields": fields,
        "conflicts": [],
        **vars(cost),
    }
    logger.info("customer %s: pulled into a new row", customer.pk, extra=facts)
    signals.customer_pulled.send_robust(sender=Customer, customer=customer, using=database, fields=fields, conflicts=[])


def _home(database: str | None) -> str:
    return database or router.db_for_write(Customer)
