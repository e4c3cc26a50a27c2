"""Compares many rows with 2Checkout side by side, in a batch's threads. Leases no row, and writes none.

It goes by RATE_LIMIT and by the circuit breaker as a batch does, and tells the breaker what it learnt.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

from ..client import TwoCheckoutClient
from ..conf import conf
from ..models import Account
from . import circuit_breaker, rate_limit, reconcile, report
from .operations import PULL
from .pool import Pool
from .records import Claim, Decision, Finished, Mode, Result

#: Seconds after which results are told, while more rows are in flight.
TELL_SECONDS = 1.0

COMPARE = replace(PULL, reconcile=reconcile.compare)


def read_each(
    claims: Iterable[Claim], client: TwoCheckoutClient, database: str, account: str
) -> Iterator[tuple[Claim, Result]]:
    """Fetch and compare the customers of these claims, all of one account. Yields each with its result, in any order.

    *claims*: without leases, from :func:`.claims.peek` or :func:`.claims.unsaved`. Waits for RATE_LIMIT. Ends early
    while the account is paused, or once its requests fail: then the last results have the error.
    """
    rest, concurrency = iter(claims), conf.of(account).CONCURRENCY
    pool, mode = Pool(client, COMPARE), Mode.NORMAL
    try:
        while not pool.closing:
            if pool.in_flight < 2 * concurrency:
                state = Account.objects.current(database, account)
                if state is not None and state.is_open:
                    break
                mode = Mode.FORCED if state is not None and state.open_until else Mode.NORMAL
                pool.submit(_next(rest, database, account, concurrency), concurrency)
            if not pool.in_flight:
                break
            pool.wait(max(pool.in_flight - concurrency, 1), TELL_SECONDS)
            yield from _collect(pool, database, account, mode)
    finally:
        pool.close()
    yield from _collect(pool, database, account, mode)


def _next(rest: Iterator[Claim], database: str, account: str, most: int) -> list[Claim]:
    """The next claims for the threads, as many as RATE_LIMIT allows. None at the end."""
    while (permit := rate_limit.permit(database, account, most)).rows < 1:
        time.sleep(permit.wait)
    # They have no leases to run out, so none is too late to be started.
    some = [replace(claim, start_by=math.inf) for claim in islice(rest, permit.rows)]
    rate_limit.reserve(database, account, (len(some) - permit.rows) * rate_limit.cost(account))
    return some


def _collect(pool: Pool, database: str, account: str, mode: Mode) -> list[tuple[Claim, Result]]:
    """The results so far. Closes the pool if they opened the circuit."""
    read = [(claim, result) for claim, result in pool.collect() if result is not None]
    if read:
        report.fetched(database, account, [result for _claim, result in read])
        rate_limit.correct(database, account, [result for _claim, result in read])
        finished = [Finished(claim, result, Decision()) for claim, result in read]
        pool.closing |= circuit_breaker.record(database, account, finished, mode) is not None
    return read
