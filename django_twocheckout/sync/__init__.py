"""The one place where rows and 2Checkout meet; admin, tasks and commands all come through these functions.

``push`` (ours to theirs), ``pull`` (theirs to our row), ``push_pending`` (the sweep), ``cards`` and ``delete_card``.
Each takes the row into its hands (:mod:`.rows`), talks (:mod:`.exchange`), and writes back what came of it.
"""

from __future__ import annotations

import contextlib
import logging
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from threading import Event
from typing import Any

from django.db import router
from django.dispatch import Signal
from django.utils import timezone

from .. import signals
from ..client import Timeout, TwoCheckoutClient
from ..conf import ConfigurationError, conf
from ..exceptions import (
    AuthenticationFailed,
    CustomerBusy,
    NotFound,
    RateLimited,
    TwoCheckoutError,
    UnreadableAnswer,
)
from ..managers import CustomerQuerySet
from ..models import Customer, SyncState
from ..serializers import Card, read, read_cards
from . import exchange, rows
from .exchange import Claim, Outcome

__all__ = ["Sweep", "cards", "delete_card", "pull", "push", "push_due", "push_pending"]

logger = logging.getLogger("twocheckout")

#: A row that is saved again and again while it is in flight is left to the next wake-up after so many rounds.
ROUNDS = 5


@dataclass
class Sweep:
    """What a sweep did with the rows it took."""

    pushed: int = 0
    #: Failed: waits for a person or the next save.
    failed: int = 0
    #: Will be tried again by itself.
    waiting: int = 0
    #: Seconds until the first of those is due again.
    retry_in: float | None = None
    #: Changed while in flight, so still due.
    changed: int = 0
    #: Cut short, because 2Checkout refused the account.
    stopped: bool = False

    @property
    def tried(self) -> int:
        return self.pushed + self.failed + self.waiting

    def __add__(self, other: Sweep) -> Sweep:
        retries = [sweep.retry_in for sweep in (self, other) if sweep.retry_in is not None]
        return Sweep(
            self.pushed + other.pushed,
            self.failed + other.failed,
            self.waiting + other.waiting,
            min(retries, default=None),
            self.changed + other.changed,
            self.stopped or other.stopped,
        )


def push(customer: Customer) -> Customer:
    """Push this customer now, whatever its state: create it at 2Checkout, or update what differs there.

    What came of it stands on the row (``sync_state``, ``sync_error``) and is loaded into the instance; fields that were
    assigned and not saved stay as they are. Raises nothing that 2Checkout does, but ConfigurationError where a setting
    is wrong, and DoesNotExist where the row is gone. If another worker has the row in its hands, that one pushes it.
    """
    client = _client()
    for _ in range(ROUNDS):
        taken = _claim(customer, to_push=True)
        if taken is None or not _push_batch([taken], client).changed:
            break
    return _reload(customer)


def push_pending(limit: int | None = None, *, database: str | None = None) -> Sweep:
    """Push every row that is due, at most *limit* of them: the sweep, which needs no message to find its work.

    Stops early where 2Checkout is evidently not there; the rows stay due. Raises ConfigurationError.
    """
    total = Sweep()
    client = _client()
    fruitless = 0
    while limit is None or total.tried < limit:
        size = conf.BATCH_SIZE if limit is None else min(conf.BATCH_SIZE, limit - total.tried)
        batch = _push_batch(rows.claim_each(_rows(database).due()[:size]), client)
        total += batch
        fruitless = fruitless + 1 if batch.waiting and not batch.pushed else 0
        # One batch without success may be one bad row; two in a row are an outage.
        if not batch.tried or batch.stopped or fruitless == 2:
            break
    return total


