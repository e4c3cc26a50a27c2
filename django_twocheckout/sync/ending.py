"""Writes down what came of exchanges and tells it: to the rows, the gate, the history, the log and the signals.

The end of every push and pull, many rows at a time.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any

from django.dispatch import Signal

from .. import signals
from ..client import TwoCheckoutClient
from ..exceptions import CustomerBusy
from ..models import Customer, Verb
from . import exchange, gate, history, rows
from .exchange import Choices, Claim, Outcome
from .rows import Ended, Settled, Verdict

logger = logging.getLogger("twocheckout")


Written = tuple[Ended, Settled]


@dataclass
class Sweep:
    """What was done with the rows that were taken."""

    pushed: int = 0
    #: Failed: waits for a person or the next save.
    failed: int = 0
    #: Will be tried again by itself.
    waiting: int = 0
    #: Seconds until one of those is due again.
    retry_in: float | None = None
    #: Changed while in flight, so still due.
    changed: int = 0
    #: Seconds to wait where it was cut short because the account is in trouble, or RATE_LIMIT reached.
    wait: float | None = None
    #: Cut short by the limit or the time given, or rows went back, so there may be more to do.
    more: bool = False
    #: Seconds until a row is due that nobody holds, as it was at the end; None if none is pending.
    due_in: float | None = None
    #: The failed ones by 2Checkout's code, or our error's name.
    codes: Counter[str] = field(default_factory=Counter)
    #: What has ended and is not written down yet, for somebody is writing these rows.
    locked: list[tuple[Claim, Outcome]] = field(default_factory=list)

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
            other.wait if self.wait is None else self.wait,
            self.more or other.more,
            other.due_in,
            self.codes + other.codes,
        )


def end_pushes(
    ended: Sequence[tuple[Claim, Outcome]], *, probe: bool = False, lifts: bool = False, wait: bool = True
) -> Sweep:
    """Settle pushes, and tell. *probe*, *lifts*: see :func:`.gate.report`. *wait*: see :func:`.rows.settle`."""
    verdicts = []
    for claim, outcome in ended:
        # Trying whether 2Checkout answers costs a row nothing, unless it got no answer before either.
        counts = not (probe and gate.is_silence(outcome.error) and not claim.tries)
        verdicts.append((claim, outcome, rows.push_verdict(claim, outcome, counts=counts)))
    total = Sweep()
    written, locked = _write(verdicts, Verb.PUSH, wait)
    for (claim, outcome, verdict), settled in written:
        if settled is not Settled.LOST:
            total += _told_push(claim, outcome, verdict)
            total.changed += settled is Settled.CHANGED
    total.wait, total.locked = _report(written, probe, lifts), locked
    return total


def end_pulls(
    ended: Sequence[tuple[Claim, Outcome]], *, probe: bool = False, lifts: bool = False, wait: bool = True
) -> Sweep:
    """Settle pulls, and tell; ``pushed`` counts the rows that were pulled. The rest as :func:`end_pushes`."""
    verdicts = [(claim, outcome, rows.pull_verdict(outcome)) for claim, outcome in ended]
    total = Sweep()
    written, locked = _write(verdicts, Verb.PULL, wait)
    for (claim, outcome, verdict), settled in written:
        if settled is Settled.LOST and outcome.error is None:
            outcome.error = CustomerBusy()  # what was fetched is written nowhere
        if settled is Settled.CHANGED or (claim.pending and not verdict.columns):
            # A wake-up that came while we had the row in our hands found it taken.
            signals.customers_marked.send_robust(sender=Customer, using=claim.database)
        if outcome.error is not None:
            total.failed += 1
            total.codes[rows.code_of(outcome.error)] += 1
        elif outcome.merged is not None:
            total.pushed += 1
            adopted = outcome.merged.adopt if settled is Settled.QUIET else ()  # else the row is newer
            facts = _facts("customer.pulled", claim, outcome, fields=sorted(adopted))
            told = ", ".join(facts["fields"]) or "nothing new"
            logger.info("customer %s: pulled %s", claim.pk, told, extra=facts)
            tell(signals.customer_pulled, claim, fields=facts["fields"], conflicts=facts["conflicts"])
    total.wait, total.locked = _report(written, probe, lifts), locked
    return total


def push_one(claim: Claim, client: TwoCheckoutClient) -> Sweep:
    """Push the row in our hands, whatever the gate says: a person or the project's code asked for just this one."""
    paused = gate.is_paused(claim.database)
    outcome = exchange.safely(exchange.push, claim, client)
    gate.book(claim.database, outcome.requests)
    return end_pushes([(claim, outcome)], lifts=paused)


