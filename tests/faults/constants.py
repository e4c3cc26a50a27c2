"""Every constant of the engine that the fault tests shorten, in one place: hours of production in seconds.

Applied in each process that has the engine loaded (workers, writers, the one that verifies), by :func:`shorten`.
"""

from __future__ import annotations

from importlib import import_module

#: How long the faults go on.
FAULT_SECONDS = 10.0
#: How often the sweep comes by.
SWEEP_SECONDS = 0.5
#: All must be right so many seconds after the last fault. Generous: how fast a machine is, is no property of the code.
LONGEST_HEALING = 90.0
#: How long the fake vendor takes over each request, at random between these, so that requests can overlap.
LATENCY = (0.005, 0.04)
#: How long it hangs: longer than any client waits for it.
HANG_SECONDS = 1.5
#: How long a worker is frozen: longer than a lease, so that others claim what it has claimed.
FROZEN_SECONDS = 8.0
#: Seconds between the clocks of two workers.
CLOCKS_APART = 120

#: How many threads send notifications at once.
NOTIFIERS = 6

#: The merchant codes by account. A third of the schedules have both.
CODES = {"default": "YOURCODE123", "second": "SECONDCODE456"}
SECRET_KEY = "zqxv-secret-key"  # the mark of all that no log may have

#: Of the project's settings.
TWOCHECKOUT = {
    "TIMEOUT": (0.4, 0.5),
    "MAX_ATTEMPTS": 100_000,  # attempts come fast here; no row may fail merely because the vendor was away for a while
}

#: Of the engine's modules.
SHORTENED = {
    "django_twocheckout.engine.retry.FIRST_BACKOFF": 0.2,
    "django_twocheckout.engine.retry.LONGEST_BACKOFF": 1.5,
    "django_twocheckout.engine.claims.START_SECONDS": 1.0,
    "django_twocheckout.engine.claims.SLACK_SECONDS": 0.5,
    "django_twocheckout.engine.batch.SETTLE_SECONDS": 0.1,
    "django_twocheckout.engine.asks.BUSY_SECONDS": 0.3,
    "django_twocheckout.engine.ask_settle.REPLICA_SECONDS": 2.0,
    "django_twocheckout.engine.images.REPLICA_SECONDS": 2.0,
    "django_twocheckout.engine.circuit_breaker.FIRST_OPEN_SECONDS": 0.3,
    "django_twocheckout.engine.circuit_breaker.LONGEST_OPEN_SECONDS": 2.0,
    "django_twocheckout.mirrors.marks.FIRST_BACKOFF": 0.2,
    "django_twocheckout.mirrors.marks.LONGEST_BACKOFF": 1.5,
    "django_twocheckout.mirrors.marks.BUSY_SECONDS": 0.3,
    "django_twocheckout.dispatch.BREAK_SECONDS": 1.0,
    "django_twocheckout.dispatch.GATHER_SECONDS": 1,
}


def shorten() -> None:
    for path, value in SHORTENED.items():
        module, _, name = path.rpartition(".")
        owner = import_module(module)
        if not hasattr(owner, name):  # a name that moved would silently leave the long one in force
            raise AttributeError(f"{path} is gone: adapt {__name__}")
        setattr(owner, name, value)
