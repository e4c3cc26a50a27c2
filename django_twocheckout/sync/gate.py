"""The gate before 2Checkout, shared by all workers: closed while the account is in trouble, and narrow by RATE_LIMIT.

Asked before rows are taken. What the exchanges meet is reported here: where 2Checkout refuses the account, asks us to
slow down or cannot be reached, every worker stops taking rows, instead of each row using up its tries. When the pause
is over one row is tried, by one worker, and if 2Checkout answers, the gate is open again. Nobody sleeps here: who finds
the gate closed is told when to come back.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, router, transaction
from django.db.models import F, Q, QuerySet

from ..conf import ConfigurationError, conf, parsed_rate
from ..exceptions import (
    AuthenticationFailed,
    ConnectionFailed,
    NotSent,
    RateLimited,
    ServerFailed,
    TwoCheckoutError,
    UnreadableAnswer,
)
from ..managers import clock_of, database_now, with_clock
from ..models import Account, Customer, Job, SyncState
from .exchange import Claim, Outcome
from .rows import Ended, code_of, request_seconds

logger = logging.getLogger("twocheckout")

#: Seconds of the first pause, doubled each time that trying again shows the same, and of the longest.
FIRST_PAUSE = 5.0
LONGEST_PAUSE = 300.0
#: So many customers in a row without any answer are an outage, and not their own fault.
STRIKES = 5
#: RATE_LIMIT's period is counted in so many slices.
SLICES = 10
#: How often it is tried to write down what is taken of the rate, while other workers do the same.
RESERVE_TRIES = 50


@dataclass(frozen=True)
class Permit:
    """What the gate says to a worker that wants to take rows."""

    #: How many rows may be taken now.
    rows: int
    #: Seconds after which asking again makes sense, where no row may be taken.
    wait: float = 0.0
    #: Since and until when the others wait for this worker, chosen to try whether 2Checkout answers again.
    since: datetime | None = None
    until: datetime | None = None

    @property
    def probe(self) -> bool:
        return self.until is not None


def ask(database: str, most: int) -> Permit:
    """Whether and how many rows may be taken now, at most *most*; what they will take of RATE_LIMIT is written down.

    What of that is not used must be handed back, and so must a probe that asked 2Checkout nothing: see
    :func:`hand_back`.
    """
    account = _read(database)
    if account is None or account.paused_until is None:
        return _within_rate(database, most) if conf.RATE_LIMIT else Permit(most)
    if account.paused_now:
        return Permit(0, wait=(account.paused_until - account.now).total_seconds())
    # Whoever moves the end of the pause first is the one to try.
    probing = account.now + timedelta(seconds=2 * request_seconds())
    if not _rows(database).filter(paused_until=account.paused_until).update(paused_until=probing):
        return Permit(0, wait=FIRST_PAUSE)
    book(database, _cost())
    return Permit(1, since=account.now, until=probing)


def hand_back(database: str, permit: Permit, taken: int) -> None:
    """Give back what was permitted and not used."""
    book(database, (taken - permit.rows) * _cost())
    if permit.probe and not taken:
        end_probe(database, permit)


def hand_back_unbegun(database: str, count: int) -> None:
    """Give back what was permitted for so many rows that were taken and not begun."""
    book(database, -count * _cost())


def end_probe(database: str, permit: Permit) -> None:
    """Let the next one try, unless the probe has told something: then the pause has another end already, or none."""
    _rows(database).filter(paused_until=permit.until).update(paused_until=permit.since)


def report(ended: Sequence[Ended], *, probe: bool = False, lifts: bool = False) -> float | None:
    """Learn from exchanges; seconds to wait if the account is in trouble now, so that no more should be begun.

    *lifts*: whether they were begun during the pause, if there is one, so that an answer ends it.
    """
    database = ended[0][0].database
    silent: list[tuple[Claim, Any]] = []
    answered, trouble = None, None
    for claim, outcome, verdict in ended:
        error = outcome.error
        if is_trouble(error) and not verdict.final:
            trouble = claim, error
        elif is_silence(error):
            silent.append((claim, error))
        elif outcome.requests and not isinstance(error, NotSent):
            answered, silent = claim, []
    if answered is not None and lifts:
        resume(database, shown_by=answered)
    elif answered is not None:
        _rows(database).filter(strikes__gt=0).update(strikes=0)
    # A row that never gets through must not look like an outage, so each counts but once.
    strikes = sum(claim.tries == 0 for claim, _error in silent)
    if trouble is None and silent and (probe or (strikes and _strike(database, strikes) >= STRIKES)):
        trouble = silent[-1]
    return pause(database, trouble[1], blamed=trouble[0], probe=probe) if trouble is not None else None


def is_trouble(error: TwoCheckoutError | None) -> bool:
    """Whether 2Checkout tells that it deals with none of our requests now."""
    return isinstance(error, AuthenticationFailed | RateLimited) or (
        isinstance(error, ServerFailed) and error.retry_after is not None
    )


def is_silence(error: TwoCheckoutError | None) -> bool:
    """Whether this is no answer by 2Checkout's application. What came as JSON, and cannot be used, is one."""
    page = isinstance(error, UnreadableAnswer) and error.status is not None
    return page or isinstance(error, ConnectionFailed | ServerFailed)