def pull_one(claim: Claim, client: TwoCheckoutClient, choices: Choices = MappingProxyType({})) -> Outcome:
    """Pull the row in our hands."""
    paused = gate.is_paused(claim.database)
    outcome = exchange.safely(partial(exchange.pull, choices=choices), claim, client)
    gate.book(claim.database, outcome.requests)
    end_pulls([(claim, outcome)], lifts=paused)
    return outcome


def _write(ended: Sequence[Ended], verb: Verb, wait: bool) -> tuple[list[Written], list[tuple[Claim, Outcome]]]:
    """Settle, and write the history; returns what became of each row, and apart those that must wait."""
    settled = list(zip(ended, rows.settle(ended, wait=wait), strict=True))
    locked = [(claim, outcome) for (claim, outcome, _verdict), what in settled if what is Settled.LOCKED]
    written: list[Written] = [(item, what) for item, what in settled if what is not Settled.LOCKED]
    lines = [
        history.attempt(claim, outcome, verb, final=verdict.final, tries=verdict.tries)
        for (claim, outcome, verdict), what in written
        if what is not Settled.LOST
    ]
    history.write(lines, ended[0][0].database)
    return written, locked


def _report(written: Sequence[Written], probe: bool, lifts: bool) -> float | None:
    """Tell the gate; returns the seconds to wait where it closes."""
    if not written:
        return None
    ended = [item for item, _settled in written]
    return rows.steadily(lambda: gate.report(ended, probe=probe, lifts=lifts), ended[0][0].database)


def _told_push(claim: Claim, outcome: Outcome, verdict: Verdict) -> Sweep:
    error, names = outcome.error, sorted(outcome.sent)
    created = claim.reference is None and outcome.reference is not None
    if error is None:
        facts = _facts("customer.pushed", claim, outcome, new=created, fields=names)
        told = ", ".join(names) or "nothing, both sides agree"
        logger.info("customer %s: pushed %s", claim.pk, told, extra=facts)
        if names or created:
            tell(signals.customer_pushed, claim, created=created, fields=names, conflicts=facts["conflicts"])
        return Sweep(pushed=1)
    facts = _facts("customer.push_failed", claim, outcome, final=verdict.final, tries=verdict.tries)
    logger.warning("customer %s: push failed: %s", claim.pk, error, extra=facts)
    tell(signals.customer_push_failed, claim, error=error, final=verdict.final)
    if verdict.final:
        return Sweep(failed=1, codes=Counter([rows.code_of(error)]))
    return Sweep(waiting=1, retry_in=verdict.retry_in)


def _facts(event: str, claim: Claim, outcome: Outcome, **facts: Any) -> dict[str, Any]:
    """What a structured log line has beside its text: keys, names and numbers, never values."""
    return {
        "event": event,
        "customer": claim.pk,
        "source": claim.source,
        "requests": outcome.requests,
        "status": outcome.status,
        "code": rows.code_of(outcome.error) if outcome.error else "",
        "milliseconds": round(outcome.seconds * 1000),
        "conflicts": sorted(outcome.merged.conflicts) if outcome.merged else [],
        **facts,
    }


def tell(signal: Signal, claim: Claim, **facts: Any) -> None:
    """Send the signal with the customer freshly loaded, where anybody listens."""
    if signal.has_listeners(Customer):
        customer = Customer.objects.using(claim.database).filter(pk=claim.pk).first()
        if customer is not None:
            signal.send_robust(sender=Customer, customer=customer, using=claim.database, **facts)
