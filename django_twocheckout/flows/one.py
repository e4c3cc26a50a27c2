"""One customer at a time, for the flows with a ``Customer``: finds its row, claims it, and reloads the instance."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import router

from ..client import TwoCheckoutClient
from ..engine import circuit_breaker, claims, report
from ..engine.clients import current_client
from ..engine.reconcile import UNKNOWN_THERE
from ..engine.records import Claim
from ..engine.sources import released_on_error
from ..exceptions import BeingErased, CustomerBusy, NotFound
from ..models import AttemptOutcome, Customer, CustomerQuerySet, Source, Verb


def customers_in(database: str | None) -> CustomerQuerySet:
    """The customers of this database, or of the routers' database for writes."""
    return Customer.objects.using(database or router.db_for_write(Customer))


def database_of(customer: Customer) -> str:
    """The database for writes to this row, wherever the instance was read."""
    return router.db_for_write(type(customer), instance=customer)


def row_of(customer: Customer) -> CustomerQuerySet:
    """The customer's row, as a queryset."""
    return customers_in(database_of(customer)).filter(pk=customer.row_key)


def claim(customer: Customer, verb: Verb, source: Source, user: object) -> tuple[Claim, TwoCheckoutClient] | None:
    """Claim the row, for its account's client. None if another worker has claimed it.

    Raises DoesNotExist for a deleted row, BeingErased, ConfigurationError, or SendingDisabled.
    """
    row, client = row_of(customer), current_client(customer.account)
    claimed = claims.claim(row, verb, source=source, user=user)
    if not claimed:
        if row.get().erased:
            raise BeingErased
        return None
    with released_on_error(claimed):
        # The row may have moved to another account since the instance was loaded.
        return claimed[0], client if claimed[0].account == customer.account else current_client(claimed[0].account)


def confirmed_client(database: str, account: str) -> TwoCheckoutClient:
    """The client of this account. Raises ConfigurationError, SendingDisabled, or AnotherMerchantCode."""
    client = current_client(account)
    circuit_breaker.confirmed_state(database, account)
    return client


@contextmanager
def fetching(client: TwoCheckoutClient, database: str, account: str) -> Iterator[None]:
    """Report the requests of this block as one fetch. An error of the block means that it failed."""
    began, before, outcome = time.monotonic(), client.requests_sent, AttemptOutcome.FAILED
    try:
        yield
        outcome = AttemptOutcome.DONE
    finally:
        sent = client.requests_sent - before
        report.exchange(
            database,
            account,
            "fetch",
            outcome,
            http_status=client.last_status if sent else None,
            milliseconds=round((time.monotonic() - began) * 1000),
            requests=sent,
        )


def claim_or_busy(customer: Customer, verb: Verb, source: Source, user: object) -> tuple[Claim, TwoCheckoutClient]:
    """Claim the row, as :func:`claim` does. Raises CustomerBusy if another worker has claimed it."""
    claimed = claim(customer, verb, source, user)
    if claimed is None:
        raise CustomerBusy
    return claimed


def known_reference(reference: str | None) -> str:
    """2Checkout's reference. Raises NotFound without one."""
    if not reference:
        raise NotFound(UNKNOWN_THERE)
    return reference


def reload(customer: Customer) -> Customer:
    """Load the row into the caller's instance. Assigned and unsaved fields stay."""
    names = {field.attname for field in customer._meta.concrete_fields} - customer.unsaved_fields()
    customer.refresh_from_db(using=database_of(customer), fields=names)
    return customer
