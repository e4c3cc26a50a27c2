"""The one place where rows and 2Checkout meet; admin, tasks and commands all come through these functions.

``push`` (ours to theirs), ``pull`` (theirs to our row), ``push_pending`` (the sweep), ``cards`` and ``delete_card``.
Each takes the row into its hands (:mod:`.rows`), talks to 2Checkout about it (:mod:`.exchange`, over
:mod:`.connection`), and writes back what came of it (:mod:`.batch`).
"""

from __future__ import annotations

import contextlib
import logging
from typing import Any

from django.db import router
from django.utils import timezone

from .. import signals
from ..client import TwoCheckoutClient
from ..conf import conf
from ..exceptions import CustomerBusy, NotFound, UnreadableAnswer
from ..managers import CustomerQuerySet
from ..models import Customer
from ..serializers import Card, read, read_cards
from . import exchange, rows
from .batch import Sweep, push_batch, safely, settle_pull, tell
from .connection import current_client
from .exchange import Claim

__all__ = ["Sweep", "cards", "delete_card", "pull", "push", "push_due", "push_pending"]

logger = logging.getLogger("twocheckout")

#: A row that is saved again and again while it is in flight is left to the next wake-up after so many rounds.
ROUNDS = 5


def push(customer: Customer) -> Customer:
    """Push this customer now, whatever its state: create it at 2Checkout, or update what differs there.

    What came of it stands on the row (``sync_state``, ``sync_error``) and is loaded into the instance; fields that were
    assigned and not saved stay as they are. Raises nothing that 2Checkout does, but ConfigurationError where a setting
    is wrong, and DoesNotExist where the row is gone. If another worker has the row in its hands, that one pushes it.
    """
    client = current_client()
    for _ in range(ROUNDS):
        taken = _claim(customer, to_push=True)
        if taken is None or not push_batch([taken], client).changed:
            break
    return _reload(customer)


def push_pending(limit: int | None = None, *, database: str | None = None) -> Sweep:
    """Push every row that is due, at most *limit* of them: the sweep, which needs no message to find its work.

    Stops early where 2Checkout is evidently not there; the rows stay due. Raises ConfigurationError.
    """
    total = Sweep()
    client = current_client()
    fruitless = 0
    while limit is None or total.tried < limit:
        size = conf.BATCH_SIZE if limit is None else min(conf.BATCH_SIZE, limit - total.tried)
        batch = push_batch(rows.claim_each(_rows(database).due()[:size]), client)
        total += batch
        fruitless = fruitless + 1 if batch.waiting and not batch.pushed else 0
        # One batch without success may be one bad row; two in a row are an outage.
        if not batch.tried or batch.stopped or fruitless == 2:
            break
    return total


def push_due(pk: Any, *, database: str | None = None) -> Sweep:
    """Push this row if it is due, and with it whatever else is, up to a batch: what a wake-up does.

    Raises ConfigurationError.
    """
    total = Sweep()
    client = current_client()
    for _ in range(ROUNDS):
        claims = rows.claim_each(_rows(database).due().filter(pk=pk))
        claims += rows.claim_each(_rows(database).due()[: conf.BATCH_SIZE - len(claims)])
        batch = push_batch(claims, client)
        total += batch
        if not batch.changed:
            break
    return total


def pull(customer: Customer) -> Customer:
    """Fetch this customer from 2Checkout into our row; what changed only here stays, and stays pending.

    The instance is loaded with what was written. Wakes nobody. Raises CustomerBusy where another worker has the row in
    its hands, NotFound where 2Checkout does not have the customer, or another TwoCheckoutError, or ConfigurationError.
    """
    client = current_client()
    taken = _take(customer)
    outcome = safely(exchange.pull, taken, client)
    settle_pull(taken, outcome)
    if outcome.error:
        raise outcome.error
    return _reload(customer)


def cards(customer: Customer) -> list[Card]:
    """Fetch the customer's cards with their transient tokens. Nothing is stored.

    Raises NotFound where 2Checkout does not have the customer, or another TwoCheckoutError, or ConfigurationError.
    """
    reference = _reference(_row(customer))
    information = current_client().retrieve_customer(reference, include_payment_data=True)
    if read(information).reference != reference:
        raise UnreadableAnswer("2Checkout answered with another customer than the one asked for.")
    return read_cards(information)


def delete_card(customer: Customer, token: str) -> None:
    """Delete the card behind this token at 2Checkout, then pull, so that the row's list of cards is right again.

    A card that is gone already counts as deleted. Raises CardNotDeleted with 2Checkout's reasons, CustomerBusy,
    NotFound where 2Checkout does not have the customer, or another TwoCheckoutError, or ConfigurationError.
    """
    client = current_client()
    taken = _take(customer)
    try:
        _delete_card(client, _reference(taken), token)
    except BaseException:
        rows.give_back(taken)
        raise
    outcome = safely(exchange.pull, taken, client)
    settle_pull(taken, outcome)
    logger.info("customer %s: card deleted", taken.pk, extra={"customer": taken.pk})
    if isinstance(outcome.error, NotFound):
        raise outcome.error
    if outcome.error:
        logger.warning("customer %s: card deleted, list not re-fetched: %s", taken.pk, outcome.error)
    tell(signals.card_deleted, taken)
    _reload(customer)


def _delete_card(client: TwoCheckoutClient, reference: str, token: str) -> None:
    with contextlib.suppress(NotFound):  # gone already is what was asked for
        client.delete_card(reference, token)


def _rows(database: str | None) -> CustomerQuerySet:
    return Customer.objects.using(database or router.db_for_write(Customer))


def _home(customer: Customer) -> str:
    """The database in which the row is written, wherever this instance was read."""
    return router.db_for_write(type(customer), instance=customer)


def _row(customer: Customer) -> Customer:
    """The row as it is now, in a fresh instance."""
    return _rows(_home(customer)).get(pk=customer.pk)


def _claim(customer: Customer, *, to_push: bool) -> Claim | None:
    """Take the row into our hands; None if another worker has it."""
    for _ in range(ROUNDS):
        row = _row(customer)
        taken = rows.claim(row, to_push=to_push)
        if taken is not None or (row.lease_until and row.lease_until > timezone.now()):
            return taken
    return None


def _take(customer: Customer) -> Claim:
    taken = _claim(customer, to_push=False)
    if taken is None:
        raise CustomerBusy
    return taken


def _reference(of: Customer | Claim) -> str:
    reference = of.customer_reference if isinstance(of, Customer) else of.reference
    if not reference:
        raise NotFound("2Checkout does not have this customer yet.")
    return reference


def _reload(customer: Customer) -> Customer:
    """Load the row into the host's instance, without taking away what was assigned and not saved."""
    names = {field.attname for field in customer._meta.concrete_fields} - customer.unsaved_fields()
    customer.refresh_from_db(using=_home(customer), fields=names)
    return customer
