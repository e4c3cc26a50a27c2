"""Leads a request to its operation by its method and path."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote, urlencode

from .answers import Answer, HTTPRefusal, not_found
from .behaviour import Behaviour
from .log import LoggedRequest
from .operations import Operations

BASE_PATH = "/rest/6.0/"


def answer(request: LoggedRequest, operations: Operations, behaviour: Behaviour) -> Answer:
    """Carry out what the request asks; HTTPRefusal for an address or a method that does not exist."""
    if request.path == f"{BASE_PATH}subscriptions/" and request.method in ("GET", "HEAD"):
        return operations.search_subscriptions(request.query)
    segments, has_slash = _segments(request.path)
    is_card = len(segments) == 3 and segments[1] == "credit-card"
    if not (has_slash or is_card or behaviour.without_slash == "accept"):
        raise _without_slash(request, behaviour)
    method = "GET" if request.method == "HEAD" else request.method
    operation = _operations(request, segments, operations).get(method)
    if operation is None:
        allowed = "DELETE" if is_card else "POST, HEAD, GET, PUT"  # captured
        raise HTTPRefusal(405, "SIM_METHOD", "Method not allowed", headers={"Allow": allowed})
    tombstone = operations.tombstone(segments[0]) if segments else None
    return tombstone or operation()


def _segments(path: str) -> tuple[list[str], bool]:
    """What follows ``customers/`` in the path, decoded, and whether it ends with a slash."""
    first, *segments = path.removeprefix(BASE_PATH).split("/")
    if not path.startswith(BASE_PATH) or first != "customers":
        raise not_found()
    has_slash = bool(segments) and segments[-1] == ""
    return [unquote(segment) for segment in (segments[:-1] if has_slash else segments)], has_slash


def _without_slash(request: LoggedRequest, behaviour: Behaviour) -> HTTPRefusal:
    if behaviour.without_slash == "refuse":
        return not_found()
    query = f"?{urlencode(request.query)}" if request.query else ""
    return HTTPRefusal(301, "", "", body="", headers={"Location": f"{request.path}/{query}"})


def _operations(request: LoggedRequest, segments: list[str], operations: Operations) -> dict[str, Callable[[], Answer]]:
    """The operations under this address, by method."""
    body, query = request.body or {}, request.query
    match segments:
        case [reference, "credit-card", token]:
            return {"DELETE": lambda: operations.delete_card(reference, token)}
        case [reference, "account", page]:
            return {"GET": lambda: operations.sign_on(reference, page, query.get("ValidityTime", ""))}
        case [reference]:
            payment_data = query.get("includePaymentData") == "true"
            return {
                "GET": lambda: operations.retrieve(reference, payment_data=payment_data),
                "PUT": lambda: operations.update(reference, body),
            }
        case []:
            return {
                "POST": lambda: operations.create(body),
                "GET": lambda: operations.retrieve_by_sign_on(query.get("ssotoken", "")),
            }
    return {}
