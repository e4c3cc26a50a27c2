"""Decides when and how a worker is woken: between the receivers and the tasks.

It publishes few messages, bounds each in time, and never fails a save. The setting DISPATCH names who wakes: Celery, a
function of the project for another queue, or nobody.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
import traceback
from collections.abc import Callable
from typing import ParamSpec

from celery import Celery, current_app
from celery.app import app_or_default
from django.db import DEFAULT_DB_ALIAS, connections, router
from django.utils.module_loading import import_string
from kombu import Connection
from kombu.pools import ProducerPool

from .broker import AnyTask, Arguments, Options, find_mistake, unreachable
from .conf import Conf, ConfigurationError, conf
from .models import Customer

logger = logging.getLogger("twocheckout")

P = ParamSpec("P")

Key = int | str
#: A database, and the schema of a tenant in it.
Place = tuple[str, str | None]

#: Seconds without another attempt after a failed publish. The sweep pushes the rows meanwhile.
BREAK_SECONDS = 30.0
#: A save within so many seconds of the last wake-up shares the next wake-up with other saves.
SHARED_SECONDS = 0.5
#: Seconds until the shared wake-up arrives. A whole number: RabbitMQ's quorum queues know no parts of a second.
SHARED_COUNTDOWN = 1
#: The shared wake-up covers saves until so many seconds before it arrives, because clocks of two machines differ a
#: little.
CLOCK_SECONDS = 0.1

#: Seconds in which notifications are gathered. 2Checkout sends several of one event, and one pull is enough.
GATHER_SECONDS = 5

#: About how many seconds a publish may wait for all brokers together.
PUBLISH_SECONDS = 1.0
#: The least seconds for each of several brokers.
LEAST_SECONDS = 0.25
#: Names of the transport options for the seconds of one step, by kind of broker.
_TIMEOUTS = {
    "redis": ("socket_timeout", "socket_connect_timeout"),
    "amqp": ("read_timeout", "write_timeout", "connect_timeout"),
}
#: The most threads of a process that may publish at once.
PUBLISHERS = 10

_broken_until = 0.0
#: By database and schema: the time of the last wake-up, and the time until which the coming one covers saves.
_last_wake: dict[Place, float] = {}
_covered_until: dict[Place, float] = {}
#: Words already logged, by app. They are not logged again.
_logged: set[tuple[Celery, str]] = set()
#: By database and schema: until when a wake-up for notifications is on its way.
_notified_until: dict[Place, float] = {}
_pools: dict[tuple[int, Celery], ProducerPool] = {}
#: ``now``: this thread is within a call of the project's function.
_calling = threading.local()


def place_of(database: str | None) -> Place:
    """The database, and a tenant's schema in it, if tenants have schemas with rows of their own."""
    alias = database or router.db_for_write(Customer)
    return alias, getattr(connections[alias], "schema_name", None)


def wake(task: AnyTask, *args: Key, database: str | None = None) -> None:
    """Wake a worker for committed rows. It pushes every due row, so few wake-ups are enough.

    The first save wakes a worker at once. The next saves in this process share one message, one second later. Never
    raises, even if the task runs in this process and fails.
    """
    _never_raising(_wake, task, args, database)


def wake_for_notification(task: AnyTask, *, database: str | None = None) -> None:
    """Wake a worker for a stored notification. Those that come within a few seconds in this process share a wake-up.

    Call it after the answer: a silent broker costs one short wait. Never raises.
    """
    _never_raising(_wake_for_notification, task, database)


