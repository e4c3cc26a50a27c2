"""Serves a WSGI application over real sockets: HTTP/1.1 with kept-alive connections, and able to cut them."""

from __future__ import annotations

import io
import re
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from .faults import ConnectionCut

if TYPE_CHECKING:  # the module has nothing but types
    from wsgiref.types import WSGIApplication, WSGIEnvironment

#: Bytes of a body, or of a line of it, that are read at the most.
_MAX_BODY = 16 * 1024 * 1024
_MAX_LINE = 64 * 1024
#: Seconds that a client may be silent after its request was given up.
_LINGER = 1.0


class Server(ThreadingHTTPServer):
    """A server that answers each connection in a thread of its own."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, application: WSGIApplication, host: str, port: int) -> None:
        self.application = application
        super().__init__((host, port), _Handler)

    @property
    def origin(self) -> str:
        """Where it listens, as the beginning of a URL."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print the traceback of a fault in the application; a client that went away is none."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


@contextmanager
def serving(application: WSGIApplication, host: str, port: int) -> Iterator[str]:
    """Serve in a thread until the block ends; yields the beginning of the URL."""
    with Server(application, host, port) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="fake-2checkout", daemon=True)
        thread.start()
        try:
            yield server.origin
        finally:
            server.shutdown()
            thread.join()


class _UnreadableBody(Exception):
    """The body does not end where it should, or its end is unknown; *status* is the answer."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 120

    def do_POST(self) -> None:
        """Answer a request with any method."""
        try:
            body = self._read_body()
        except _UnreadableBody as unreadable:
            return self._give_up(unreadable.status)
        try:
            for chunk in self.server.application(self._environ(body), self._start):
                self.wfile.write(chunk)
        except ConnectionCut as cut:
            self._cut(cut.sent)

    do_GET = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_POST

    def _environ(self, body: bytes) -> WSGIEnvironment:
        path, _, query = self.path.partition("?")
        environ = {
            "REQUEST_METHOD": self.command,
            "REQUEST_URI": self.path,  # as sent: a decoded path could not tell a slash from an encoded one
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
        }
        for name in dict.fromkeys(self.headers):
            values = self.headers.get_all(name, [])
            environ[f"HTTP_{name.upper().replace('-', '_')}"] = ", ".join(values)
        return environ

    def _start(
        self, status: str, headers: list[tuple[str, str]], exc_info: object = None, /
    ) -> Callable[[bytes], object]:
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        return self.wfile.write

    def _read_body(self) -> bytes:
        """The whole body, so that the next request on this connection begins where it should."""
        encoding = self.headers.get("Transfer-Encoding")
        if encoding is not None:
            if encoding.strip().lower() != "chunked":
                raise _UnreadableBody(501)
            return b"".join(self._chunks())
        lengths = set(self.headers.get_all("Content-Length", ["0"]))
        length = lengths.pop().strip()
        if lengths or not re.fullmatch(r"[0-9]+", length):
            raise _UnreadableBody(400)
        return self._read(length)

    def _chunks(self) -> Iterator[bytes]:
        total = 0
        while True:
            size = re.fullmatch(r"([0-9a-fA-F]+)[ \t]*(;.*)?", self._line())
            if not size:
                raise _UnreadableBody(400)
            chunk = self._read(str(int(size[1], 16)))
            total += len(chunk)
            if total > _MAX_BODY:
                raise _UnreadableBody(413)
            if not chunk:
                break
            yield chunk
            if self._line():
                raise _UnreadableBody(400)
        while self._line():
            pass  # trailers

    def _read(self, length: str) -> bytes:
        if len(length) > 20 or int(length) > _MAX_BODY:
            raise _UnreadableBody(413)
        data = self.rfile.read(int(length))
        if len(data) < int(length):
            raise _UnreadableBody(400)
        return data

    def _line(self) -> str:
        line = self.rfile.readline(_MAX_LINE)
        if not line.endswith(b"\n"):
            raise _UnreadableBody(400)
        return line.rstrip(b"\r\n").decode("latin-1")

    def _give_up(self, status: int) -> None:
        """Answer with an error and close: what is left of the body would be taken for the next request."""
        self.send_error(status)
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(_LINGER)
        for _ in range(_MAX_BODY // _MAX_LINE):  # a close before all is read would take the answer away from the client
            if not self.connection.recv(_MAX_LINE):
                break

    def _cut(self, sent: bytes) -> None:
        self.wfile.write(sent)
        self.wfile.flush()
        self.close_connection = True
        if not sent:  # lingering for no time makes the close a reset
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:
        """The application keeps its own log."""
