"""Pushes or pulls many given customers side by side, for ``push_each``, ``pull_each`` and the jobs."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from ..conf import conf
from ..engine.batch import Batch, Reconciled
from ..engine.clients import current_client
from ..engine.records import Claim, Key, Operation
from ..engine.sources import GivenRows, KeySource
from ..engine.summary import Summary
from ..models import CustomerQuerySet, Source, Verb
from .account import chosen_accounts
from .one import customers_in

__all__ = ["KeySource", "OnBacklog", "OnSettled", "in_turn", "run_each"]

#: Called now and then with the settled rows.
OnSettled = Callable[[list[Reconciled]], object] | None
#: Called once if there is work for another worker.
OnBacklog = Callable[[], object] | None


def run_each(
    verb: Verb,
    pks: Iterable[Key],
    *,
    database: str | None,
    source: Source,
    user: object,
    limit: int | None,
    seconds: float | None,
    on_backlog: OnBacklog,
    on_settled: OnSettled,
    operation: Operation | None = None,
) -> Summary:
    """Push or pull the rows with these keys, account by account."""
    customers, keys = customers_in(database), pks if isinstance(pks, KeySource) else KeySource(pks)
    run = partial(
        _run_account,
        customers,
        keys,
        verb,
        source,
        user,
        on_backlog=on_backlog,
        on_settled=on_settled,
        operation=operation,
    )
    return in_turn(run, limit=limit, seconds=seconds)


def _run_account(
    customers: CustomerQuerySet,
    keys: KeySource,
    verb: Verb,
    source: Source,
    user: object,
    account: str,
    *,
    limit: int | None,
    **options: Any,
) -> Summary:
    """Push or pull this account's rows among these. Unstarted rows come again while that makes sense."""
    others = [alias for alias in conf.aliases() if alias != account]
    rows, total = GivenRows(customers, account, keys, verb, source, user, others=others), Summary()
    while True:
        again: list[Claim] = []
        some = Batch(
            rows,
            current_client(account),
            customers.db,
            account,
            limit=None if limit is None else limit - total.tried,
            on_released=again.extend,
            **options,
        ).run()
        keys.put_back(again)
        total += some
        if not again or some.wait is not None or not some.tried:
            total.more = bool(again) or (some.more and limit is not None)
            keys.fetch_back()
            return total


def in_turn(
    run: Callable[..., Summary], *, limit: int | None, seconds: float | None, account: str | None = None
) -> Summary:
    """Run each configured account, with its share of the time that is left, up to so many rows together.

    *run* takes the account, and its own *limit* and *seconds*. Another account comes first each time. *account*: only
    this one. Raises ConfigurationError for one that the settings do not have.
    """
    accounts, began, total = chosen_accounts(account), time.monotonic(), Summary()
    first = random.randrange(len(accounts))
    for number, alias in enumerate(accounts[first:] + accounts[:first]):
        rows = None if limit is None else limit - total.tried
        if rows is not None and rows < 1:
            total.more = True
            break
        left = None if seconds is None else max(began + seconds - time.monotonic(), 0.0)
        share = None if left is None else left / (len(accounts) - number)
        total = total.beside(alias, run(alias, limit=rows, seconds=share))
    return total
