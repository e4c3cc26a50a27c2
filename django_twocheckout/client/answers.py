"""Turns an answer of 2Checkout into a value or an exception."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from urllib.parse import parse_qsl

import requests

from ..exceptions import UnreadableAnswer
from .arguments import LONGEST_SEGMENT, is_web_address
from .body import JSON, read_body
from .deadlines import Call
from .failures import failure

#: 2Checkout's own reference, and its name in older versions.
REFERENCES = ("CustomerReference", "AvangateCustomerReference")
#: Names of an error, and of a deletion, in lower case and without underscores.
_ERRORS = frozenset({"error", "errors", "errorcode"})
_DELETIONS = frozenset({"deleted", "isdeleted"})


def parsed_answer(route: str, response: requests.Response, call: Call, sent: Collection[object]) -> JSON:
    """The answer's JSON if it is a success. Raises the exception for its status otherwise.

    *sent*: the values that the request carried.
    """
    status, readable = response.status_code, True
    answer: JSON = None
    try:
        body = read_body(route, response, call.deadline)
        if body.strip() or status < 300:
            answer = json.loads(body, object_pairs_hook=_unambiguous, parse_constant=_no_number)
    except (UnreadableAnswer, ValueError, RecursionError):
        readable = False
    if not 200 <= status < 300 or (isinstance(answer, dict) and (answer.get("error_code") or answer.get("Errors"))):
        raise failure(route, response, answer, readable, sent)
    # The beginning of a number is a number too, and another one.
    if not readable or (call.open_ended and isinstance(answer, int | float) and not isinstance(answer, bool)):
        raise UnreadableAnswer(f"{route}: {status}, the answer is cut, too large or not JSON", status=status)
    return answer


def _unambiguous(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    """The object. Raises ValueError if it has two different values under one name."""
    found = dict(pairs)
    if len(found) < len(pairs) and any(not is_one_of(value, [found[name]]) for name, value in pairs):
        raise ValueError("two values under one name")
    return found


def _no_number(name: str) -> JSON:
    """Raises ValueError: NaN and Infinity are no JSON."""
    raise ValueError(name)


def customer_in(route: str, answer: JSON) -> dict[str, JSON]:
    """The customer, with its reference as a text under its new name.

    Raises UnreadableAnswer if it is none, if it is deleted, or if its reference cannot be read.
    """
    if not isinstance(answer, dict) or not answer or has_error(answer):
        raise UnreadableAnswer(f"{route}: the answer is not a customer", status=200)
    if _is_deleted(answer):
        raise UnreadableAnswer(f"{route}: the answer is a customer that is deleted at 2Checkout", status=200)
    # The same reference comes as a text or as a number.
    found = answer.get(REFERENCES[0]) or answer.get(REFERENCES[1])
    if not found:
        return answer
    if not is_reference(reference := _reference(found)):
        raise UnreadableAnswer(f"{route}: the answer has an unreadable {REFERENCES[0]}", status=200)
    return {**answer, REFERENCES[0]: reference}


def is_tombstone_of(answer: JSON, reference: str) -> bool:
    """Whether the object says that the customer asked for by this reference, 2Checkout's or ours, is deleted."""
    if not isinstance(answer, dict) or not _is_deleted(answer) or has_error(answer):
        return False
    named = {_reference(answer[name]) for name in REFERENCES if answer.get(name) is not None}
    if is_reference(reference):
        return named == {reference}
    return len(named) <= 1 and str(answer.get("ExternalCustomerReference") or reference) == reference


def new_reference(route: str, answer: JSON, information: Mapping[str, object]) -> str:
    """The reference of the customer that was created from *information*. Raises UnreadableAnswer if it is none."""
    reference = reference_in(answer) if isinstance(answer, dict) else _reference(answer)
    if not is_reference(reference) or is_of_another(answer, information):
        raise UnreadableAnswer(f"{route}: the answer is not a customer reference", status=200)
    return reference


def reference_in(answer: Mapping[str, JSON]) -> str:
    """The reference that a customer's object carries.

    Blank if it carries none, two different ones, or an error, or if the customer is deleted.
    """
    found = {_reference(answer[name]) for name in REFERENCES if answer.get(name) is not None}
    return found.pop() if len(found) == 1 and not has_error(answer) and not _is_deleted(answer) else ""


def _reference(value: JSON) -> str:
    """The reference as a text. Blank unless it is a text or a number; in Python, a boolean is a number."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def is_reference(text: str) -> bool:
    """Whether the text has the form of a reference of 2Checkout's."""
    return bool(re.fullmatch(r"[1-9][0-9]{0,30}", text))


def is_of_another(answer: JSON, information: Mapping[str, object]) -> bool:
    """Whether the object carries another reference of ours than the one that was sent."""
    theirs = answer.get("ExternalCustomerReference") if isinstance(answer, dict) else None
    ours = information.get("ExternalCustomerReference")
    return bool(theirs and ours) and str(theirs) != str(ours)


def has_error(answer: Mapping[str, JSON]) -> bool:
    """Whether the object carries an error, in any of the spellings of 2Checkout's APIs."""
    return any(value and name.lower().replace("_", "") in _ERRORS for name, value in answer.items())


def _is_deleted(answer: Mapping[str, JSON]) -> bool:
    """Whether the object says that its customer is deleted."""
    said = [value for name, value in answer.items() if name.lower().replace("_", "") in _DELETIONS]
    return any(value and str(value).lower() not in ("false", "0", "no", "n") for value in said)


def is_one_of(answer: JSON, values: Iterable[JSON]) -> bool:
    """Whether it is one of these, and of its type. To Python, ``1``, ``1.0`` and ``True`` are the same."""
    return any(type(answer) is type(value) and answer == value for value in values)


def sign_on_token(answer: JSON) -> str:
    """The token in the answer: a link with it, alone or under a name, or the token itself. Blank if there is none."""
    named = answer.items() if isinstance(answer, dict) else [("token", answer)]
    texts = [(name.lower(), text.strip()) for name, text in named if isinstance(text, str)]
    tokens = [text for name, text in texts if name.endswith("token")]
    links = [text for _name, text in texts if "://" in text]
    return next(filter(None, map(_token_in, tokens + links)), "")


def sign_on_link(answer: JSON) -> str:
    """The link in the answer, alone or under a name. Blank if there is none that a browser may be sent to."""
    if isinstance(answer, dict) and has_error(answer):
        return ""
    values = answer.values() if isinstance(answer, dict) else [answer]
    links = [text.strip() for text in values if isinstance(text, str) and is_web_address(text.strip())]
    return next(filter(_token_in, links), links[0] if links else "")


def _token_in(text: str) -> str:
    if "://" not in text and re.fullmatch(r"[\w.~+/=-]{8,500}", text):
        return text
    # Documented is a link with logintoken=…
    for name, value in parse_qsl(text.partition("?")[2].partition("#")[0]):
        if name.lower().endswith("token") and value.isprintable() and len(value) <= LONGEST_SEGMENT:
            return value
    return ""
