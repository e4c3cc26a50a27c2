"""The vendor's WSGI application: logs a request, lets it meet its fault, checks it, and has it carried out.

Beside the API it answers the control addresses, and the pages of a shopper's account.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from . import account_page, control, routes, signature, wsgi
from .answers import Answer, HTTPRefusal
from .behaviour import Behaviour
from .faults import Fault
from .log import LoggedRequest
from .operations import Operations
from .store import Store

if TYPE_CHECKING:  # the module has nothing but types
    from wsgiref.types import StartResponse, WSGIEnvironment


class Application:
    """Answers for one merchant account. Safe to use from several threads."""

    def __init__(self, merchant_code: str, secret_key: str, **switches: Any) -> None:
        if not merchant_code.isascii():
            raise ValueError("The merchant code must be ASCII: it stands in a header.")
        self.merchant_code = merchant_code
        self.secret_key = secret_key
        self.behaviour = Behaviour()
        self.behaviour.set(**switches)
        self.requests: list[LoggedRequest] = []
        self._lock = threading.RLock()
        self._store = Store(self.behaviour)
        self._operations = Operations(self.behaviour, self._store)
        #: Met once each, by the next request with this method, or with any.
        self._faults: list[tuple[str, Fault, str | None]] = []
        #: The last one is met by every request.
        self._outages: list[tuple[str, Fault]] = []

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request to the API, to the control addresses, or to a page of a shopper's account."""
        path, query = wsgi.address(environ)
        raw = wsgi.read_body(environ)
        method = environ["REQUEST_METHOD"]
        if path.startswith(control.PATH):
            return wsgi.respond(control.answer(self._controls(), method, path, raw), method, start_response)
        if path.startswith(account_page.PATH):
            with self._lock:
                return wsgi.respond(account_page.answer(self._store, path, query), method, start_response)
        request = self._log(method, path, query, raw, wsgi.headers(environ))
        request.fault, fault = self._fault_for(method)
        try:
            if fault is None or fault.commit:
                answer = self._carry_out(request, raw)
            if fault is not None:
                answer = fault.answer(method)
            request.status = answer.status
        finally:
            request.ended = time.time()
        return wsgi.respond(answer, method, start_response)

    def _log(
        self, method: str, path: str, query: dict[str, str], raw: bytes | None, headers: dict[str, str]
    ) -> LoggedRequest:
        with self._lock:
            number = len(self.requests) + 1
            request = LoggedRequest(number, method, path, query, wsgi.parse(raw), headers, time.time())
            self.requests.append(request)
        return request

    def _fault_for(self, method: str) -> tuple[str, Fault | None]:
        """The fault that the next request with this method meets, with its name."""
        with self._lock:
            if self._outages:
                return self._outages[-1]
            for index, (name, fault, only) in enumerate(self._faults):
                if only in (None, method):
                    del self._faults[index]
                    return name, fault
        return "", None

    def _carry_out(self, request: LoggedRequest, raw: bytes | None) -> Answer:
        try:
            self._check_rate(request)
            self._check_signature(request.headers.get("X_AVANGATE_AUTHENTICATION", ""))
            _check_form(request, raw)
            with self._lock:
                return routes.answer(request, self._operations, self.behaviour)
        except HTTPRefusal as refusal:
            return refusal.answer

    def _check_rate(self, request: LoggedRequest) -> None:
        limit, retry_after = self.behaviour.rate_limit, self.behaviour.retry_after
        if limit is None:
            return
        with self._lock:
            recent = sum(1 for other in self.requests[-limit - 1 :] if other.began > request.began - 1)
        if recent > limit:
            headers = {"Retry-After": retry_after} if retry_after else {}
            raise HTTPRefusal(429, "SIM_RATE_LIMIT", "Too many requests", headers=headers)

    def _check_signature(self, header: str) -> None:
        behaviour = self.behaviour
        signature.check(
            header,
            self.merchant_code,
            self.secret_key,
            accept_md5=behaviour.accept_md5,
            allowed_skew=behaviour.allowed_skew,
        )

    def _controls(self) -> control.Operations:
        """What another process may do."""
        raise NotImplementedError


def _check_form(request: LoggedRequest, raw: bytes | None) -> None:
    """Raise HTTPRefusal for a request in a form that 2Checkout does not take."""
    if raw is None:
        raise HTTPRefusal(411, "SIM_LENGTH_REQUIRED", "Content-Length is required")
    if not wsgi.accepts_json(request.headers.get("ACCEPT", "")):
        raise HTTPRefusal(406, "SIM_NOT_ACCEPTABLE", "Accept must allow application/json")
    # Some clients send a body with GET and DELETE too, such as null; it has no meaning there.
    if request.method in ("POST", "PUT") and raw.strip() and not isinstance(request.body, dict):
        raise HTTPRefusal(400, "SIM_INVALID_JSON", "The body is not a JSON object")
