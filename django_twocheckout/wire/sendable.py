"""Checks values before they are sent, and names those that 2Checkout would refuse."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from django.core.exceptions import ValidationError

from ..exceptions import NotSent
from ..models import Customer, validate_visible
from .mapping import ATTRIBUTES
from .serializer import model_field

#: A null character, or half of a character. Not every database can hold them.
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")


def check_sendable(values: Mapping[str, str], names: Iterable[str]) -> None:
    """Raise NotSent with each wrong field, unless 2Checkout can be expected to accept these values.

    *values*: a whole CustomerInformation. *names*: the fields to check, because 2Checkout does not have them yet.
    """
    names = set(names)
    problems = {name: words for name in ATTRIBUTES if name in names and (words := _problem(name, values.get(name, "")))}
    if values.get("FiscalCode") and not values.get("Company") and names & {"FiscalCode", "Company"}:
        problems["Company"] = "is required when there is a FiscalCode."
    if problems:
        raise NotSent(
            f"Not sent to 2Checkout because of {', '.join(problems)}",
            vendor_message="Not sent to 2Checkout: " + " ".join(f"{name} {words}" for name, words in problems.items()),
        )


def is_text(value: object) -> bool:
    """Whether it is a text that JSON and every database can hold."""
    return isinstance(value, str) and not _NO_TEXT.search(value)


def _problem(name: str, value: str) -> str:
    """What is wrong with this value, or nothing."""
    field = model_field(ATTRIBUTES[name])
    required = field.name in Customer.REQUIRED_FIELDS or field.name == "external_customer_reference"
    if not value or (required and not value.strip()):
        return "is required." if required else ""
    if not_text := _NO_TEXT.search(value):
        return f"is refused: it has a character that is no text (U+{ord(not_text[0]):04X})."
    try:
        field.run_validators(value)
        if field.name == "email":
            validate_visible(value)
    except ValidationError as error:
        return f"is refused: {' '.join(error.messages)}"
    return ""
