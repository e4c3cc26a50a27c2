"""Celery tasks: wake-ups between ``dispatch`` and the flows. The rows say what is due, so a lost message loses no data.

Messages carry primary keys alone, and the database's alias if it is not the default one.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from functools import partial
from typing import Any

from celery import shared_task
from django.db import OperationalError, ProgrammingError, connections, router

from . import sync
from .dispatch import Key, enqueue, log_once, place_of, runs_here, wakes_workers
from .exceptions import SendingDisabled, TwoCheckoutError
from .flows.pull import ask_stale
from .flows.push import push_due
from .flows.sweep import reserve_wakeup
from .flows.verify import verify as find_unmarked
from .models import Customer

logger = logging.getLogger("twocheckout")

#: Seconds. Later retries are left to the sweep: a broker should not keep messages for long.
LONGEST_COUNTDOWN = 600.0
#: Seconds after which a task claims no more rows. It asks for another task if more is due. A long task would block its
#: worker, and the broker might deliver its message again.
TASK_SECONDS = 60.0
#: Seconds after which the nightly look begins with no more rows.
VERIFY_SECONDS = 1500.0

#: A project's own limit for all tasks may be short, and would interrupt a chain of requests.
LIMITS: dict[str, Any] = {"soft_time_limit": 1800, "time_limit": 1860}


def run(what: str, key: Key | None = None, database: str | None = None) -> None:
    """Do the work of a wake-up, in a worker of another queue than Celery's.

    The arguments are those that the function of DISPATCH was called with, without the countdown. Raises ValueError for
    another *what*.
    """
    if what == "push_customer" and key is not None:
        push_customer(key, database)
    elif what == "push_pending":
        push_pending(database)
    else:
        raise ValueError("There is no such work. It is what the function of DISPATCH was called with.")


@shared_task(name="twocheckout.push_customer", ignore_result=True, acks_late=True, **LIMITS)
def push_customer(pk: Key, database: str | None = None) -> None:
    """Push this customer if it is due, and do all else that is due. Asks for another wake-up if a retry is due soon."""
    _come_back(push_due(pk, database=database, seconds=TASK_SECONDS, on_backlog=_wake_helper(database)), database)


@shared_task(name="twocheckout.push_pending", ignore_result=True, acks_late=True, **LIMITS)
def push_pending(database: str | None = None) -> None:
    """The sweep: do whatever is due, both ways. Let beat run it about every minute."""
    try:
        summary = sync.sweep(database=database, seconds=TASK_SECONDS, on_backlog=_wake_helper(database))
    except (ProgrammingError, OperationalError):
        if _has_tables(database):
            raise
        place = " / ".join(filter(None, place_of(database)))
        log_once(logging.WARNING, f"nothing to sweep in {place}: the tables of customers are not there")
        return
    _come_back(summary, database)


def _wake_helper(database: str | None) -> Callable[[], bool] | None:
    """A function to wake another worker. None if Celery's tasks run in this process."""
    return None if runs_here() else partial(enqueue, push_pending, database=database)


def _has_tables(database: str | None) -> bool:
    """Whether our tables exist. In a project with tenants, the shared schema has none."""
    connection = connections[place_of(database)[0]]
    return Customer._meta.db_table in connection.introspection.table_names()


def _come_back(summary: sync.Summary, database: str | None) -> None:
    """Ask for another wake-up if an account will need one soon, unless one is reserved already."""
    for account, some in summary.by_account.items():
        wait = some.due_in if some.wait is None else some.wait
        if wait is not None and not some.tried:
            wait = max(wait, 1.0)  # the due rows are being written, or another worker makes a trial
        if wait is None or wait > LONGEST_COUNTDOWN or runs_here() or not wakes_workers():
            continue
        wait = math.ceil(wait)
        if reserve_wakeup(database, account, wait):
            enqueue(push_pending, database=database, countdown=wait)


@shared_task(name="twocheckout.pull_stale", ignore_result=True, acks_late=True, **LIMITS)
def pull_stale(hours: float = 24.0, minutes: float = 10.0, database: str | None = None) -> None:
    """Ask for pulls of the stalest customers, all of them within *hours*. Let beat run it every *minutes*."""
    if ask_stale(hours * 3600, minutes * 60, database=database):
        push_pending(database)


@shared_task(name="twocheckout.verify", ignore_result=True, acks_late=True, **LIMITS)
def verify(database: str | None = None) -> None:
    """Find what was changed past the marks, such as by raw SQL, and push it. Let beat run it every night."""
    found = find_unmarked(database=database, seconds=VERIFY_SECONDS)
    logger.info(
        "verified: %s customers and %s objects had been changed without a mark, %s objects failed",
        found.customers, found.mirrored, found.failed, extra={"action": "verify"},
    )  # fmt: skip
    push_pending(database)


@shared_task(name="twocheckout.pull_customer", ignore_result=True, acks_late=True, **LIMITS)
def pull_customer(pk: Key, database: str | None = None) -> None:
    """Re-fetch this customer. A failure is logged, and the row stays as it is."""
    customer = Customer.objects.using(database or router.db_for_write(Customer)).filter(pk=pk).first()
    if customer is None:
        return logger.info("customer %s: the row is gone, nothing to pull", pk)
    try:
        sync.pull(customer)
    except SendingDisabled as error:
        log_once(logging.WARNING, str(error))
    except TwoCheckoutError as error:
        logger.warning("customer %s: pull failed: %s", pk, error)