def pause(database: str, error: Any, *, blamed: Claim | None = None, probe: bool = False) -> float:
    """Let no worker take rows for a while: as long as 2Checkout asks for, or longer each time. Returns the seconds."""
    account = _read(database, create=True)
    if account.paused_now and not probe:
        seconds, pauses = 0.0, account.pauses  # paused already; only longer, if 2Checkout says so
    else:
        pauses = account.pauses + 1
        seconds = min(FIRST_PAUSE * 2.0 ** min(pauses - 1, 20), LONGEST_PAUSE)
    status = getattr(error, "status", None)
    until = account.now + timedelta(seconds=max(seconds, getattr(error, "retry_after", None) or 0.0))
    refused = isinstance(error, AuthenticationFailed) and blamed is not None
    columns: dict[str, Any] = {
        "paused_since": account.paused_since or account.now,
        "reason": f"{(type(error).__doc__ or '').partition(chr(10))[0]}{f' (HTTP {status})' if status else ''}",
        "error_code": code_of(error),
        "pauses": pauses,
        "strikes": 0,
        "blamed": str(blamed.pk) if refused and blamed else "",
        "paused_until": until,
    }
    shorter = Q() if probe else Q(paused_until__isnull=True) | Q(paused_until__lt=until)
    if _rows(database).filter(shorter).update(**columns):
        wait = round((until - account.now).total_seconds())
        facts = {"event": "account.paused", "seconds": wait, "code": code_of(error)}
        logger.warning("account paused for %s s: %s", wait, error, extra=facts)
        return float((until - account.now).total_seconds())
    return float(max((account.paused_until - account.now).total_seconds(), 0.0) if account.paused_until else 0.0)


def resume(database: str | None = None, *, shown_by: Claim | None = None) -> bool:
    """Open the gate; whether it was closed. *shown_by*: the row with which 2Checkout answered again."""
    database = database or router.db_for_write(Account)
    account = _read(database)
    if account is None:
        return False
    opened = _rows(database).update(
        paused_since=None, paused_until=None, reason="", error_code="", pauses=0, strikes=0, blamed=""
    )
    if account.blamed and shown_by is not None and str(shown_by.pk) != account.blamed:
        # The account is fine, so what looked like a refusal of the account is this one row's own trouble.
        blamed = Customer.objects.using(database).filter(pk=account.blamed, sync_state=SyncState.PENDING)
        blamed.settle(tries=F("tries") + 1)
    if account.paused_until:
        # Those who would go on with jobs at the pause's end may go on now.
        Job.objects.using(database).filter(ended_at=None).update(wake_at=None)
        logger.info("account resumed", extra={"event": "account.resumed"})
    return bool(opened and account.paused_until)


def look(database: str | None = None) -> Account | None:
    """The account as it stands, for people; None while nothing is known of it. ``now`` is the database's clock."""
    try:
        account: Account | None = _read(database or router.db_for_write(Account))
    except ConfigurationError:
        return None  # without a merchant code there is no account; the system checks say what is missing
    return account


def arrange(database: str | None, seconds: float) -> bool:
    """Whether somebody should be asked to come back after *seconds*: not if somebody else has been asked already."""
    database = database or router.db_for_write(Account)
    account = _read(database, create=True)
    then = account.now + timedelta(seconds=seconds)
    # Somebody who should be here about now may be the one who asks.
    past = account.now + timedelta(seconds=1)
    nobody = Q(wake_at__isnull=True) | Q(wake_at__lte=past) | Q(wake_at__gt=then + timedelta(seconds=1))
    return bool(_rows(database).filter(nobody).update(wake_at=then))


