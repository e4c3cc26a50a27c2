"""RATE_LIMIT as a sliding window over all workers' requests, kept in the account's row.

The admission reserves requests before rows are claimed. Unused reservations are released.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from ..conf import conf, parsed_rate
from ..models import Account, AccountState, update_free
from .records import Permit, Result

#: The number of slices of RATE_LIMIT's period.
SLICES = 10
#: Attempts at one reservation, while other workers make theirs.
RESERVE_ATTEMPTS = 50

Window = list[list[int]]
#: A number of requests, and the seconds for them.
Limit = tuple[int, int]


def permit(database: str, account: str, most: int) -> Permit:
    """Reserve the requests of up to *most* rows. Near the limit: of fewer, or of none, with the seconds to wait."""
    if not conf.of(account).RATE_LIMIT:
        return Permit(most)
    wait = 0.0
    for state in _states(database, account):
        requests, wait = _available(_limit(account), state.window, state.now)
        rows = min(most, requests // cost(account))
        if rows < 1:
            break
        if _reserve(database, state, rows * cost(account)):
            return Permit(rows)
    return Permit(0, wait=max(wait, 0.1))


def reserve(database: str, account: str, requests: int) -> None:
    """Count so many requests as sent. A negative number is released."""
    if not conf.of(account).RATE_LIMIT or not requests:
        return
    for state in _states(database, account):
        if _reserve(database, state, requests):
            return


def _states(database: str, account: str) -> Iterator[AccountState]:
    """The account for each attempt, until nobody wrote since the last one: then another transaction holds its row."""
    version = None
    for _ in range(RESERVE_ATTEMPTS):
        state = Account.objects.current_or_new(database, account)
        if state.version == version:
            return
        version = state.version
        yield state


def correct(database: str, account: str, results: Sequence[Result]) -> None:
    """Replace the reservation for these rows by the number of requests they really sent."""
    reserve(database, account, sum(result.requests for result in results) - len(results) * cost(account))


def cost(account: str) -> int:
    """Requests reserved for one row, at most the limit itself: otherwise no row could be claimed."""
    own = conf.of(account)
    return min(2 if own.READ_BEFORE_WRITE else 1, _limit(account)[0]) if own.RATE_LIMIT else 1


def _limit(account: str) -> Limit:
    return parsed_rate(str(conf.of(account).RATE_LIMIT))


def _reserve(database: str, state: AccountState, requests: int) -> bool:
    """Write it to the account's row. Returns False if another worker wrote meanwhile."""
    live, slice_now = _live(_limit(state.alias), state.window, state.now)
    live[slice_now] = live.get(slice_now, 0) + max(requests, 0)
    back = max(-requests, 0)
    for number in sorted(live, reverse=True):
        # A reservation outside the window cannot be released: this would allow more than the limit.
        released = min(back, live[number])
        live[number] -= released
        back -= released
    same = Account.objects.named(database, state.alias).filter(version=state.version)
    return bool(update_free(same, window=sorted(live.items()), version=state.version + 1))


def _slice(limit: Limit, now: datetime) -> tuple[int, float]:
    """The slice of time of this moment, and the seconds of a slice."""
    seconds = limit[1] / SLICES
    return int(now.timestamp() / seconds), seconds


def _live(limit: Limit, window: Window, now: datetime) -> tuple[dict[int, int], int]:
    """The requests of the slices within the last period, and the current slice."""
    slice_now, _seconds = _slice(limit, now)
    return {number: count for number, count in window if number >= slice_now - SLICES}, slice_now


def _available(limit: Limit, window: Window, now: datetime) -> tuple[int, float]:
    """How many requests may be sent now, and in how many seconds more may be."""
    live, _slice_now = _live(limit, window, now)
    requests = limit[0] - sum(live.values())
    if not live:
        return requests, 0.0
    seconds = _slice(limit, now)[1]
    return max(requests, 0), max((min(live) + SLICES + 1) * seconds - now.timestamp(), 0.0)
