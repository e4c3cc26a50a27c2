"""The fake vendor, watched: it takes its time over each request, and knows for each one when its client gave it up."""

from __future__ import annotations

import io
import json
import random
import re
import select
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from django_twocheckout.testing import FAULTS, FakeTwoCheckout, Fault, signature
from django_twocheckout.testing.faults import ConnectionCut
from django_twocheckout.testing.routes import BASE_PATH
from django_twocheckout.testing.server import Server

from . import constants


@dataclass
class Request:
    """One request as the vendor saw it. It ended when its answer was about to leave, or when its client had gone.

    Both moments lie within the time in which the client was busy with it, so two requests that overlap here had clients
    that were busy at the same time.
    """

    number: int
    method: str
    path: str
    body: dict[str, Any]
    began: float
    connection: socket.socket = field(repr=False)
    #: The merchant code that it was signed with.
    code: str = ""
    ended: float | None = None
    given_up: bool = False
    #: Its client had gone before we looked at it, on a slow machine. When it was under way is not known.
    late: bool = False
    status: str = ""
    answer: bytes = b""

    @property
    def reference(self) -> str:
        """The reference in the address."""
        return unquote(self.path.removeprefix(BASE_PATH + "customers/").partition("/")[0])


class WatchedVendor(FakeTwoCheckout):
    """Serves several accounts, all with the same secret key."""

    def __init__(self, *args: Any, codes: Iterable[str] = (), **switches: Any) -> None:
        super().__init__(*args, **switches)
        self.codes = {self.merchant_code, *codes}
        #: The merchant code of an account that is answered 401.
        self.refused_code = ""
        self.log: list[Request] = []
        self.chance = random.Random()  # of its own: a hanging request may outlive a test, and another one's dice
        self.here = threading.local()
        self._unanswered: list[Request] = []
        self._watch = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = self._arrived(environ)
        self.here.code = request.code
        head: list[Any] = []
        try:
            time.sleep(self.chance.uniform(*constants.LATENCY) / 2)
            if _gone(request.connection):
                # Where this machine is so slow that the client gave up before we looked at the request, drop it: a
                # vendor that carries out what was given up long ago would defeat every look-up.
                request.given_up = True
                raise ConnectionCut(b"")
            body = list(super().__call__(environ, lambda *given: head.extend(given)))
            time.sleep(self.chance.uniform(*constants.LATENCY) / 2)  # carried out, and not answered yet
        finally:
            self._ended(request)
        request.status, request.answer = head[0], b"".join(body)
        start_response(*head)
        return body

    def in_flight(self, method: str = "") -> bool:
        """Whether any request, or one with this method, has not been answered yet."""
        return any(method in ("", request.method) for request in list(self._unanswered))

    def fault_of(self, request: Request) -> str:
        """The name of the fault that the request met."""
        logged = next((each for each in self.requests if each.headers.get("X_FAULTS") == str(request.number)), None)
        return logged.fault if logged else ""

    def close_log(self) -> None:
        """Look for the last time which clients are gone."""
        with self._watch:
            self._look_around()

    def _fault_for(self, method: str) -> tuple[str, Fault | None]:
        if self.here.code and self.here.code == self.refused_code:
            return "401", FAULTS["401"]
        return super()._fault_for(method)

    def _check_signature(self, header: str) -> None:
        code = self.here.code if self.here.code in self.codes else self.merchant_code
        signature.check(header, code, self.secret_key)

    def _arrived(self, environ: dict[str, Any]) -> Request:
        raw = environ["wsgi.input"].read()
        environ["wsgi.input"] = io.BytesIO(raw)
        with self._watch:
            # A client whose request went before this one in a chain, or that died or gave up before another took its
            # row, has closed its connection by now; asking here, not by a clock, finds that however busy the machine.
            self._look_around()
            request = Request(
                number=len(self.log),
                method=environ["REQUEST_METHOD"],
                path=environ["PATH_INFO"],
                body=json.loads(raw) if raw else {},
                began=time.monotonic(),
                connection=self.here.connection,
                code=_code(environ.get("HTTP_X_AVANGATE_AUTHENTICATION", "")),
            )
            environ["HTTP_X_FAULTS"] = str(request.number)
            self.log.append(request)
            self._unanswered.append(request)
            if _gone(request.connection):
                request.given_up = request.late = True
                self._end(request)
        return request

    def _look_around(self) -> None:
        for request in [request for request in self._unanswered if _gone(request.connection)]:
            request.given_up = True
            self._end(request)

    def _ended(self, request: Request) -> None:
        with self._watch:
            if request in self._unanswered:
                self._end(request)

    def _end(self, request: Request) -> None:
        request.ended = time.monotonic()
        self._unanswered.remove(request)


def _code(header: str) -> str:
    found = re.search(r"""code=["']([^"']*)""", header)
    return found[1] if found else ""


def _gone(connection: socket.socket) -> bool:
    """Whether the other end has closed; a client that waits for an answer sends nothing."""
    readable = select.poll()  # the socket has a time limit, so Python would wait even where it is told not to
    try:
        readable.register(connection, select.POLLIN)
        return bool(readable.poll(0)) and connection.recv(1, socket.MSG_PEEK) == b""
    except (OSError, ValueError):
        return True


class _Server(Server):
    def finish_request(self, request: Any, client_address: Any) -> None:
        """Each connection has a thread of its own, in which all of its requests are answered."""
        self.application.here.connection = request  # type: ignore[attr-defined]
        super().finish_request(request, client_address)


@contextmanager
def listening(vendor: WatchedVendor, port: int) -> Iterator[None]:
    with _Server(vendor, "127.0.0.1", port) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
