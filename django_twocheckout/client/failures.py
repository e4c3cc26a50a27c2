"""Turns an answer that is no success into an exception. No other module chooses an exception by an HTTP status.

The exception's text is for logs: method, route, status and code. 2Checkout's sentences may repeat what was sent, whole,
in part or encoded, so they are for people only: ``vendor_message``, ``reasons`` and ``words``.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote

import requests

from ..exceptions import (
    AuthenticationFailed,
    CardNotDeleted,
    CardRefusal,
    ConnectionFailed,
    NotFound,
    RateLimited,
    RequestRejected,
    ServerFailed,
    TwoCheckoutError,
    UnreadableAnswer,
)
from .body import JSON

#: In seconds.
LONGEST_RETRY_AFTER = 24 * 60 * 60
#: The most reasons stored of one refusal to delete a card.
MOST_REASONS = 50
#: The most characters of a text of 2Checkout.
LONGEST_LINE = 500


def failure(
    route: str, response: requests.Response, answer: JSON, readable: bool, sent: Collection[object]
) -> TwoCheckoutError:
    """The exception for this answer. *sent*: the values that the request carried."""
    status = response.status_code
    facts = answer if isinstance(answer, dict) else {}
    if isinstance(answer, dict) and route.startswith("DELETE") and status in (200, 400):
        return card_not_deleted(answer, status, sent)
    if 300 <= status < 400:
        return UnreadableAnswer(f"{route}: {status}, and redirects are not followed", status=status)
    kind = _kind(status, readable)
    if kind is UnreadableAnswer:
        return UnreadableAnswer(f"{route}: {status}, and not in 2Checkout's words", status=status)
    code = _code(facts.get("error_code"), sent)
    error = kind(_log_text(route, status, [code]), status=status, code=code, vendor_message=_line(facts.get("message")))
    if isinstance(error, RateLimited | ServerFailed):
        error.retry_after = _retry_after(response)
    return error


def _kind(status: int, readable: bool) -> type[TwoCheckoutError]:
    if status >= 500:
        return ServerFailed
    named = {401: AuthenticationFailed, 403: AuthenticationFailed, 408: ConnectionFailed, 429: RateLimited}
    if status in named:
        return named[status]
    if not readable:
        # A page instead of JSON comes from a server in between: its "not found" says nothing about a customer.
        return UnreadableAnswer
    return NotFound if status == 404 else RequestRejected


def card_not_deleted(answer: dict[str, JSON], status: int, sent: Collection[object]) -> CardNotDeleted:
    """The exception for a card that stays, with the first MOST_REASONS reasons."""
    found = _reasons(answer)
    reasons = tuple(
        CardRefusal(_line(subscription), _line(message), _code(code, sent))
        for subscription, message, code in found[:MOST_REASONS]
    )
    code = _code(answer.get("error_code"), sent)
    return CardNotDeleted(
        _log_text("DELETE customers/…/credit-card/…", status, [code, *(reason.code for reason in reasons)]),
        reasons=reasons,
        reasons_left_out=len(found) - len(reasons),
        status=status,
        code=code,
        vendor_message=_line(answer.get("message")) or "2Checkout did not delete the card",
    )


def _reasons(answer: dict[str, JSON]) -> list[tuple[JSON, JSON, JSON]]:
    """Subscription, message and code of each reason.

    Reads both documented shapes: REST's list of errors, and the list of subscriptions of 2Checkout's other APIs.
    """
    found = [
        (item.get("SubscriptionReference"), item.get("Message"), item.get("ErrorCode"))
        for item in _objects(answer.get("Errors"))
    ]
    for item in _objects(answer.get("Subscriptions")):
        error = item.get("Error")
        error = error if isinstance(error, dict) else {}
        found.append((item.get("SubscriptionReference"), error.get("message"), error.get("error_code")))
    return found


def _objects(value: JSON) -> list[dict[str, JSON]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _line(value: JSON) -> str:
    """A text of 2Checkout as one line of bounded length that any database and log can hold."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:LONGEST_LINE]


def _code(value: JSON, sent: Collection[object]) -> str:
    """2Checkout's code. Blank if it is a value that was sent."""
    code = _line(value)
    return "" if code.casefold() in {str(item).casefold() for item in sent if item} else code


def _log_text(route: str, status: int, codes: list[str]) -> str:
    """Method, route, status, and the first of the codes that is a code and not a sentence."""
    code = next((code for code in codes if re.fullmatch(r"[A-Z0-9_.-]{1,64}", code)), "")
    return f"{route}: {status} {code}".rstrip()


def without_token(text: str, token: str) -> str:
    """The text without the token, also where it is URL-encoded or HTML-escaped."""
    for form in (token, quote(token, safe=""), html.escape(token)):
        text = re.sub(re.escape(form), "…", text, flags=re.IGNORECASE)
    return text


def _retry_after(response: requests.Response) -> float | None:
    """Seconds to wait, from either form of the Retry-After header."""
    value = response.headers.get("Retry-After", "").strip()
    if not value:
        return None
    try:
        seconds = (
            float(value) if value.isdigit() else (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        )
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)
