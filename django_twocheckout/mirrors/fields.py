"""What a mirror may give a customer: the fields' names, and values as the customer's row has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from django.core.exceptions import ValidationError

from ..conf import conf
from ..models import Customer
from ..models.validators import validate_storable
from ..redaction import RedactedDict


class CustomerFields(TypedDict, total=False):
    """A customer's fields, as a mirror returns them. A field that is left out is not the mirror's.

    A missing ``external_customer_reference`` is made at random. ``account`` is a merchant account's name in the
    settings.
    """

    account: str | None
    external_customer_reference: str | None
    first_name: str | None
    last_name: str | None
    company: str | None
    fiscal_code: str | None
    address1: str | None
    address2: str | None
    city: str | None
    state: str | None
    zip: str | None
    country_code: str | None
    phone: str | None
    fax: str | None
    email: str | None
    language: str | None


NAMES = frozenset(CustomerFields.__annotations__)
#: Blank means that the mirror does not say.
_NOT_BLANK = frozenset(["account", "external_customer_reference"])


class FieldsRefused(Exception):
    """A mirror returned something that a customer cannot be given. The text has names of fields, and no value."""


def cleaned(fields: object) -> dict[str, str]:
    """The values in the row's spelling. Raises FieldsRefused for a wrong name, or for what no row can hold.

    What 2Checkout would refuse is no error here: the customer's row says so after its push. The fields of the setting
    EXCLUDE_FIELDS are left out.
    """
    if not isinstance(fields, Mapping):
        raise FieldsRefused("It must return a dictionary of a customer's fields, or None")
    if not NAMES.issuperset(fields):
        raise FieldsRefused("It returned a field that is none of CustomerFields")
    excluded = conf.EXCLUDE_FIELDS
    values = ((name, _text(name, value)) for name, value in fields.items() if name not in excluded)
    return RedactedDict((name, value) for name, value in values if value or name not in _NOT_BLANK)


def _text(name: str, value: Any) -> str:
    field: Any = Customer._meta.get_field(name)
    if callable(value) or hasattr(value, "resolve_expression"):
        raise FieldsRefused(f"Its {name} is no text")
    text = str(field.get_prep_value(field.to_python(value)) or "")
    if len(text) > (field.max_length or len(text)):
        raise FieldsRefused(f"Its {name} is longer than {field.max_length} characters")
    try:
        validate_storable(text)
    except ValidationError:
        raise FieldsRefused(f"Its {name} has a character that cannot be stored") from None
    return text
