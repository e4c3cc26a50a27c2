"""Celery tasks: wake-ups, no more. What has to be done stands in the rows, so a message lost costs time and no data.

Only primary keys travel (and, where it is not the default one, the database's alias).
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from celery import Celery, Task, current_app, shared_task
from django.db import DEFAULT_DB_ALIAS, router
from kombu.pools import ProducerPool

from . import sync
from .conf import conf
from .exceptions import TwoCheckoutError
from .models import Customer, Job

logger = logging.getLogger("twocheckout")

#: After a publish that failed, no other is tried for so many seconds; the sweep does the rest.
BREAK_SECONDS = 30.0
#: Retries further away than this are left to the sweep: a broker should not keep messages for long.
LONGEST_COUNTDOWN = 600.0
#: Saves of one process within so many seconds share two wake-ups: the first one's, and one after the last.
SHARED_SECONDS = 0.5
#: A task takes no more rows after so long, and asks for another one where more is due: a worker should not be held up
#: for ever, nor a broker deliver the message again.
TASK_SECONDS = 60.0

#: A project's own limit for all tasks, perhaps a short one, would cut exchanges in two.
LIMITS: dict[str, Any] = {"soft_time_limit": 1800, "time_limit": 1860}

#: Seconds that a publish may wait for the broker at any step, and how each kind of broker is told.
PUBLISH_SECONDS = 1.0
_BOUNDS: dict[str, dict[str, Any]] = {
    "redis": {"socket_timeout": PUBLISH_SECONDS, "socket_connect_timeout": PUBLISH_SECONDS, "max_retries": 0},
    "amqp": {
        "read_timeout": PUBLISH_SECONDS,
        "write_timeout": PUBLISH_SECONDS,
        "connect_timeout": PUBLISH_SECONDS,
        "max_retries": 0,
    },
}
#: How many threads of a process may publish at once.
PUBLISHERS = 10

_broken_until = 0.0
#: By database: when the last wake-up was sent, and until when saves are covered by the one to come.
_last_wake: dict[str | None, float] = {}
_covered_until: dict[str | None, float] = {}
_pools: dict[tuple[int, Celery], ProducerPool] = {}


@shared_task(name="twocheckout.push_customer", ignore_result=True, acks_late=True, **LIMITS)
def push_customer(pk: Any, database: str | None = None) -> None:
    """Push this customer if it is due, and whatever else is; come back by itself when a retry is due soon."""
    _come_back(sync.push_due(pk, database=database, seconds=TASK_SECONDS, on_backlog=_helper(database)), database)


@shared_task(name="twocheckout.push_pending", ignore_result=True, acks_late=True, **LIMITS)
def push_pending(database: str | None = None) -> None:
    """The sweep: push every row that is due. Let beat run it every minute or so."""
    _come_back(sync.push_pending(database=database, seconds=TASK_SECONDS, on_backlog=_helper(database)), database)
    for job in sync.jobs.forsaken(database or router.db_for_write(Job)):
        enqueue(work_off, job, database=database)


@shared_task(name="twocheckout.work_off", ignore_result=True, acks_late=True, **LIMITS)
def work_off(job: Any, database: str | None = None) -> None:
    """Do what a person asked to be done with many customers, as far as a minute allows, and come back for the rest."""
    eager = current_app.conf.task_always_eager
    helped = None if eager else partial(enqueue, work_off, job, database=database)
    wait = sync.work_off(job, database=database, seconds=TASK_SECONDS, on_backlog=helped)
    if wait is None or wait > LONGEST_COUNTDOWN or eager:
        return
    if sync.jobs.arrange(job, wait, database or router.db_for_write(Job)):
        enqueue(work_off, job, database=database, countdown=wait)


def _helper(database: str | None) -> Callable[[], bool] | None:
    """Asks another worker to help; nobody where tasks run in this very process."""
    return None if current_app.conf.task_always_eager else partial(enqueue, push_pending, database=database)


def _come_back(sweep: sync.Sweep, database: str | None) -> None:
    """Ask for another wake-up where one will be needed soon, if nobody has been asked yet."""
    wait = sweep.due_in if sweep.wait is None else sweep.wait
    if wait is not None and not sweep.tried:
        wait = max(wait, 1.0)  # what is due and could not be taken is being written, or tried by somebody else
    if wait is None or wait > LONGEST_COUNTDOWN or current_app.conf.task_always_eager:
        return
    if sync.arrange(database, wait):
        enqueue(push_pending, database=database, countdown=wait)


def _about(pk: Any) -> tuple[Any, ...]:
    """The task for this row, or for no row in particular, and its arguments."""
    return (push_pending,) if pk is None else (push_customer, pk)


@shared_task(name="twocheckout.pull_customer", ignore_result=True, acks_late=True, **LIMITS)
def pull_customer(pk: Any, database: str | None = None) -> None:
    """Re-fetch this customer. A failure is logged; the row stays as it is."""
    customer = Customer.objects.using(database or router.db_for_write(Customer)).filter(pk=pk).first()
    if customer is None:
        return logger.info("customer %s: the row is gone, nothing to pull", pk)
    try:
        sync.pull(customer)
    except TwoCheckoutError as error:
        logger.warning("customer %s: pull failed: %s", pk, error)


def wake(pk: Any = None, *, database: str | None = None) -> None:
    """Wake a worker for this row, or for many, just committed; it pushes whatever is due, so few wake-ups are enough.

    The first save is told at once; for those that follow shortly in this process one message is sent that arrives when
    the short while is over. Never raises.
    """
    now = time.monotonic()
    if current_app.conf.task_always_eager or now >= _last_wake.get(database, -SHARED_SECONDS) + SHARED_SECONDS:
        _last_wake[database] = now
        enqueue(*_about(pk), database=database)
    elif now >= _covered_until.get(database, 0.0):
        wait = _last_wake[database] + SHARED_SECONDS - now
        # A little later than what it covers: the clocks of two machines are not quite the same.
        if enqueue(*_about(pk), database=database, countdown=wait + SHARED_SECONDS / 5):
            _covered_until[database] = _last_wake[database] = now + wait


def enqueue(task: Task[Any, Any], *args: Any, database: str | None = None, countdown: float | None = None) -> bool:
    """Wake a worker; False, and never an exception, where the broker does not take the message.

    A broker that refuses, or accepts and says nothing, costs one short wait; for a while after it nothing is tried.
    """
    global _broken_until
    if time.monotonic() < _broken_until:
        return False
    kwargs = {} if database in (None, DEFAULT_DB_ALIAS) else {"database": database}
    options: dict[str, Any] = {
        name: value for name, value in (("countdown", countdown), ("queue", conf.QUEUE)) if value
    }
    if task.app.conf.task_always_eager:
        task.apply_async(args, kwargs, **options)  # no broker is asked; what it raises is the task's own
        return True
    try:
        with _producers(task.app).acquire(block=True, timeout=PUBLISH_SECONDS) as producer:
            task.apply_async(args, kwargs, ignore_result=True, producer=producer, retry=False, **options)
    except Exception as error:  # what a broker's library may raise is an open set
        _broken_until = time.monotonic() + BREAK_SECONDS
        # Not the exception's text: it may quote the broker's address with its password.
        logger.warning("broker unreachable (%s): rows stay pending until the sweep", type(error).__name__)
        return False
    return True


def _producers(app: Celery) -> ProducerPool:
    """This process's connections to the broker, on which no wait is endless, as some are by Celery's own settings."""
    # A forked process must not talk on its parent's sockets, nor close them: the parent's pools just lie there.
    pool = _pools.get((os.getpid(), app))
    if pool is None:
        connection = app.connection_for_write(connect_timeout=PUBLISH_SECONDS)
        bounds = _BOUNDS.get(connection.get_transport_cls().driver_type, {})
        connection.transport_options = {**(connection.transport_options or {}), **bounds}
        pool = ProducerPool(connection.Pool(limit=PUBLISHERS), limit=PUBLISHERS)
        _pools[os.getpid(), app] = pool
    return pool
