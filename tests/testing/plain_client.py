"""Asks the fake vendor as any client would, without ours."""

from __future__ import annotations

import hmac
import json
import socket
from contextlib import suppress
from datetime import UTC, datetime
from http.client import HTTPConnection
from urllib.parse import urlsplit

GOOD = {
    "ExternalCustomerReference": "dj-1",
    "FirstName": "Ada",
    "LastName": "Lovelace",
    "Address1": "12 St James Square",
    "City": "London",
    "Zip": "SW1Y 4JH",
    "CountryCode": "GB",
    "Email": "ada@example.org",
}


def signed(key="SECRET_KEY", code="YOURCODE123", algorithm="sha256", moment=None, quote='"', name=None):
    date = (moment or datetime.now(UTC)).strftime("%Y-%m-%d %H:%M:%S")
    digest = hmac.new(key.encode(), f"{len(code)}{code}19{date}".encode(), algorithm).hexdigest()
    facts = {"code": code, "date": date, "hash": digest, "algo": name or algorithm}
    return " ".join(f"{fact}={quote}{value}{quote}" for fact, value in facts.items() if value != "none")


def ask(vendor, method, path, body=None, header=None, accept="application/json"):
    """The status and the answer; None for an answer that is no JSON."""
    parts = urlsplit(vendor.url)
    connection = HTTPConnection(parts.hostname, parts.port, timeout=5)
    headers = {"X-Avangate-Authentication": signed() if header is None else header}
    if accept is not None:
        headers["Accept"] = accept
    text = body.encode("latin-1") if isinstance(body, str) else None if body is None else json.dumps(body)
    if text is not None:
        headers["Content-Type"] = "application/json"
    try:
        connection.request(method, path if path.startswith("/") else parts.path + path, text, headers)
        answer = connection.getresponse()
        raw = answer.read()
        try:
            return answer.status, json.loads(raw)
        except ValueError:
            return answer.status, None
    finally:
        connection.close()


def create(vendor, **changes):
    return ask(vendor, "POST", "customers/", {**GOOD, **changes})


def send_raw(vendor, *requests):
    """All that the server answers to these bytes, sent on one connection."""
    parts = urlsplit(vendor.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as connection:
        for request in requests:
            connection.sendall(request)
        with suppress(OSError):  # the other end may have closed it already
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while received := connection.recv(65536):
            answer += received
    return answer


def head(method, path, *headers):
    lines = [f"{method} /rest/6.0/{path} HTTP/1.1", "Host: x", f"X-Avangate-Authentication: {signed()}", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


def chunked(raw, end=b"0\r\n\r\n"):
    middle = len(raw) // 2
    return b"".join(b"%X;x=y\r\n%s\r\n" % (len(part), part) for part in (raw[:middle], raw[middle:])) + end
