"""Translates the names of shared fields for the engine: the row's attributes, and CustomerInformation's names.

The fields of the setting EXCLUDE_FIELDS are left out here, so nothing beyond knows them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TypeVar

from ..conf import conf
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
OWNED_BY_2CHECKOUT = Customer.OWNED_FIELDS


def shared_attributes() -> Mapping[str, str]:
    """:data:`ATTRIBUTES` without the excluded ones."""
    return _without(tuple(excluded)) if (excluded := conf.EXCLUDE_FIELDS) else ATTRIBUTES


@lru_cache(maxsize=4)
def _without(excluded: tuple[str, ...]) -> Mapping[str, str]:
    return {name: attribute for name, attribute in ATTRIBUTES.items() if attribute not in excluded}


def to_wire(values: Mapping[str, object]) -> dict[str, str]:
    """The shared fields to send, as CustomerInformation has them. *values*: a row's, by attribute."""
    names = shared_attributes().items()
    return RedactedDict({name: _REPRESENTATIONS[name](values[attribute]) for name, attribute in names})


def wire_names(values: Mapping[str, V]) -> dict[str, V]:
    """The row's values by attribute, in CustomerInformation's names."""
    names = shared_attributes().items()
    return RedactedDict({name: values[attribute] for name, attribute in names if attribute in values})


def model_names(values: Mapping[str, V]) -> dict[str, V]:
    """Values in CustomerInformation's names, by attribute."""
    return RedactedDict({ATTRIBUTES[name]: value for name, value in values.items()})
