"""The limits of a request in time and size. Each thread has its own.

- :func:`send_by` limits when the request is sent. Between the decision to send and the sending, a machine may be
  suspended, a process stopped, a name server slow. By then another worker may have claimed the row.
- :class:`Call` limits the request and its whole answer. A socket's own timeout limits one wait only: an answer that
  comes one byte at a time would never end.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from typing import Self

from ..exceptions import TransientError

#: The most bytes that are read of one answer, with its status, headers and framing.
MOST_BYTES = 8 * 1024 * 1024


class TooLate(TransientError):
    """The moment of :func:`send_by` was past, so the request was not sent."""


class _ThreadState(threading.local):
    send_by: float | None = None
    call: Call | None = None


_this_thread = _ThreadState()


@contextmanager
def send_by(moment: float) -> Iterator[None]:
    """Refuses to send a request after its deadline, so that no request outlives the lease of its row.

    *moment* is a time of the monotonic clock, for this thread's requests within the block. Raises TooLate at the
    beginning of the block and before each sending if it is past.
    """
    _this_thread.send_by = moment
    try:
        check_send_by()
        yield
    finally:
        _this_thread.send_by = None


def check_send_by() -> None:
    """Raise TooLate if the moment of :func:`send_by` is past."""
    moment = _this_thread.send_by
    if moment is not None and time.monotonic() > moment:
        raise TooLate("Too little time was left to send it.")


class Call:
    """One request of this thread and its answer, from the connection's beginning to the answer's last byte.

    A context manager. Within it, no wait of a guarded connection lasts beyond *deadline*, a time of the monotonic
    clock.
    """

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.bytes_left = MOST_BYTES
        #: Whether anything was sent.
        self.sent = False
        #: Whether the answer ends only where the connection ends, so that a cut answer looks like a whole one.
        self.open_ended = False
        #: Whether more arrived than one answer.
        self.overrun = False
        #: The last answer that began: the server's, or before it the proxy's.
        self.answer: HTTPResponse | None = None

    def __enter__(self) -> Self:
        _this_thread.call = self
        return self

    def __exit__(self, *error: object) -> None:
        _this_thread.call = None
        answer, self.answer = self.answer, None
        if answer is not None and not answer.isclosed():
            answer.close()  # urllib3 forgets an answer if its headers make no sense

    def limit(self, sock: socket.socket) -> None:
        """Let the next wait on this socket end by the deadline. Raises TimeoutError if it is past."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request and its answer did not end in time")
        timeout = sock.gettimeout()
        if timeout is None or left < timeout:
            sock.settimeout(left)


def current_call() -> Call | None:
    """The call that this thread is in; None outside of any."""
    return _this_thread.call
