"""Parses and checks 2Checkout's object, between the client's answer and the merge."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from django.utils.text import get_text_list
from rest_framework import serializers

from ..conf import conf
from ..exceptions import UnreadableAnswer
from ..merge import normalise
from ..models import Customer
from ..redaction import RedactedDict, redacted_repr
from .mapping import OWNED_BY_2CHECKOUT, model_names, shared_attributes
from .serializer import SERIALIZER

V = TypeVar("V")

logger = logging.getLogger("twocheckout")

_NOBODY = (
    "2Checkout's answer has a customer without name, address and e-mail; nothing is sent to it until a person pushes it"
)


@dataclass(frozen=True)
class RemoteCustomer:
    """2Checkout's object, parsed and checked."""

    reference: str
    shared: dict[str, str]
    """The fields that both sides write, by attribute. Absent fields stay absent."""
    owned: dict[str, Any]
    """The fields that 2Checkout alone writes, by attribute."""
    unreadable: frozenset[str] = frozenset()
    """Names of CustomerInformation's fields that cannot be stored. They count as absent."""

    __repr__ = redacted_repr

    def require_identity(self) -> None:
        """Raise UnreadableAnswer if no required field has a value: a reference alone is no customer."""
        if not any(self.shared.get(name) for name in Customer.REQUIRED_FIELDS):
            raise UnreadableAnswer(_NOBODY)

    def readable(self, remote: Mapping[str, V]) -> dict[str, V]:
        """The parsed object without its unreadable fields."""
        return {name: value for name, value in remote.items() if name not in self.unreadable}


def parse_of(remote: Mapping[str, object], reference: str | None) -> RemoteCustomer:
    """As :func:`parse`, of the customer with this reference of 2Checkout's, or of any without one.

    Raises UnreadableAnswer for the object of another customer, or of none.
    """
    theirs = parse(remote)
    if not theirs.reference or theirs.reference != (reference or theirs.reference):
        raise UnreadableAnswer("2Checkout answered with another customer than the one asked for.")
    return theirs


def parse(remote: Mapping[str, object]) -> RemoteCustomer:
    """Parse 2Checkout's object. An unreadable field is left out, and its name logged. Excluded ones are left out.

    Raises UnreadableAnswer if the reference is unreadable.
    """
    unreadable: frozenset[str] = frozenset()
    try:
        values = RedactedDict(SERIALIZER.run_validation(remote))
    except serializers.ValidationError as error:
        unreadable = _unreadable(remote, error)
        remote = {name: value for name, value in remote.items() if name not in unreadable}
        values = RedactedDict(SERIALIZER.run_validation(remote))
    sources, excluded = shared_attributes().items(), conf.EXCLUDE_FIELDS
    shared = {name: normalise(name, values[source]) for name, source in sources if source in values}
    return RemoteCustomer(
        reference=values.get("customer_reference") or "",
        shared=model_names(shared),
        owned=RedactedDict(
            {name: value for name, value in values.items() if _is_told(name, value) and name not in excluded}
        ),
        unreadable=unreadable,
    )


def _is_told(name: str, value: object) -> bool:
    """Whether 2Checkout tells this field of its own. A list without cards may only mean that it did not list them."""
    return name in OWNED_BY_2CHECKOUT and not (name == "existing_cards" and not value)


def _unreadable(remote: object, error: serializers.ValidationError) -> frozenset[str]:
    """Names of the unreadable fields, after logging them. Raises UnreadableAnswer if the rest is useless."""
    detail = error.detail if isinstance(remote, Mapping) and isinstance(error.detail, dict) else ["shape"]
    names = get_text_list(sorted(detail), "and")
    if "CustomerReference" in detail or not SERIALIZER.fields.keys() >= set(detail):
        raise UnreadableAnswer(f"2Checkout's answer has an unreadable {names}") from None
    logger.warning("2Checkout's answer has an unreadable %s, left as it was", names)
    return frozenset(detail)
