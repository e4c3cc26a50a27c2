"""Translates the names of shared fields for the engine: the row's attributes, and CustomerInformation's names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from ..models import Customer
from ..redaction import RedactedDict
from .serializer import SERIALIZER

V = TypeVar("V")

_FIELDS = SERIALIZER.fields
#: Attributes by CustomerInformation's names.
ATTRIBUTES = {name: str(wire.source) for name, wire in _FIELDS.items() if wire.source in Customer.PUSHED_FIELDS}
#: The names of all of CustomerInformation's fields.
DOCUMENTED = frozenset(_FIELDS)
_REPRESENTATIONS = {name: _FIELDS[name].to_representation for name in ATTRIBUTES}
#: Attributes that 2Checkout alone writes.
OWNED_BY_2CHECKOUT = frozenset("enabled trial existing_cards credit_limit credit_remaining credit_currency".split())


def to_wire(values: Mapping[str, object]) -> dict[str, str]:
    """The shared fields to send, as CustomerInformation has them. *values*: a row's, by attribute."""
    return RedactedDict({name: _REPRESENTATIONS[name](values[attribute]) for name, attribute in ATTRIBUTES.items()})


def wire_names(values: Mapping[str, V]) -> dict[str, V]:
    """The row's values by attribute, in CustomerInformation's names."""
    return RedactedDict({name: values[attribute] for name, attribute in ATTRIBUTES.items() if attribute in values})


def model_names(values: Mapping[str, V]) -> dict[str, V]:
    """Values in CustomerInformation's names, by attribute."""
    return RedactedDict({ATTRIBUTES[name]: value for name, value in values.items()})
