"""A server on this machine that answers with whatever bytes a test wants, in whatever time."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator

import trustme

#: No drip lasts longer: a client that is still there by then hangs.
LONGEST = 30.0

Handler = Callable[["Visit"], None]


class Visit:
    """One connection."""

    def __init__(self, server: RawServer, sock: socket.socket, number: int) -> None:
        self.server, self.sock, self.number = server, sock, number
        self._read = sock.makefile("rb")

    def request(self) -> bytes:
        """The next request with its body; blank where there is none."""
        head, length = b"", 0
        while line := self._read.readline():
            head += line
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
            if line == b"\r\n":
                break
        body = self._read.read(length)
        if head:
            self.server.requests.append((self.number, head))
        return head + body

    def close(self) -> None:
        self._read.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def drip(self, first: bytes, then: Iterable[bytes], pause: float = 0.05) -> None:
        """Send these, one after the other, until the client goes away."""
        self.send(first)
        until = time.monotonic() + LONGEST
        for part in then:
            if time.monotonic() > until or self.server.closing.wait(pause):
                return
            self.send(part)


class RawServer:
    def __init__(self, handler: Handler, certificate: str | None) -> None:
        self.handler, self.requests, self.visits = handler, [], 0
        self.closing = threading.Event()
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]

    @property
    def url(self) -> str:
        return f"{'https' if self.context else 'http'}://localhost:{self.port}/rest/6.0/"

    def accept(self) -> None:
        while True:
            try:
                sock, _address = self.socket.accept()
            except OSError:
                return
            self.visits += 1
            threading.Thread(target=self.receive, args=(sock, self.visits), daemon=True).start()

    def receive(self, sock: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.callback(sock.close)
            if self.context:
                sock = stack.enter_context(self.context.wrap_socket(sock, server_side=True))
            self.handler(stack.enter_context(contextlib.closing(Visit(self, sock, number))))
            sock.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def serving(handler: Handler, certificate: str | None = None) -> Iterator[RawServer]:
    server = RawServer(handler, certificate)
    thread = threading.Thread(target=server.accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        with contextlib.suppress(OSError):
            server.socket.shutdown(socket.SHUT_RDWR)
        server.socket.close()
        thread.join()


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def make_certificate(path: str) -> str:
    """A certificate for localhost with its key, and the authority that signed it, in the same file."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    for part in (issued.private_key_pem, *issued.cert_chain_pems, authority.cert_pem):
        part.write_to_path(path, append=True)
    return path
