"""Serves the fake vendor over real sockets: HTTP/1.1 with kept-alive connections, and able to cut them."""

from __future__ import annotations

import io
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .vendor import BASE_PATH, ConnectionCut, FakeTwoCheckout


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, vendor: FakeTwoCheckout, host: str, port: int) -> None:
        self.vendor = vendor
        super().__init__((host, port), _Handler)

    @property
    def address(self) -> str:
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}{BASE_PATH}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of ours."""


@contextmanager
def serving(vendor: FakeTwoCheckout, host: str, port: int) -> Iterator[FakeTwoCheckout]:
    """Serve in a thread until the block ends."""
    with Server(vendor, host, port) as server:
        vendor.url = server.address
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="fake-2checkout", daemon=True)
        thread.start()
        try:
            yield vendor
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 120

    def do_POST(self) -> None:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.command,
            "REQUEST_URI": self.path,  # as sent: a decoded path could not tell a slash from an encoded one
            "PATH_INFO": self.path.partition("?")[0],
            "QUERY_STRING": self.path.partition("?")[2],
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": self.headers.get("Content-Length", ""),
            "wsgi.input": io.BytesIO(self.rfile.read(int(self.headers.get("Content-Length") or 0))),
        }
        environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in self.headers.items()}
        try:
            for chunk in self.server.vendor(environ, self._start):
                self.wfile.write(chunk)
        except ConnectionCut as cut:
            self._cut(cut.sent)

    do_GET = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_POST

    def _start(self, status: str, headers: list[tuple[str, str]]) -> None:
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()

    def _cut(self, sent: bytes) -> None:
        self.wfile.write(sent)
        self.wfile.flush()
        self.close_connection = True
        if not sent:  # lingering for no time makes the close a reset
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:
        """The vendor keeps its own log."""