def push_due(pk: Any, *, database: str | None = None) -> Sweep:
    """Push this row if it is due, and with it whatever else is, up to a batch: what a wake-up does. Raises
    ConfigurationError."""
    total = Sweep()
    client = _client()
    for _ in range(ROUNDS):
        claims = rows.claim_each(_rows(database).due().filter(pk=pk))
        claims += rows.claim_each(_rows(database).due()[: conf.BATCH_SIZE - len(claims)])
        batch = _push_batch(claims, client)
        total += batch
        if not batch.changed:
            break
    return total


def pull(customer: Customer) -> Customer:
    """Fetch this customer from 2Checkout into our row; what changed only here stays, and stays pending.

    The instance is loaded with what was written. Wakes nobody. Raises CustomerBusy where another worker has the row in
    its hands, NotFound where 2Checkout does not have the customer, or another TwoCheckoutError, or ConfigurationError.
    """
    client = _client()
    taken = _take(customer)
    outcome = _safely(exchange.pull, taken, client)
    _settle_pull(taken, outcome)
    if outcome.error:
        raise outcome.error
    return _reload(customer)


def cards(customer: Customer) -> list[Card]:
    """Fetch the customer's cards with their transient tokens. Nothing is stored.

    Raises NotFound where 2Checkout does not have the customer, or another TwoCheckoutError, or ConfigurationError.
    """
    reference = _reference(_row(customer))
    information = _client().retrieve_customer(reference, include_payment_data=True)
    if read(information).reference != reference:
        raise UnreadableAnswer("2Checkout answered with another customer than the one asked for.")
    return read_cards(information)


def delete_card(customer: Customer, token: str) -> None:
    """Delete the card behind this token at 2Checkout, then pull, so that the row's list of cards is right again.

    A card that is gone already counts as deleted. Raises CardNotDeleted with 2Checkout's reasons, CustomerBusy,
    NotFound where 2Checkout does not have the customer, or another TwoCheckoutError, or ConfigurationError.
    """
    client = _client()
    taken = _take(customer)
    try:
        _delete_card(client, _reference(taken), token)
    except BaseException:
        rows.give_back(taken)
        raise
    outcome = _safely(exchange.pull, taken, client)
    _settle_pull(taken, outcome)
    logger.info("customer %s: card deleted", taken.pk, extra={"customer": taken.pk})
    if isinstance(outcome.error, NotFound):
        raise outcome.error
    if outcome.error:
        logger.warning("customer %s: card deleted, list not re-fetched: %s", taken.pk, outcome.error)
    _tell(signals.card_deleted, taken)
    _reload(customer)


def _delete_card(client: TwoCheckoutClient, reference: str, token: str) -> None:
    with contextlib.suppress(NotFound):  # gone already is what was asked for
        client.delete_card(reference, token)


def _client() -> TwoCheckoutClient:
    """The client for the settings as they are now; kept, and with it its connections, until they change."""
    timeout = conf.TIMEOUT
    return _client_for(
        conf.MERCHANT_CODE,
        conf.SECRET_KEY,
        conf.BASE_URL,
        conf.HASH_ALGORITHM,
        tuple(timeout) if isinstance(timeout, list) else timeout,
    )


@lru_cache(maxsize=4)
def _client_for(
    merchant_code: str, secret_key: str, base_url: str, hash_algorithm: str, timeout: Timeout
) -> TwoCheckoutClient:
    try:
        return TwoCheckoutClient(
            merchant_code=merchant_code,
            secret_key=secret_key,
            base_url=base_url,
            hash_algorithm=hash_algorithm,
            timeout=timeout,
        )
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"TWOCHECKOUT is wrong: {error}") from error


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


