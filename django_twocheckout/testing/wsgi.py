"""Between WSGI and the vendor: reads a request's address, body and headers, and sends an answer."""

from __future__ import annotations

import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote

from .answers import Answer

if TYPE_CHECKING:  # the module has nothing but types
    from wsgiref.types import StartResponse, WSGIEnvironment


def address(environ: WSGIEnvironment) -> tuple[str, dict[str, str]]:
    """The path, still percent-encoded where the server tells it so, and the query's parameters."""
    # Other servers tell the path decoded only; WSGI makes a text of its bytes by Latin-1.
    decoded = environ.get("PATH_INFO", "").encode("latin-1")
    uri = str(environ.get("REQUEST_URI") or environ.get("RAW_URI") or quote(decoded))
    path, _, query = uri.partition("?")
    parameters = parse_qs(query or environ.get("QUERY_STRING", ""), keep_blank_values=True)
    return path, {name: values[-1] for name, values in parameters.items()}


def headers(environ: WSGIEnvironment) -> dict[str, str]:
    """The headers by WSGI's names, without ``HTTP_``."""
    found = {name[5:]: value for name, value in environ.items() if name.startswith("HTTP_")}
    return {**found, "CONTENT_TYPE": environ.get("CONTENT_TYPE", "")}


def read_body(environ: WSGIEnvironment) -> bytes | None:
    """The body; None if the server does not say where it ends, so that it cannot be read."""
    length = str(environ.get("CONTENT_LENGTH") or "")
    if length.isdecimal():
        return bytes(environ["wsgi.input"].read(int(length)))
    if environ.get("wsgi.input_terminated"):
        return bytes(environ["wsgi.input"].read())
    return None if length or environ.get("HTTP_TRANSFER_ENCODING") else b""


def parse(raw: bytes | None) -> Any:
    """The JSON value of a body; None if it has none."""
    try:
        return json.loads(raw) if raw else None
    except (ValueError, RecursionError):
        return None


def accepts_json(header: str) -> bool:
    """Whether a client with this ``Accept`` header takes JSON; a client without one takes anything."""
    if not header.strip():
        return True
    weights = dict(map(_range, header.split(",")))
    # The narrowest range that fits counts, in whichever order they stand.
    fitting = (weights[name] for name in ("application/json", "application/*", "*/*") if name in weights)
    return next(fitting, 0.0) > 0


def _range(text: str) -> tuple[str, float]:
    """A media range of ``Accept`` and its weight, which is 1 by default."""
    name, *parameters = (part.strip().lower() for part in text.split(";"))
    weight = next((part[2:] for part in parameters if part.startswith("q=")), "1")
    try:
        return name, float(weight)
    except ValueError:
        return name, 1.0


def respond(answer: Answer, method: str, start_response: StartResponse) -> Iterable[bytes]:
    """Send the answer: no body to HEAD, and neither body nor length with 204."""
    reason = HTTPStatus(answer.status).phrase if answer.status in set(HTTPStatus) else "Status"
    sent = list(answer.headers.items())
    if answer.status != HTTPStatus.NO_CONTENT:
        sent.append(("Content-Length", str(len(answer.body))))
    start_response(f"{answer.status} {reason}", sent)
    return [] if method == "HEAD" or answer.status == HTTPStatus.NO_CONTENT else [answer.body]
