"""Prepares and sends the requests of one session: the last step before the connection.

Most of a request is the same each time: its headers, the host, the method. So it is prepared once and then copied, and
goes to the transport adapter at once. ``PreparedRequest.prepare`` and ``Session.send`` take as long as the rest of the
request. Certificates, proxies and adapters are the session's own on both ways, and both send the same bytes.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from copy import copy
from functools import lru_cache
from http.client import HTTPException
from typing import Any
from urllib.parse import urlencode

import requests
from requests.hooks import default_hooks
from urllib3.exceptions import HTTPError

from .deadlines import Call
from .network_errors import connection_failure

logger = logging.getLogger("twocheckout")


class Sender:
    """Prepares and sends with this session. *base_url*: the part of each address that is the same."""

    def __init__(self, session: requests.Session, base_url: str) -> None:
        self.session, self.base_url = session, base_url
        self._prepared: dict[tuple[str, bool], requests.PreparedRequest] = {}
        self._headers: dict[str, Any] = {}  # those of the prepared
        self._is_told = False

    def prepare(
        self, route: str, method: str, path: str, query: Mapping[str, str] | None, body: bytes | None
    ) -> requests.PreparedRequest:
        """The request, not signed yet. Raises ConnectionFailed if an address or a header cannot be read."""
        address = f"{path}?{urlencode(query)}" if query else path
        if not self._is_short():
            return self._prepare(route, method, self.base_url + address, body)
        if (headers := dict(self.session.headers)) != self._headers:
            self._headers, self._prepared = headers, {}
        kind = method, body is None
        if kind not in self._prepared:
            self._prepared[kind] = self._prepare(route, method, self.base_url, body)
            self._prepared[kind].body = None  # a customer's
        # Its own copy() would copy an empty cookie jar with its lock, at a tenth of the whole cost.
        request = copy(self._prepared[kind])
        request.url = f"{request.url}{address}"
        request.headers, request.hooks, request.body = request.headers.copy(), default_hooks(), body
        if body is not None:
            request.headers["Content-Length"] = str(len(body))
        return request

    def send(
        self, route: str, request: requests.PreparedRequest, timeout: tuple[float, float], call: Call
    ) -> requests.Response:
        """Send the request and wait for the answer's head. Raises ConnectionFailed."""
        session = self.session
        of_session = {"verify": session.verify, "cert": session.cert, "proxies": session.proxies}
        options: dict[str, Any] = {"timeout": timeout, "stream": True, **of_session}
        try:
            if self._is_short():
                response = session.get_adapter(request.url or "").send(request, **options)
                for hook in request.hooks["response"]:  # an adapter's own
                    response = hook(response, **options) or response
                return response
            # A redirect would carry the signature elsewhere, or lose the body.
            return session.send(request, allow_redirects=False, **options)
        except (requests.RequestException, HTTPError, HTTPException, OSError, ValueError) as error:
            raise connection_failure(route, error, call.sent) from None

    def _is_short(self) -> bool:
        """Whether ``Session.send`` does nothing for this session that the project could miss.

        It does where it is overridden, or wrapped by a tracer, and where the session has hooks. Asked each time, for a
        tracer may come at any time.
        """
        session, kind = self.session, type(self.session)
        is_short = (
            getattr(kind, "send", None) is requests.Session.send
            and _is_of_requests(requests.Session.send)
            and "send" not in vars(session)
            and not any(session.hooks.values())
        )
        if not is_short and not self._is_told:
            self._is_told = True
            logger.debug("a session of %s with hooks or a send() of its own takes requests' own way", kind.__qualname__)
        return is_short

    def _prepare(self, route: str, method: str, url: str, body: bytes | None) -> requests.PreparedRequest:
        content = {"Content-Type": "application/json"} if body is not None else {}
        request = requests.PreparedRequest()
        try:
            headers = {**self.session.headers, **content}
            request.prepare(method, url, headers, data=body, hooks=self.session.hooks)
        except (requests.RequestException, HTTPError, ValueError) as error:
            raise connection_failure(route, error, False) from None
        request.hooks["response"].append(_forget_location)
        return request


@lru_cache(maxsize=8)
def _is_of_requests(send: Any) -> bool:
    """Whether it is the function that the library comes with, and no wrapper of it."""
    code = getattr(send, "__code__", None)
    return code is not None and code.co_filename == requests.sessions.__file__


def _forget_location(response: requests.Response, *arguments: object, **options: object) -> None:
    """Redirects are not followed. But requests would parse their target, and read the whole body first."""
    response.headers.pop("Location", None)
