"""Carries the rows in our hands through their exchanges, side by side, settles them, and tells what came of it."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import Any

from django.dispatch import Signal
from django.utils import timezone

from .. import signals
from ..client import TwoCheckoutClient
from ..conf import conf
from ..exceptions import AuthenticationFailed, RateLimited, TwoCheckoutError
from ..models import Customer, SyncState
from . import exchange, rows
from .exchange import Claim, Outcome

logger = logging.getLogger("twocheckout")


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


def push_batch(claims: Sequence[Claim], client: TwoCheckoutClient) -> Sweep:
    """Push the rows in our hands side by side, and settle them; what cannot be begun in time goes back."""
    until = time.monotonic() + rows.BATCH_SECONDS
    account_refused = Event()

    def work(claim: Claim) -> Outcome | None:
        if account_refused.is_set() or time.monotonic() > until:
            return None
        outcome = safely(exchange.push, claim, client)
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
            batch += settle_push(claim, outcome)
    return batch


def safely(talk: Callable[[Claim, TwoCheckoutClient], Outcome], claim: Claim, client: TwoCheckoutClient) -> Outcome:
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


def settle_push(claim: Claim, outcome: Outcome) -> Sweep:
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
            tell(signals.customer_pushed, claim, created=created, fields=fields, conflicts=conflicts)
        return Sweep(pushed=1, changed=changed)
    final = verdict["sync_state"] == SyncState.FAILED
    facts = {"customer": claim.pk, "final": final, "tries": verdict["tries"]}
    logger.warning("customer %s: push failed: %s", claim.pk, error, extra=facts)
    tell(signals.customer_push_failed, claim, error=error, final=final)
    if final:
        return Sweep(failed=1, changed=changed)
    return Sweep(waiting=1, changed=changed, retry_in=(verdict["next_try_at"] - timezone.now()).total_seconds())


def settle_pull(claim: Claim, outcome: Outcome) -> None:
    verdict = rows.pull_verdict(outcome)
    if rows.settle(claim, outcome, verdict) is rows.Settled.CHANGED or (claim.pending and not verdict):
        # A wake-up that came while we had the row in our hands found it taken.
        signals.customers_marked.send_robust(sender=Customer, using=claim.database)
    if outcome.error is None and outcome.merged is not None:
        fields, conflicts = sorted(outcome.merged.adopt), _conflicts(outcome)
        facts = {"customer": claim.pk, "fields": fields, "conflicts": conflicts}
        logger.info("customer %s: pulled %s", claim.pk, ", ".join(fields) or "nothing new", extra=facts)
        tell(signals.customer_pulled, claim, fields=fields, conflicts=conflicts)


def _conflicts(outcome: Outcome) -> list[str]:
    return sorted(outcome.merged.conflicts) if outcome.merged else []


def tell(signal: Signal, claim: Claim, **facts: Any) -> None:
    if signal.has_listeners(Customer):
        customer = Customer.objects.using(claim.database).filter(pk=claim.pk).first()
        if customer is not None:
            signal.send_robust(sender=Customer, customer=customer, using=claim.database, **facts)
