"""May rows be claimed now, and how many? The batch asks before each claim. Circuit breaker and RATE_LIMIT answer."""

from __future__ import annotations

from dataclasses import replace

from ..models import Account
from . import circuit_breaker, rate_limit
from .database import retry_lost_connection
from .records import Permit

#: Seconds until the next question, while a person has to confirm the account's merchant code.
CONFIRM_SECONDS = 3600.0


@retry_lost_connection
def acquire(database: str, account: str, most: int) -> Permit:
    """How many rows may be claimed now, at most *most*. Never sleeps: a permit for no row has the seconds to wait.

    Unused permits must be released: see :func:`release`.
    """
    state = Account.objects.current(database, account)
    Account.objects.note_worker(database, account, state)
    if state is not None and state.code_differs:
        return Permit(0, wait=CONFIRM_SECONDS)
    if state is None or state.open_until is None:
        permit = rate_limit.permit(database, account, most)
    else:
        permit = circuit_breaker.try_half_open(database, state)
        if permit.trial:
            rate_limit.reserve(database, account, rate_limit.cost(account))
    return replace(permit, code_noted=state is not None and bool(state.merchant_code))


@retry_lost_connection
def release(database: str, account: str, permit: Permit, claimed: int) -> None:
    """Release the permits for rows that were not claimed."""
    rate_limit.reserve(database, account, (claimed - permit.rows) * rate_limit.cost(account))
    if permit.trial and not claimed:
        circuit_breaker.end_trial(database, account, permit)


def release_unstarted(database: str, account: str, count: int) -> None:
    """Release the permits for rows that were claimed and not started."""
    rate_limit.reserve(database, account, -count * rate_limit.cost(account))
