"""Reconciles one claimed row so that a mistake in our code fails this row alone, and measures it."""

from __future__ import annotations

import logging
import time
import traceback

from ..client import TwoCheckoutClient
from ..exceptions import TwoCheckoutError
from .records import Claim, Reconcile, Result

logger = logging.getLogger("twocheckout")


def run_guarded(reconcile: Reconcile, claim: Claim, client: TwoCheckoutClient) -> Result:
    """Reconcile, and measure it. A bug in our code fails this row alone, and is retried like any other failure."""
    began, before = time.monotonic(), client.requests_sent
    try:
        result = reconcile(claim, client)
    except Exception as error:
        # The exception's text may quote values, so the log has only its type and place.
        where = "".join(traceback.format_tb(error.__traceback__))
        facts = {"action": "bug", "customer": claim.pk}
        logger.error("customer %s: bug: %s\n%s", claim.pk, type(error).__name__, where, extra=facts)
        result = unknown_result(claim, f"A mistake in django-twocheckout: {type(error).__name__}")
    result.requests, result.seconds = client.requests_sent - before, time.monotonic() - began
    result.http_status = client.last_status if result.requests else None
    return result


def unknown_result(claim: Claim, words: str) -> Result:
    """The result of a reconciliation that broke off at an unknown point. The next attempt looks the customer up."""
    return Result(claim.reference, claim.in_doubt_since, updated=True, error=TwoCheckoutError(words))
