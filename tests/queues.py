"""Functions for the setting DISPATCH, as a project with another queue than Celery has them."""

from __future__ import annotations

import time

from django_twocheckout import tasks

NOTHING = None
PASSWORD = "topsecret"

#: What the functions were called with, until they are forgotten.
calls: list[tuple[str, int | str | None, str | None, int]] = []


def note(what: str, key: int | str | None, database: str | None, countdown: int) -> None:
    """As a queue that takes the message."""
    calls.append((what, key, database, countdown))


def fail(what: str, key: int | str | None, database: str | None, countdown: int) -> None:
    """As a queue that is away. The error quotes a password."""
    note(what, key, database, countdown)
    raise ConnectionError(f"no queue at queue://user:{PASSWORD}@127.0.0.1")


def dawdle(what: str, key: int | str | None, database: str | None, countdown: int) -> None:
    """As a queue that answers late."""
    note(what, key, database, countdown)
    time.sleep(0.05)


def work_here(what: str, key: int | str | None, database: str | None, countdown: int) -> None:
    """As a queue that does the work at once, in the process that asks for it."""
    note(what, key, database, countdown)
    tasks.run(what, key, database)