def book(database: str, requests: int) -> None:
    """Write down so many requests as taken of RATE_LIMIT, or given back if below 0."""
    if not conf.RATE_LIMIT or not requests:
        return
    for _ in range(RESERVE_TRIES):
        account = _read(database, create=True)
        if _book(account, requests):
            return


def book_difference(database: str, ended: Sequence[tuple[Claim, Outcome]]) -> None:
    """Write down what exchanges really took of RATE_LIMIT, where it is not what was expected."""
    if conf.RATE_LIMIT:
        book(database, sum(outcome.requests for _claim, outcome in ended) - len(ended) * _cost())


def _within_rate(database: str, most: int) -> Permit:
    wait = 0.0
    for _ in range(RESERVE_TRIES):
        account = _read(database, create=True)
        room, wait = _room(account.window, account.now)
        count = min(most, room // _cost())
        if count < 1:
            break
        if _book(account, count * _cost()):
            return Permit(count)
    return Permit(0, wait=max(wait, 0.1))


def _book(account: Any, requests: int) -> bool:
    """Write it down, if nobody else has meanwhile."""
    window, slice_now = _live(account.window, account.now)
    window[slice_now] = window.get(slice_now, 0) + max(requests, 0)
    back = max(-requests, 0)
    for number in sorted(window, reverse=True):
        # What was booked and has left the window since cannot be given back: it would allow more than the limit.
        taken = min(back, window[number])
        window[number] -= taken
        back -= taken
    same = _rows(account._state.db).filter(version=account.version)
    return bool(same.update(window=sorted(window.items()), version=account.version + 1))


def swept(database: str) -> None:
    """Note that the sweep came by."""
    if not _rows(database).update(swept_at=database_now()):
        _read(database, create=True)
        _rows(database).update(swept_at=database_now())


def _rows(database: str) -> QuerySet[Account]:
    return Account.objects.using(database).filter(merchant_code=conf.MERCHANT_CODE)


def _read(database: str, *, create: bool = False) -> Any:
    """The account's row, with the database's clock as ``now``; None where there is none yet."""
    account = with_clock(_rows(database)).first()
    if account is None and create:
        try:
            with transaction.atomic(using=database):
                Account.objects.using(database).create(merchant_code=conf.MERCHANT_CODE)
        except IntegrityError:
            pass  # another worker was quicker
        account = with_clock(_rows(database)).first()
    if account is not None:
        account.now = clock_of(account)
    return account


def _strike(database: str, count: int) -> int:
    """Count customers that got no answer; returns how many there are since the last answer."""
    _read(database, create=True)
    _rows(database).update(strikes=F("strikes") + count)
    return int(_rows(database).values_list("strikes", flat=True)[0])


def _cost() -> int:
    """Requests for one row, never more than the limit itself, or none could ever be taken."""
    return min(2 if conf.READ_BEFORE_WRITE else 1, parsed_rate(str(conf.RATE_LIMIT))[0]) if conf.RATE_LIMIT else 1


def _slice(now: datetime) -> tuple[int, float]:
    """The slice of time that this moment is in, and how long a slice is."""
    seconds = parsed_rate(str(conf.RATE_LIMIT))[1] / SLICES
    return int(now.timestamp() / seconds), seconds


def _live(window: list[list[int]], now: datetime) -> tuple[dict[int, int], int]:
    """The requests of the slices that may lie within the last period, and the slice of now."""
    slice_now, _seconds = _slice(now)
    return {number: count for number, count in window if number >= slice_now - SLICES}, slice_now


def _room(window: list[list[int]], now: datetime) -> tuple[int, float]:
    """How many requests may be sent now, and in how many seconds there will be more room."""
    live, _slice_now = _live(window, now)
    room = parsed_rate(str(conf.RATE_LIMIT))[0] - sum(live.values())
    if not live:
        return room, 0.0
    seconds = _slice(now)[1]
    return max(room, 0), max((min(live) + SLICES + 1) * seconds - now.timestamp(), 0.0)


def is_paused(database: str) -> bool:
    """Whether the account is paused, or to be tried."""
    account = _read(database)
    return account is not None and account.paused_until is not None
