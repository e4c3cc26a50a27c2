"""Circuit breaker for a 2Checkout account, shared by all workers through one database row.

The admission asks it before rows are claimed, and each finished row is recorded here. It opens when 2Checkout refuses
the account, asks us to slow down, or gives no answer. So no row loses attempts for a failure of the account. After some
time one worker tries one row (half-open), and an answer closes the circuit. People see an open circuit as a paused
account.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

from django.db.models import F, Q

from ..exceptions import AnotherMerchantCode, AuthenticationFailed, NotSent, TransientError, TwoCheckoutError
from ..models import Account, AccountState, Customer, SyncState, update_free
from ..signals import account_paused, account_resumed
from .claims import request_seconds
from .database import retry_lost_connection
from .records import Claim, Finished, Mode, Permit
from .retry import code_of, is_account_failure, is_no_answer

logger = logging.getLogger("twocheckout")

#: Seconds of the first opening, doubled after each failed trial, and of the longest.
FIRST_OPEN_SECONDS = 5.0
LONGEST_OPEN_SECONDS = 300.0
#: So many unanswered customers in a row are an outage, and not a fault of their rows.
UNANSWERED_LIMIT = 5


def confirmed_state(database: str, account: str) -> AccountState | None:
    """The account, None while it has no row. Raises AnotherMerchantCode while a person has to confirm its code."""
    state = Account.objects.current(database, account)
    if state is not None and state.code_differs:
        raise AnotherMerchantCode
    return state


def is_open(database: str, account: str) -> bool:
    """Whether the circuit is open, or waits for its trial."""
    state = Account.objects.current(database, account)
    return state is not None and state.open_until is not None


def try_half_open(database: str, state: AccountState) -> Permit:
    """A permit for the one trial of an open circuit, if its time is over and no other worker was faster."""
    if state.is_open:
        return Permit(0, wait=state.seconds_left)
    # The first worker to move the end makes the trial.
    until = state.now + timedelta(seconds=2 * request_seconds())
    same = Account.objects.named(database, state.alias).filter(open_until=state.open_until)
    if not update_free(same, open_until=until):
        return Permit(0, wait=FIRST_OPEN_SECONDS)
    return Permit(1, since=state.now, until=until)


def end_trial(database: str, account: str, permit: Permit) -> None:
    """Let the next worker try, unless the trial opened or closed the circuit: then its end differs."""
    update_free(Account.objects.named(database, account).filter(open_until=permit.until), open_until=permit.since)


@retry_lost_connection
def record(database: str, account: str, finished: Sequence[Finished], mode: Mode = Mode.NORMAL) -> float | None:
    """Learn from results. Returns the seconds to wait if the circuit is open now, otherwise None."""
    unanswered: list[Finished] = []
    answered, failure = None, None
    for one in finished:
        error = one.result.error
        if is_account_failure(error) and not one.decision.final:
            failure = one
        elif is_no_answer(error):
            unanswered.append(one)
        elif one.result.requests and not isinstance(error, NotSent):
            answered, unanswered = one.claim, []
    if answered is not None and mode is not Mode.NORMAL:
        close(database, account, shown_by=answered)
    elif answered is not None:
        counted = Account.objects.named(database, account).filter(unanswered__gt=0)
        if counted.exists():  # mostly not, and a look costs less than a lock
            update_free(counted, unanswered=0)
    # A row without any answer ever must not look like an outage, so each row counts once.
    new = sum(one.claim.is_first_attempt for one in unanswered)
    trial = mode is Mode.TRIAL
    if failure is None and unanswered and (trial or (new and _count(database, account, new) >= UNANSWERED_LIMIT)):
        failure = unanswered[-1]
    if failure is None or failure.result.error is None:
        return None
    return trip(database, account, failure.result.error, suspect=failure.claim, trial=trial)


def _count(database: str, account: str, new: int) -> int:
    """Count unanswered customers. Returns their number since the last answer."""
    Account.objects.current_or_new(database, account)
    row = Account.objects.named(database, account)
    update_free(row, unanswered=F("unanswered") + new)
    return row.values_list("unanswered", flat=True)[0]


def trip(
    database: str, account: str, error: TwoCheckoutError, *, suspect: Claim | None = None, trial: bool = False
) -> float:
    """Open the circuit for as long as 2Checkout asks, or longer each time. Returns the seconds until its end."""
    state = Account.objects.current_or_new(database, account)
    if state.is_open and not trial:
        seconds, times_opened = 0.0, state.times_opened  # open already; 2Checkout may ask for longer
    else:
        times_opened = state.times_opened + 1
        seconds = min(FIRST_OPEN_SECONDS * 2.0 ** min(times_opened - 1, 20), LONGEST_OPEN_SECONDS)
    asked = error.retry_after if isinstance(error, TransientError) else None
    until = state.now + timedelta(seconds=max(seconds, asked or 0.0))
    columns: dict[str, object] = {
        "opened_at": state.opened_at or state.now,
        "open_until": until,
        "reason": _reason(error),
        "error_code": code_of(error),
        "times_opened": times_opened,
        "unanswered": 0,
        "suspect": str(suspect.pk) if suspect and isinstance(error, AuthenticationFailed) else "",
    }
    shorter = Q() if trial else Q(open_until__isnull=True) | Q(open_until__lt=until)
    written = update_free(Account.objects.named(database, account).filter(shorter), **columns)
    if not written and state.is_open:
        return state.seconds_left
    seconds = (until - state.now).total_seconds()
    if not written:
        return seconds  # another transaction holds the row, so only this worker pauses
    facts = {"action": "account.paused", "account": account, "seconds": round(seconds), "code": code_of(error)}
    logger.warning("account %s: paused for %s s: %s", account, round(seconds), error, extra=facts)
    if state.open_until is None:  # not at each trial that failed
        words = str(columns["reason"])
        account_paused.send_robust(sender=Account, account=account, reason=words, until=until, using=database)
    return seconds


def _reason(error: TwoCheckoutError) -> str:
    meaning = (type(error).__doc__ or "").partition("\n")[0]
    return f"{meaning} (HTTP {error.status})" if error.status else meaning


def close(database: str, account: str, *, shown_by: Claim | None = None) -> bool:
    """Close the circuit. Returns whether it was open. *shown_by*: the row of 2Checkout's first answer."""
    state = Account.objects.current(database, account)
    if state is None:
        return False
    columns = dict.fromkeys(("reason", "error_code", "suspect"), "") | dict.fromkeys(("times_opened", "unanswered"), 0)
    closed = update_free(Account.objects.named(database, account), opened_at=None, open_until=None, **columns)
    if state.suspect and shown_by is not None and str(shown_by.pk) != state.suspect:
        # The account is fine, so the refusal was about this one row.
        suspect = Customer.objects.using(database).filter(pk=state.suspect, sync_state=SyncState.PENDING)
        update_free(suspect, failed_attempts=F("failed_attempts") + 1)
    if state.open_until:
        logger.info("account %s: resumed", account, extra={"action": "account.resumed", "account": account})
        account_resumed.send_robust(sender=Account, account=account, using=database)
    return bool(closed and state.open_until)