def _never_raising(act: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    try:
        act(*args, **kwargs)
    except Exception as error:
        # The exception's text may quote values, so the log has only its type and place.
        where = "".join(traceback.format_tb(error.__traceback__))
        words = "the rows are saved, and wait for the sweep: waking a worker failed: %s\n%s"
        logger.error(words, type(error).__name__, where, extra={"action": "bug"})


def _wake_for_notification(task: AnyTask, database: str | None) -> None:
    now, key = time.monotonic(), place_of(database)
    if runs_here():
        enqueue(task, database=database)
    elif now >= _notified_until.get(key, 0.0):
        _notified_until[key] = now + GATHER_SECONDS - CLOCK_SECONDS
        enqueue(task, database=database, countdown=GATHER_SECONDS)


def _wake(task: AnyTask, args: Arguments, database: str | None) -> None:
    now, key = time.monotonic(), place_of(database)
    if runs_here() or now >= _last_wake.get(key, -SHARED_SECONDS) + SHARED_SECONDS:
        _last_wake[key] = now
        enqueue(task, *args, database=database)
    elif now >= _covered_until.get(key, 0.0) and enqueue(task, *args, database=database, countdown=SHARED_COUNTDOWN):
        _covered_until[key] = _last_wake[key] = now + SHARED_COUNTDOWN - CLOCK_SECONDS


def uses_celery() -> bool:
    """Whether Celery wakes the workers."""
    return bool(Conf.DISPATCH.raw() == "celery")


def wakes_workers() -> bool:
    """Whether anybody wakes a worker. Otherwise the rows wait for the sweep."""
    return bool(Conf.DISPATCH.raw() != "none")


def runs_here() -> bool:
    """Whether Celery's tasks run in this process (``task_always_eager``)."""
    if not uses_celery():
        return False
    try:
        return bool(current_app.conf.task_always_eager)
    except Exception:  # unreadable settings: enqueue logs them
        return False


def enqueue(task: AnyTask, *args: Key, database: str | None = None, countdown: float | None = None) -> bool:
    """Wake a worker after *countdown* seconds, rounded up. Returns False if nobody takes the wake-up.

    A silent or refusing broker costs one short wait. After it, no publish is tried for :data:`BREAK_SECONDS`. A mistake
    in the settings is logged once. Raises only the errors of a task in this process.
    """
    here = runs_here()
    if not here and time.monotonic() < _broken_until:
        return False
    try:
        way = conf.DISPATCH
    except ConfigurationError as error:
        log_once(logging.ERROR, f"{error} No worker is woken, rows wait for the sweep")
        return False
    if way != "celery":
        return way != "none" and _hand_over(way, task, args, database, math.ceil(max(countdown or 0, 0)))
    kwargs = {} if database is None or database == DEFAULT_DB_ALIAS else {"database": database}
    # RabbitMQ's delayed delivery for quorum queues needs whole seconds.
    whole = math.ceil(max(countdown or 0, 0))
    options: Options = {"countdown": whole} if whole else {}
    if queue := conf.QUEUE:
        options["queue"] = queue
    if here:
        task.apply_async(args, kwargs, **options)  # without a broker; errors are the task's own
        return True
    try:
        _publish(task, args, kwargs, options)
    except Exception as error:  # a broker's library may raise anything
        _explain(error, task, args, options)
        return False
    return True


def _hand_over(path: str, task: AnyTask, args: Arguments, database: str | None, countdown: int) -> bool:
    """Call the project's function. After it raised, or took long, it is not called for :data:`BREAK_SECONDS`."""
    global _broken_until
    if getattr(_calling, "now", False):
        return False  # it does the work itself, in this thread, and goes on until nothing is due
    what, key = task.name.removeprefix("twocheckout."), next(iter(args), None)
    began, problem = time.monotonic(), ""
    _calling.now = True
    try:
        import_string(path)(what, key, None if database == DEFAULT_DB_ALIAS else database, countdown)
    except Exception as error:  # the project's code may raise anything
        # The exception's text may quote values, so the log has only its type and place.
        where = "".join(traceback.format_tb(error.__traceback__))
        problem = f"raised {type(error).__name__}\n{where}"
    finally:
        _calling.now = False
    if problem:
        _broken_until = time.monotonic() + BREAK_SECONDS
        log_once(logging.ERROR, f"no worker is woken, rows wait for the sweep: {path} of DISPATCH {problem}")
    elif time.monotonic() - began > PUBLISH_SECONDS:
        _broken_until = time.monotonic() + BREAK_SECONDS
        words = f"{path} of DISPATCH takes more than {PUBLISH_SECONDS:.0f} s, and each save waits for it"
        log_once(logging.WARNING, f"{words}: it is not called for {BREAK_SECONDS:.0f} s after each such call")
    return not problem


def _publish(task: AnyTask, args: Arguments, kwargs: dict[str, str], options: Options) -> None:
    """Send the message. After a quick failure, send it once more on a new connection, perhaps to the next broker."""
    began = time.perf_counter()
    try:
        _send(task, args, kwargs, options)
    except Exception:
        # The other end may have closed an idle connection. This shows only at its next use.
        if time.perf_counter() - began > PUBLISH_SECONDS / 2:
            raise
        _send(task, args, kwargs, options, anew=True)


def _send(task: AnyTask, args: Arguments, kwargs: dict[str, str], options: Options, *, anew: bool = False) -> None:
    pool = _producers(task.app)
    with pool.acquire(block=True, timeout=PUBLISH_SECONDS) as producer:
        if anew and producer.connection:
            producer.connection.close()  # perhaps another one than before; it reopens by itself
        task.apply_async(args, kwargs, ignore_result=True, producer=producer, retry=False, **options)


def _explain(error: Exception, task: AnyTask, args: Arguments, options: Options) -> None:
    """Log why no worker could be woken. A mistake in the settings is logged once, as an error."""
    global _broken_until
    mistake = find_mistake(error, app_or_default(), task, args, options)
    if mistake is None or not mistake.of_task:
        _broken_until = time.monotonic() + BREAK_SECONDS
    if mistake is None:
        # Not the exception's text: it may quote the broker's address with its password.
        logger.warning("broker unreachable (%s): rows stay pending until the sweep", type(error).__name__)
    else:
        words = f"a mistake in the settings: {mistake.words}. No worker is woken, rows wait for the sweep"
        log_once(logging.ERROR, words)


def log_once(level: int, words: str) -> None:
    """Log these words, unless they were logged before."""
    key = app_or_default(), words
    if key not in _logged:
        _logged.add(key)
        logger.log(level, words)


def reach_broker() -> str:
    """Connect to the broker as a save does. Returns why that fails, in words without secrets. Blank if it answers."""
    app = app_or_default()
    try:
        with app.connection_for_write() as connection:
            _bound(connection)
            _ = connection.default_channel
    except Exception as error:  # a broker's library may raise anything
        return unreachable(error, app)
    return ""


def _producers(app: Celery) -> ProducerPool:
    """This process's connections to the broker. None of them waits endlessly, unlike some of Celery's defaults."""
    # A forked process must not use or close its parent's sockets, so it leaves the parent's pools alone.
    pool = _pools.get((os.getpid(), app))
    if pool is None:
        connection = app.connection_for_write()
        _bound(connection)
        pool = ProducerPool(connection.Pool(limit=PUBLISHERS), limit=PUBLISHERS)
        _pools[os.getpid(), app] = pool
    return pool


def _bound(connection: Connection) -> None:
    """Let the connection try each of its brokers once, each for its share of the time."""
    brokers = max(len(connection.alt), 1)
    seconds = max(PUBLISH_SECONDS / brokers, LEAST_SECONDS)
    connection.connect_timeout = seconds
    names = _TIMEOUTS.get(connection.get_transport_cls().driver_type)
    if names is None:
        return
    bounds: dict[str, float] = dict.fromkeys(names, seconds)
    bounds |= {"max_retries": brokers - 1, "connect_retries_timeout": PUBLISH_SECONDS, "retry_on_timeout": False}
    connection.transport_options = {**(connection.transport_options or {}), **bounds}
