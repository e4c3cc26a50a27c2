"""Defines the wire format once, both ways: a ``Customer`` as 2Checkout's CustomerInformation, and back.

Reading is tolerant, because 2Checkout's answers vary: two names of its reference, nulls for blanks, numbers as texts,
several shapes of cards.

https://docs.2checkout.com/api-reference/reference/customers
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from django.db.models import Field
from rest_framework import serializers

from ..conf import conf
from ..merge import country_upper
from ..models import Customer
from ..redaction import redacted_repr
from .cards import parse_cards

StoredCards = list[dict[str, str]]


def model_field(attribute: str) -> Field[Any, Any]:
    """The row's field of this name."""
    return cast("Field[Any, Any]", Customer._meta.get_field(attribute))


class Text(serializers.CharField):
    """A text. It may come as null or as a number, and may be absent."""

    def __init__(self, attribute: str) -> None:
        length = model_field(attribute).max_length
        super().__init__(
            source=attribute,
            required=False,
            allow_blank=True,
            allow_null=True,
            trim_whitespace=False,
            max_length=length,
        )

    def validate_empty_values(self, data: object) -> tuple[bool, object]:
        return super().validate_empty_values("" if data is None else data)

    def to_representation(self, value: object) -> str:
        return "" if value is None else str(value)


class Country(Text):
    """Upper case on our side. 2Checkout answers in lower case."""

    def to_internal_value(self, data: Any) -> str:
        return country_upper(str(super().to_internal_value(data)))

    def to_representation(self, value: object) -> str:
        return country_upper(super().to_representation(value))


class Flag(serializers.BooleanField):
    def __init__(self, attribute: str) -> None:
        super().__init__(source=attribute, required=False)

    def validate_empty_values(self, data: object) -> tuple[bool, object]:
        return super().validate_empty_values(serializers.empty if data == "" else data)


class Amount(serializers.Field[Decimal, object, float, object]):
    """A sum of money: a number, or a number as text."""

    # For drf-spectacular, as its extend_schema_field() leaves it.
    _spectacular_annotation = {"field": {"type": "number", "format": "double"}}

    default_error_messages = {"invalid": "A valid amount is required."}

    def __init__(self, source: str) -> None:
        super().__init__(source=source, required=False, allow_null=True)

    def validate_empty_values(self, data: object) -> tuple[bool, object]:
        return super().validate_empty_values(None if data == "" else data)

    def to_internal_value(self, data: object) -> Decimal:
        try:
            amount = Decimal(str(data)).quantize(Decimal("0.01"))
        except InvalidOperation:
            self.fail("invalid")
        if isinstance(data, bool) or not amount.is_finite() or abs(amount) >= Decimal("1e16"):
            self.fail("invalid")
        return amount

    def to_representation(self, value: Decimal) -> float:
        return float(value)


class WithoutExcluded(serializers.Serializer[Customer]):
    """A serializer without the fields of the setting EXCLUDE_FIELDS."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        fields = super().get_fields()
        excluded = () if isinstance(self.root, _Whole) else conf.EXCLUDE_FIELDS
        return {name: field for name, field in fields.items() if field.source not in excluded}

    __repr__ = redacted_repr


class CreditSerializer(WithoutExcluded):
    Limit = Amount(source="credit_limit")
    Remaining = Amount(source="credit_remaining")
    Currency = Text("credit_currency")


class Cards(serializers.Field[StoredCards, object, StoredCards, StoredCards]):
    """The cards without their tokens."""

    _spectacular_annotation = {
        "field": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("CardType", "LastDigits", "Expiry")},
            },
        }
    }

    def __init__(self) -> None:
        super().__init__(source="existing_cards", required=False, allow_null=True)

    def validate_empty_values(self, data: object) -> tuple[bool, object]:
        return super().validate_empty_values([] if data is None else data)

    def to_internal_value(self, data: object) -> StoredCards:
        return [card.stored() for card in parse_cards({"ExistingCards": data})]

    def to_representation(self, value: StoredCards) -> StoredCards:
        return [
            {"CardType": card["type"], "LastDigits": card["last_digits"], "Expiry": card["expiry"]} for card in value
        ]


class CustomerInformationSerializer(WithoutExcluded):
    """A ``Customer`` as 2Checkout's CustomerInformation.

    ``data`` is the whole object. :func:`.to_wire` returns the part to send. ``validated_data`` has the model's own
    names. Unknown fields are ignored, and absent fields stay absent. The fields of EXCLUDE_FIELDS are left out.
    """

    CustomerReference = Text("customer_reference")
    ExternalCustomerReference = Text("external_customer_reference")
    FirstName = Text("first_name")
    LastName = Text("last_name")
    Company = Text("company")
    FiscalCode = Text("fiscal_code")
    Address1 = Text("address1")
    Address2 = Text("address2")
    City = Text("city")
    State = Text("state")
    Zip = Text("zip")
    CountryCode = Country("country_code")
    Phone = Text("phone")
    Fax = Text("fax")
    Email = Text("email")
    Language = Text("language")
    Enabled = Flag("enabled")
    Trial = Flag("trial")
    ExistingCards = Cards()
    Credit = CreditSerializer(source="*", required=False)

    def to_internal_value(self, data: object) -> Any:
        if isinstance(data, Mapping):
            # Null means a blank text and no cards. It means nothing for a flag or a sum, and an empty list means
            # nothing either.
            meaning_something = Text | Cards
            data = {
                name: value
                for name, value in data.items()
                if value not in (None, "", []) or isinstance(self.fields.get(name), meaning_something)
            }
            # The reference under its older name, if the newer one is missing.
            data["CustomerReference"] = data.get("CustomerReference") or data.get("AvangateCustomerReference")
        return super().to_internal_value(data)


class _Whole(CustomerInformationSerializer):
    """All of CustomerInformation, whatever the settings exclude."""


#: One for all threads: it keeps no data, and making one costs more than a reading. Whole, for it is made once.
SERIALIZER = _Whole()
