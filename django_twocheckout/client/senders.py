"""Gives each thread a sender of its own, and keeps the connections of ended threads for the next ones.

A busy worker ends its threads with each run. A new connection costs as much as several requests, over TLS as many.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

from .sender import Sender

#: Seconds after which a kept connection is closed: a worker that has nothing to do holds none.
IDLE_SECONDS = 10.0


class Senders:
    """The senders of one client."""

    def __init__(self) -> None:
        self._local = threading.local()
        self._lock = threading.Lock()
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._idle: list[tuple[float, Sender]] = []  # with the moment it was released
        self._closer: threading.Timer | None = None
        self._pid = os.getpid()  # last, for by it other threads see that this is done

    def mine(self, make: Callable[[], Sender]) -> Sender:
        """This thread's sender: its own, or a kept one, or one that *make* makes. Never one from before a fork."""
        local = self._local
        if getattr(local, "sender", None) is None or local.pid != os.getpid():
            local.sender, local.pid = self._kept() or make(), os.getpid()
        sender: Sender = local.sender
        return sender

    def release(self) -> None:
        """Keep this thread's sender for another thread."""
        sender = self._local.__dict__.pop("sender", None)
        if sender is not None and self._local.pid == os.getpid():
            with self._lock:
                try:
                    self._close_later(IDLE_SECONDS)
                except RuntimeError:  # no thread can be started, as at the end of a process
                    sender.session.close()
                else:
                    self._idle.append((time.monotonic(), sender))

    def close(self) -> None:
        """Close this thread's connections."""
        sender = self._local.__dict__.pop("sender", None)
        if sender is not None:
            sender.session.close()

    def _kept(self) -> Sender | None:
        """The sender released last."""
        if self._pid != os.getpid():  # processes must not share a socket
            self._lock = threading.Lock()  # perhaps held by a thread that is not in this process
            self._begin_anew()
        with self._lock:
            return self._idle.pop()[1] if self._idle else None

    def _close_later(self, seconds: float) -> None:
        if self._closer is None:
            closer = threading.Timer(seconds, self._close_idle)
            closer.daemon = True
            closer.start()
            self._closer = closer

    def _close_idle(self) -> None:
        with self._lock:
            self._closer = None
            while self._idle and time.monotonic() - self._idle[0][0] >= IDLE_SECONDS:
                self._idle.pop(0)[1].session.close()
            if self._idle:
                self._close_later(max(self._idle[0][0] + IDLE_SECONDS - time.monotonic(), 0.001))
