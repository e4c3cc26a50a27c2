"""The last look at the clock: a request that has to leave by a certain moment leaves by then, or not at all.

Below the client, on the connection itself, after it was made and right before the bytes go. Whoever has a row for a
limited time may stand still between deciding to send and sending: a machine suspended, a process stopped, a name server
that takes its time. By then somebody else may have the row.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from .exceptions import TransientError

_of_this_thread = threading.local()


@contextmanager
def leaving_until(moment: float) -> Iterator[None]:
    """Let no byte of this thread's requests leave after *moment*, of the monotonic clock; TransientError if it is past
    that already, or when it is."""
    _of_this_thread.moment = moment
    try:
        _look_at_the_clock()
        yield
    finally:
        _of_this_thread.moment = None


def _look_at_the_clock() -> None:
    moment = getattr(_of_this_thread, "moment", None)
    if moment is not None and time.monotonic() > moment:
        raise TransientError("Too little time was left to send it.")


class _Punctual:
    sock: Any

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()  # type: ignore[attr-defined]
        _look_at_the_clock()
        super().send(data)  # type: ignore[misc]


class _Connection(_Punctual, HTTPConnection):
    pass


class _SecureConnection(_Punctual, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


#: For urllib3's managers.
PUNCTUAL_POOLS = {"http": _Pool, "https": _SecurePool}
