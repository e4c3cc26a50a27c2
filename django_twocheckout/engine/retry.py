"""Decides the row's next state between :mod:`.reconcile` and :mod:`.settle`: synced, failed, or pending with a backoff.

It is pure but for the settings and the clock.
"""

from __future__ import annotations

import random
import re
from datetime import timedelta

from django.db.models import F
from django.db.models.functions import Coalesce

from ..conf import conf
from ..exceptions import (
    AuthenticationFailed,
    ConnectionFailed,
    NoSecureConnection,
    RateLimited,
    RequestRejected,
    ServerFailed,
    TransientError,
    TwoCheckoutError,
    UnreadableAnswer,
)
from ..models import Presence, SyncState, database_now, host_now, mark
from ..redaction import RedactedDict
from .images import REPLICA_SECONDS
from .records import Claim, Decision, Mode, Result

#: Seconds of the first backoff, doubled each time, and of the longest.
FIRST_BACKOFF = 1.0
LONGEST_BACKOFF = 60 * 60.0

#: Failures of the account, common to all rows. They open the circuit at once and cost no row an attempt.
ACCOUNT_FAILURES = (AuthenticationFailed, RateLimited, NoSecureConnection)

_SYNCED: dict[str, object] = {
    "sync_state": SyncState.SYNCED, "sync_error": "", "error_code": "", "failed_attempts": 0, "failing_since": None
}  # fmt: skip
#: The first failure counts. One expression for all rows, which the database evaluates.
_FAILING = {"failing_since": Coalesce(F("failing_since"), database_now())}


def after_push(claim: Claim, result: Result, mode: Mode = Mode.NORMAL) -> Decision:
    """The row's state after a push. A failure of the account costs the row no attempt."""
    error = result.error
    if error is None:
        pushed = result.sent or claim.reference is None
        return Decision({**_SYNCED, "pushed_at": host_now()} if pushed else dict(_SYNCED))
    failed_attempts, final, wait = _count(claim, error, claim.failed_attempts, mode)
    columns = RedactedDict(
        sync_state=SyncState.FAILED if final else SyncState.PENDING,
        sync_error=error.words,
        error_code=code_of(error),
        failed_attempts=failed_attempts,
        next_attempt_at=database_now() + timedelta(seconds=wait),
        **_FAILING,
    )
    return Decision(columns, final, failed_attempts)


def _count(claim: Claim, error: TwoCheckoutError, before: int, mode: Mode) -> tuple[int, bool, float]:
    """The failed attempts, whether this was the last one, and the seconds until the next."""
    account_failure = isinstance(error, ACCOUNT_FAILURES)
    # A half-open trial costs a row no attempt, unless the row got no answer before either.
    free = mode is Mode.TRIAL and is_no_answer(error) and not before
    failed_attempts = before + (not free and not account_failure)
    rejected = isinstance(error, RequestRejected) and not account_failure
    final = rejected or failed_attempts >= conf.of(claim.account).MAX_ATTEMPTS
    return failed_attempts, final, 0.0 if final else backoff(error, failed_attempts)


def after_pull(claim: Claim, result: Result, mode: Mode = Mode.NORMAL) -> Decision:
    """The row's state after a pull.

    It is synced if nothing is left to send. It is pending if a person chose to send something, or if a customer that
    was gone is there. It is failed if the customer is gone. Otherwise it stays. A failed pull that was asked for is
    tried again, as a push is.
    """
    if result.presence is Presence.GONE:
        # What was changed here still waits, should 2Checkout have the customer again.
        return Decision({} if claim.pending else {"sync_state": SyncState.FAILED, **_FAILING}, final=True)
    if result.error is not None:
        failed_attempts, final, wait = _count(claim, result.error, claim.ask_attempts, mode)
        return Decision({}, final or not claim.asks, failed_attempts, wait)
    if not result.merged:
        return Decision()
    if result.merged.send and (claim.gone or result.merged.send & result.chosen.keys()):
        return Decision(mark())
    return Decision() if result.merged.send else Decision(dict(_SYNCED))


def after_link(claim: Claim, result: Result, mode: Mode = Mode.NORMAL) -> Decision:
    """The row's state after it was linked to a customer: pending if anything is left to send, whatever it was."""
    waits = result.error is None and result.merged is not None and bool(result.merged.send)
    return Decision(mark()) if waits else after_pull(claim, result, mode)


def after_erase(claim: Claim, result: Result, mode: Mode = Mode.NORMAL) -> Decision:
    """Whether an erasure has ended, or when it is tried again: until 2Checkout acknowledges it, or clearly refuses.

    The row's own columns stay. It is gone once this is final.
    """
    error = result.error
    if error is None:
        return Decision(final=not result.unfinished)
    failed_attempts, _final, _wait = _count(claim, error, claim.ask_attempts, mode)
    refused = isinstance(error, RequestRejected) and not isinstance(error, ACCOUNT_FAILURES)
    # A read replica may have shown what was just overwritten.
    given_up = bool(result.still_shown) and failed_attempts >= conf.of(claim.account).MAX_ATTEMPTS
    wait = max(backoff(error, failed_attempts), REPLICA_SECONDS if result.still_shown else 0.0)
    return Decision({}, refused or given_up, failed_attempts, wait)


def backoff(error: TwoCheckoutError, failed_attempts: int) -> float:
    """Seconds until the next attempt: doubled each time, scattered, and at least the seconds 2Checkout asks for.

    Scattered rows do not come back all at once.
    """
    doublings = min(max(failed_attempts - 1, 0), 30)
    seconds = min(FIRST_BACKOFF * 2.0**doublings, LONGEST_BACKOFF) * random.uniform(0.7, 1.3)
    asked = error.retry_after if isinstance(error, TransientError) and error.retry_after else 0
    return max(seconds, asked)


def code_of(error: TwoCheckoutError) -> str:
    """2Checkout's code for this error. Our error's name if there is none, or if it could quote a customer."""
    return error.code if re.fullmatch(r"[A-Z0-9_.-]{1,64}", error.code) else type(error).__name__


def is_account_failure(error: TwoCheckoutError | None) -> bool:
    """Whether all our requests would fail now: 2Checkout says so, or this machine has no secure connection."""
    return isinstance(error, ACCOUNT_FAILURES) or (isinstance(error, ServerFailed) and error.retry_after is not None)


def is_no_answer(error: TwoCheckoutError | None) -> bool:
    """Whether 2Checkout's application gave no answer. Unusable JSON is an answer."""
    page = isinstance(error, UnreadableAnswer) and error.status is not None
    return page or isinstance(error, ConnectionFailed | ServerFailed)
