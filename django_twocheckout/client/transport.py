"""Guarded connections: urllib3's, within the limits of :mod:`.deadlines`.

The limits are checked on the connection itself, because everything that is sent or read passes there.
"""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Iterable, Iterator
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any

from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from .deadlines import Call, check_send_by, current_call
from .network_errors import forget_address

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, SupportsRead, WriteableBuffer

#: The most bytes that the operating system gets at once.
PORTION_BYTES = 16 * 1024


class _GuardedSocket(io.RawIOBase):
    """Reads from the socket within the call's limits. http.client's answer takes it for the socket itself."""

    def __init__(self, sock: socket.socket, call: Call) -> None:
        self.sock, self.call = sock, call
        self.incoming = sock.makefile("rb", buffering=0)
        self.ended = False

    def makefile(self, mode: str) -> _GuardedReader:
        return _GuardedReader(self)

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.incoming.fileno()

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        if self.ended:
            return 0
        self.call.limit(self.sock)
        count = self.incoming.readinto(buffer)
        self.call.bytes_left -= count or 0
        if self.call.bytes_left < 0:
            raise OSError("the answer is too long")
        return count

    def close(self) -> None:
        self.incoming.close()
        super().close()


class _GuardedReader(io.BufferedReader):
    """Records at the answer's end whether more had arrived by then."""

    raw: _GuardedSocket

    def close(self) -> None:
        if not self.closed:
            self.raw.ended = True  # so that peek() shows what was read already, and waits for nothing
            self.raw.call.overrun |= bool(self.peek(1))
        super().close()


class _GuardedAnswer(HTTPResponse):
    def __init__(
        self, sock: socket.socket, debuglevel: int = 0, method: str | None = None, url: str | None = None
    ) -> None:
        self.call = current_call()
        limited = _GuardedSocket(sock, self.call) if self.call else sock
        super().__init__(limited, debuglevel, method, url)  # type: ignore[arg-type]
        if self.call:
            self.call.answer = self

    def begin(self) -> None:
        super().begin()
        if self.call and self.length is None and not self.chunked:
            self.call.open_ended = True


class _GuardedConnection(HTTPConnection):
    """A connection within the limits of this thread. It is not used again if more arrived than was read."""

    response_class = _GuardedAnswer
    call: Call | None = None
    #: Whether a body follows the head that is sent next, and the head while it waits for it.
    has_body = False
    head = b""

    def _new_conn(self) -> socket.socket:
        call = current_call()
        if call is None:
            return super()._new_conn()
        left = max(call.deadline - time.monotonic(), 0.001)
        self.timeout = min(self.timeout, left) if isinstance(self.timeout, int | float) else left
        sock = super()._new_conn()
        try:
            call.limit(sock)  # for the handshake
        except TimeoutError:
            sock.close()
            raise
        return sock

    def _tunnel(self) -> None:
        super()._tunnel()
        if call := current_call():
            call.limit(self.sock)  # for the handshake behind the proxy

    def request(self, method: str, url: str, body: Any = None, *arguments: Any, **options: Any) -> None:
        self.has_body, self.head = isinstance(body, bytes) and bool(body), b""
        super().request(method, url, body, *arguments, **options)

    def send(self, data: SupportsRead[bytes] | Iterable[ReadableBuffer] | ReadableBuffer | str) -> None:
        if self.has_body and isinstance(data, bytes):
            # With the body it is one call of the system, and one packet.
            self.has_body, self.head = False, data
            return None
        if self.head and isinstance(data, bytes):
            data, self.head = self.head + data, b""
        if self.sock is None:
            self.connect()
        check_send_by()
        self.call = call = current_call()
        if call is None:
            return super().send(data)
        call.sent = True
        for portion in _portions(data) if isinstance(data, bytes) else [data]:
            call.limit(self.sock)
            super().send(portion)
        return None

    @property
    def is_connected(self) -> bool:
        return super().is_connected and not self._has_unread_bytes()

    def _has_unread_bytes(self) -> bool:
        """Whether bytes wait that the operating system's socket does not show to urllib3."""
        pending = getattr(self.sock, "pending", None)  # what TLS has decrypted already
        return bool((self.call and self.call.overrun) or (pending and pending()))


def _portions(data: bytes) -> Iterator[bytes]:
    """The data in portions: over TLS each one may wait for as long as the socket's timeout."""
    for start in range(0, max(len(data), 1), PORTION_BYTES):
        yield data[start : start + PORTION_BYTES]


class _GuardedSecureConnection(_GuardedConnection, HTTPSConnection):
    pass


class _GuardedPool(HTTPConnectionPool):
    ConnectionCls = _GuardedConnection

    def urlopen(self, method: str, url: str, *arguments: Any, **options: Any) -> BaseHTTPResponse:
        try:
            return super().urlopen(method, url, *arguments, **options)
        except Exception as error:
            # A tracer keeps the text of each error that it sees, and this one is not ours yet.
            forget_address(error, url)
            raise


class _GuardedSecurePool(_GuardedPool, HTTPSConnectionPool):
    ConnectionCls = _GuardedSecureConnection


#: For the ``pool_classes_by_scheme`` of urllib3's managers.
GUARDED_POOLS: dict[str, type[HTTPConnectionPool]] = {"http": _GuardedPool, "https": _GuardedSecurePool}
