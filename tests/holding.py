"""A transaction of the project that holds something until the test lets it go."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import contextmanager

from django.db import connection, transaction

#: Seconds after which the transaction ends by itself, so that a door that waits for it comes back, late.
LONGEST = 40.0


class Held:
    def __init__(self, act: Callable[[], object]) -> None:
        self.act, self.holds, self.ends = act, threading.Event(), threading.Event()
        self.waited_for = False
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        try:
            with transaction.atomic():
                self.act()
                self.holds.set()
                self.waited_for = not self.ends.wait(LONGEST)
                transaction.set_rollback(True)
        finally:
            connection.close()


@contextmanager
def held(act: Callable[[], object]):
    """Hold what *act* locks. Fails if something waited for it."""
    it = Held(act)
    it.thread.start()
    assert it.holds.wait(LONGEST)
    try:
        yield it
    finally:
        it.ends.set()
        it.thread.join()
    assert not it.waited_for, "a statement waited for the project's transaction"