def _push_batch(claims: Sequence[Claim], client: TwoCheckoutClient) -> Sweep:
    """Push the rows in our hands side by side, and settle them; what cannot be begun in time goes back."""
    until = time.monotonic() + rows.BATCH_SECONDS
    account_refused = Event()

    def work(claim: Claim) -> Outcome | None:
        if account_refused.is_set() or time.monotonic() > until:
            return None
        outcome = _safely(exchange.push, claim, client)
        if isinstance(outcome.error, AuthenticationFailed | RateLimited):
            account_refused.set()
        return outcome

    if len(claims) > 1 and conf.CONCURRENCY > 1:
        with ThreadPoolExecutor(min(conf.CONCURRENCY, len(claims)), "twocheckout") as pool:
            outcomes = list(pool.map(work, claims))
    else:
        outcomes = list(map(work, claims))
    batch = Sweep(stopped=account_refused.is_set())
    for claim, outcome in zip(claims, outcomes, strict=True):
        if outcome is None:
            rows.give_back(claim)
        else:
            batch += _settle_push(claim, outcome)
    return batch


def _safely(talk: Callable[[Claim, TwoCheckoutClient], Outcome], claim: Claim, client: TwoCheckoutClient) -> Outcome:
    """Talk; a mistake in our own code is this row's failure, tried again like any other, and never its neighbours'."""
    try:
        return talk(claim, client)
    except Exception as error:
        # The exception's own text may quote values, so only its kind and place are told.
        where = "".join(traceback.format_tb(error.__traceback__))
        logger.error("customer %s: bug: %s\n%s", claim.pk, type(error).__name__, where)
        outcome = Outcome(claim.reference, claim.noted)
        outcome.error = TwoCheckoutError(f"A mistake in django-twocheckout: {type(error).__name__}")
        return outcome


def _settle_push(claim: Claim, outcome: Outcome) -> Sweep:
    verdict = rows.push_verdict(claim, outcome)
    settled = rows.settle(claim, outcome, verdict)
    if settled is rows.Settled.LOST:
        return Sweep()
    changed = settled is rows.Settled.CHANGED
    error, fields, conflicts = outcome.error, sorted(outcome.sent), _conflicts(outcome)
    created = claim.reference is None and outcome.reference is not None
    if error is None:
        facts = {"customer": claim.pk, "new": created, "fields": fields, "conflicts": conflicts}
        logger.info("customer %s: pushed %s", claim.pk, ", ".join(fields) or "nothing, both sides agree", extra=facts)
        if fields or created:
            _tell(signals.customer_pushed, claim, created=created, fields=fields, conflicts=conflicts)
        return Sweep(pushed=1, changed=changed)
    final = verdict["sync_state"] == SyncState.FAILED
    facts = {"customer": claim.pk, "final": final, "tries": verdict["tries"]}
    logger.warning("customer %s: push failed: %s", claim.pk, error, extra=facts)
    _tell(signals.customer_push_failed, claim, error=error, final=final)
    if final:
        return Sweep(failed=1, changed=changed)
    return Sweep(waiting=1, changed=changed, retry_in=(verdict["next_try_at"] - timezone.now()).total_seconds())


def _settle_pull(claim: Claim, outcome: Outcome) -> None:
    verdict = rows.pull_verdict(outcome)
    if rows.settle(claim, outcome, verdict) is rows.Settled.CHANGED or (claim.pending and not verdict):
        # A wake-up that came while we had the row in our hands found it taken.
        signals.customers_marked.send_robust(sender=Customer, using=claim.database)
    if outcome.error is None and outcome.merged is not None:
        fields, conflicts = sorted(outcome.merged.adopt), _conflicts(outcome)
        facts = {"customer": claim.pk, "fields": fields, "conflicts": conflicts}
        logger.info("customer %s: pulled %s", claim.pk, ", ".join(fields) or "nothing new", extra=facts)
        _tell(signals.customer_pulled, claim, fields=fields, conflicts=conflicts)


def _conflicts(outcome: Outcome) -> list[str]:
    return sorted(outcome.merged.conflicts) if outcome.merged else []


def _tell(signal: Signal, claim: Claim, **facts: Any) -> None:
    if signal.has_listeners(Customer):
        customer = _rows(claim.database).filter(pk=claim.pk).first()
        if customer is not None:
            signal.send_robust(sender=Customer, customer=customer, using=claim.database, **facts)
