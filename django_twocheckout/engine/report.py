"""Reports a settled row to the log and to the signals' receivers: the last step of every push and pull.

Logs and signals carry keys, names of fields and numbers, never values.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable

from django.dispatch import Signal

from .. import signals
from ..exceptions import ActiveSubscription, CustomerBusy
from ..models import Attempt, AttemptOutcome, Customer, Erasure, Presence, customers_marked, update_free
from .records import Claim, Finished, Result, Settled
from .retry import code_of
from .summary import Summary

logger = logging.getLogger("twocheckout")


def pushed(one: Finished, settled: Settled) -> Summary:
    """Report a push. Returns its count."""
    claim, result, decision = one.claim, one.result, one.decision
    if settled is Settled.LEASE_LOST:
        return Summary()
    summary = Summary(changed=int(settled is Settled.SUPERSEDED))
    error, names = result.error, sorted(result.sent)
    if error is not None:
        facts = _facts("customer.push_failed", one, final=decision.final, failed_attempts=decision.failed_attempts)
        logger.warning("customer %s: push failed: %s", claim.pk, error, extra=facts)
        send_signal(signals.customer_push_failed, claim, error=error, final=decision.final)
        _report_gone(one)
        if decision.final:
            summary.failed, summary.codes = 1, Counter([code_of(error)])
        else:
            summary.waiting = 1
        return summary
    facts = _facts("customer.pushed", one, new=one.created, fields=names)
    logger.info("customer %s: pushed %s", claim.pk, ", ".join(names) or "nothing, both sides agree", extra=facts)
    if names or one.created:
        conflicts = facts["conflicts"]
        send_signal(signals.customer_pushed, claim, created=one.created, fields=names, conflicts=conflicts)
    summary.pushed = 1
    return summary


def pulled(one: Finished, settled: Settled) -> Summary:
    """Report a pull. Returns its count, with pulled rows under ``pushed``."""
    claim, result = one.claim, one.result
    if settled is Settled.LEASE_LOST and result.error is None:
        result.error = CustomerBusy()  # the fetched values are written nowhere
    if settled is Settled.SUPERSEDED or (claim.pending and not one.decision.columns):
        # A wake-up during the claim passed the row over.
        customers_marked.send_robust(sender=Customer, using=claim.database)
    if result.error is not None:
        _report_gone(one)
        if not one.decision.final:
            return Summary(waiting=1)
        return Summary(failed=1, codes=Counter([code_of(result.error)]))
    if result.merged is None:
        return Summary()
    # Adopted fields count only if the row did not change since the claim.
    fields = sorted(result.merged.adopt) if settled is Settled.WRITTEN else []
    facts = _facts("customer.pulled", one, fields=fields)
    logger.info("customer %s: pulled %s", claim.pk, ", ".join(fields) or "nothing new", extra=facts)
    send_signal(signals.customer_pulled, claim, fields=fields, conflicts=facts["conflicts"])
    return Summary(pushed=1)


def erased(one: Finished, settled: Settled) -> Summary:
    """Report an erasure. Returns its count, with an ended one under ``pushed``."""
    claim, result = one.claim, one.result
    if settled is Settled.LEASE_LOST:
        return Summary()
    if not one.decision.final:
        if result.error is not None:
            logger.warning("customer %s: not erased yet: %s", claim.pk, result.error, extra=_facts("erase.failed", one))
        return Summary(waiting=1)
    erasure = Erasure.objects.using(claim.database).filter(pk=claim.erasure).first()
    facts = _facts("customer.erased", one, state=erasure.state if erasure else "")
    if isinstance(result.error, ActiveSubscription):
        logger.warning("customer %s: not erased: %s", claim.pk, result.error, extra=facts)
        customers_marked.send_robust(sender=Customer, using=claim.database)
        return Summary(failed=1, codes=Counter([code_of(result.error)]))
    logger.info("customer %s: erased", claim.pk, extra=facts)
    if erasure is not None:
        announce(erasure, claim.database)
    return Summary(pushed=1)


def announce(erasure: Erasure, database: str) -> None:
    """Send the signal of an erasure that has ended. After a killed worker the sweep does it, so it may come twice."""
    pk = erasure.customer_id
    signals.customer_erased.send_robust(sender=Customer, pk=pk, erasure=erasure, using=database)
    update_free(Erasure.objects.using(database).filter(pk=erasure.pk), announced=True)


def _report_gone(one: Finished) -> None:
    """Report that 2Checkout does not have the customer any more, if that is new."""
    if one.result.presence is Presence.GONE and not one.claim.gone:
        facts = _facts("customer.gone", one)
        logger.warning("customer %s: gone at 2Checkout", one.claim.pk, extra=facts)
        send_signal(signals.customer_gone, one.claim)


def exchanges(ended: Iterable[tuple[Attempt, Settled]], database: str) -> None:
    """Tell the project's metrics of these exchanges, if it listens. Without its lease, a row is tried again."""
    if not signals.exchange_finished.has_listeners(Customer):
        return
    for line, what in ended:
        exchange(
            database,
            line.account,
            line.verb,
            AttemptOutcome.RETRY if what is Settled.LEASE_LOST else line.outcome,
            http_status=line.http_status,
            milliseconds=line.milliseconds,
            requests=line.requests,
        )


def fetched(database: str, account: str, results: Iterable[Result]) -> None:
    """Tell the project's metrics of these fetches of one account: each customer's is an exchange."""
    for result in results:
        exchange(
            database,
            account,
            "fetch",
            AttemptOutcome.FAILED if result.error else AttemptOutcome.DONE,
            http_status=result.http_status,
            milliseconds=round(result.seconds * 1000),
            requests=result.requests,
        )


def exchange(database: str, account: str, verb: str, outcome: str, **facts: int | None) -> None:
    """Tell the project's metrics of one exchange."""
    signals.exchange_finished.send_robust(
        sender=Customer, using=database, account=account, verb=str(verb), outcome=str(outcome), **facts
    )


def card_deleted(claim: Claim, not_pulled: Exception | None) -> None:
    """Report a deleted card. *not_pulled*: why the row's list of cards could not be pulled afterwards."""
    facts = {"action": "card.deleted", "customer": claim.pk}
    logger.info("customer %s: card deleted", claim.pk, extra=facts)
    if not_pulled is not None:
        logger.warning("customer %s: card deleted, list not re-fetched: %s", claim.pk, not_pulled, extra=facts)
    send_signal(signals.card_deleted, claim)


def send_signal(signal: Signal, claim: Claim, **facts: object) -> None:
    """Send the signal with the customer freshly loaded, if it has receivers."""
    if signal.has_listeners(Customer):
        customer = Customer.objects.using(claim.database).filter(pk=claim.pk).first()
        if customer is not None:
            signal.send_robust(sender=Customer, customer=customer, using=claim.database, **facts)


def _facts(action: str, one: Finished, **facts: object) -> dict[str, object]:
    """The structured fields of a log line."""
    claim, result = one.claim, one.result
    return {
        "action": action,
        "customer": claim.pk,
        "account": claim.account,
        "asked_by": claim.source,
        "requests": result.requests,
        "http_status": result.http_status,
        "code": code_of(result.error) if result.error else "",
        "milliseconds": round(result.seconds * 1000),
        "conflicts": sorted(result.merged.conflicts) if result.merged else [],
        **facts,
    }


def missed_wakeup(claim: Claim) -> None:
    """Wake a worker if the row is due now: a wake-up during the claim passed it over."""
    if Customer.objects.using(claim.database).due().filter(pk=claim.pk).exists():
        customers_marked.send_robust(sender=Customer, using=claim.database)
