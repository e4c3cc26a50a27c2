"""The sweep: does whatever is due without any message, repairs what killed workers left, and deletes what is old.

Beat runs it, cron runs it by the command, and each worker runs it once at its start.
"""

from __future__ import annotations

import time
from datetime import timedelta

from django.db import router
from django.db.models import Q

from ..engine import history
from ..engine.repair import repair
from ..engine.summary import Summary
from ..mirrors.portions import apply_due
from ..models import Account, Source, update_free
from . import erase, jobs, notifications_sweep, unknown
from .account import chosen_accounts
from .many import OnBacklog, OnSettled
from .one import customers_in
from .push import run_due


def sweep(
    limit: int | None = None,
    *,
    account: str | None = None,
    database: str | None = None,
    source: Source = Source.SWEEP,
    seconds: float | None = None,
    on_backlog: OnBacklog = None,
    on_settled: OnSettled = None,
) -> Summary:
    """Do whatever is due, for at most *limit* customers: push every marked row, then push or pull what was asked for.

    What 2Checkout notified of is asked for first, and objects that are marked are mirrored. Customers that
    IMPORT_UNKNOWN adds come last.

    Ends early if 2Checkout gives no answer, if RATE_LIMIT is reached, or after *seconds*. The other rows stay due. Also
    deletes old history and jobs. *account*: send requests for this one alone. *on_backlog*: called once if there is
    work for another worker. *on_settled*: called now and then with the settled rows. Raises ConfigurationError, also
    for an account that the settings do not have, or RuntimeError inside a transaction.
    """
    customers, began, accounts = customers_in(database), time.monotonic(), chosen_accounts(account)
    repair(customers.db)
    if notified := notifications_sweep.has_work(customers.db):
        notifications_sweep.apply(customers.db)
    apply_due(customers.db, seconds=None if seconds is None else seconds / 2)
    summary = run_due(
        customers,
        account=account,
        source=source,
        limit=limit,
        seconds=seconds,
        on_backlog=on_backlog,
        on_settled=on_settled,
    )
    if notified:
        notifications_sweep.add_unknown(
            customers.db,
            accounts,
            limit=None if limit is None else max(limit - summary.tried, 0),
            seconds=None if seconds is None else began + seconds - time.monotonic(),
        )
    for alias in accounts:
        Account.objects.note_sweep(customers.db, alias)
    unknown.tell(customers)
    erase.repair(customers.db)
    history.purge(customers.db)
    if notified:
        notifications_sweep.purge(customers.db)
    jobs.purge(customers.db)
    return summary


#: The older name of :func:`sweep`.
push_pending = sweep


def reserve_wakeup(database: str | None, account: str, seconds: float) -> bool:
    """Whether to wake a worker for this account after *seconds*. False if a wake-up is reserved already."""
    database = database or router.db_for_write(Account)
    state = Account.objects.current_or_new(database, account)
    then = state.now + timedelta(seconds=seconds)
    # The wake-up of about now may be the caller's own, so it does not count.
    past = state.now + timedelta(seconds=1)
    free = Q(wakeup_at__isnull=True) | Q(wakeup_at__lte=past) | Q(wakeup_at__gt=then + timedelta(seconds=1))
    return bool(update_free(Account.objects.named(database, account).filter(free), wakeup_at=then))
