"""Lets another process steer the fake vendor: a few JSON addresses under ``/_control/``, beside the API.

``GET customers``, ``GET requests``; ``POST edit`` {"reference", "fields"}, ``POST card`` {"reference", …},
``POST fault`` {"fault", "times", "method"}, ``POST heal``, ``POST behaviour`` {switch: value}.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .vendor import FakeTwoCheckout


def answer(vendor: FakeTwoCheckout, path: str, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer a request to a control address."""
    raw = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    operations: dict[tuple[str, str], Callable[..., Any]] = {
        ("GET", "customers"): lambda: vendor.customers,
        ("GET", "requests"): lambda: [str(request) for request in vendor.requests],
        ("POST", "edit"): lambda reference, fields: vendor.edit(reference, **fields),
        ("POST", "card"): vendor.add_card,
        ("POST", "fault"): vendor.fail,
        ("POST", "heal"): vendor.heal,
        ("POST", "behaviour"): vendor.behaviour.set,
    }
    operation = operations.get((environ["REQUEST_METHOD"], path.removeprefix("/_control/").strip("/")))
    status, result = "404 Not Found", {"error": "no such control"}
    if operation is not None:
        try:
            status, result = "200 OK", operation(**(json.loads(raw) if raw else {}))
        except (TypeError, ValueError, LookupError) as error:
            status, result = "400 Bad Request", {"error": str(error)}
    body = json.dumps(result).encode()
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
