"""The one definition of the wire format, both ways: a ``Customer`` to CustomerInformation, and back.

Between the row and the client. Reading is tolerant, for 2Checkout's answers vary: either name of its reference, nulls
for blanks, numbers as texts, cards in several shapes. Sending is strict: what 2Checkout would refuse is named before
it leaves.

https://docs.2checkout.com/api-reference/reference/customers
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from django.core.exceptions import ValidationError as InvalidValue
from django.db.models import Field
from django.utils.text import get_text_list
from rest_framework import serializers

from .exceptions import NotSent, UnreadableAnswer
from .models import Customer


@dataclass(frozen=True)
class Card:
    """A card on file at 2Checkout, as just fetched. The token is transient: never stored, logged, or part of an
    address. ``subscriptions``: those that 2Checkout names with the card, most often none. ``reason``: why the token
    could not be had, in 2Checkout's words where it gave any, for people."""

    type: str = ""
    last_digits: str = ""
    expiry: str = ""
    token: str = field(default="", repr=False)
    subscriptions: tuple[str, ...] = ()
    reason: str = field(default="", repr=False)

    def __str__(self) -> str:
        parts = [self.type or "Card", f"•••• {self.last_digits}" if self.last_digits else "", self.expiry]
        return " ".join(filter(None, parts))

    def stored(self) -> dict[str, str]:
        """What may be kept: nothing that a payment could be made with."""
        return {"type": self.type, "last_digits": self.last_digits, "expiry": self.expiry}


def read_cards(information: Mapping[str, Any]) -> list[Card]:
    """The cards of a CustomerInformation: none, a list of texts (bare tokens), or a list of objects."""
    cards = information.get("ExistingCards")
    return [_read_card(card) for card in cards if card] if isinstance(cards, list) else []


def _read_card(card: Any) -> Card:
    if not isinstance(card, Mapping):
        return Card(token=str(card))
    token = card.get("TransientToken") or card.get("Token") or ""
    if isinstance(token, Mapping):
        token = token.get("Token") or ""
    expiry = _first(card, "ExpirationDate", "ExpiryDate", "Expiry")
    if not expiry and _first(card, "ExpirationMonth") and _first(card, "ExpirationYear"):
        expiry = f"{_first(card, 'ExpirationMonth').zfill(2)}/{_first(card, 'ExpirationYear')}"
    digits = re.sub(r"\D", "", _first(card, "LastDigits", "Last4", "CardNumber"))
    return Card(_first(card, "CardType", "Type")[:40], digits[-4:], expiry[:10], str(token), _subscriptions(card))


def _subscriptions(card: Mapping[str, Any]) -> tuple[str, ...]:
    """The subscriptions that the card itself names: one reference, or a list of references or objects."""
    named = card.get("SubscriptionReference") or card.get("SubscriptionReferences") or card.get("Subscriptions") or []
    items = named if isinstance(named, list) else [named]
    references = [item.get("SubscriptionReference") if isinstance(item, Mapping) else item for item in items]
    return tuple(
        _first({"reference": reference}, "reference")[:40]
        for reference in references
        if reference and isinstance(reference, str | int)
    )


def _first(card: Mapping[str, Any], *names: str) -> str:
    text = next((str(card[name]) for name in names if card.get(name) not in (None, "")), "")
    return "".join(character for character in text if character.isprintable())


def _model_field(attribute: str) -> Field[Any, Any]:
    return cast("Field[Any, Any]", Customer._meta.get_field(attribute))


class Text(serializers.CharField):
    """A text that may come as null or as a number, and may be absent."""

    def __init__(self, attribute: str) -> None:
        length = _model_field(attribute).max_length
        super().__init__(
            source=attribute,
            required=False,
            allow_blank=True,
            allow_null=True,
            trim_whitespace=False,
            max_length=length,
        )

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        return super().validate_empty_values("" if data is None else data)

    def to_representation(self, value: Any) -> str:
        return "" if value is None else str(value)


class Country(Text):
    """Upper case on our side; 2Checkout echoes it in lower case."""

    def to_internal_value(self, data: Any) -> str:
        return str(super().to_internal_value(data)).upper()

    def to_representation(self, value: Any) -> str:
        return super().to_representation(value).upper()


class Flag(serializers.BooleanField):
    def __init__(self, attribute: str) -> None:
        super().__init__(source=attribute, required=False)

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        return super().validate_empty_values(serializers.empty if data == "" else data)


class Amount(serializers.Field[Decimal, Any, Any, Any]):
    """A sum of money: a number, or a number as text."""

    default_error_messages = {"invalid": "A valid amount is required."}

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, allow_null=True, **options)

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        return super().validate_empty_values(None if data == "" else data)

    def to_internal_value(self, data: Any) -> Decimal:
        try:
            amount = Decimal(str(data)).quantize(Decimal("0.01"))
        except InvalidOperation:
            self.fail("invalid")
        if isinstance(data, bool) or not amount.is_finite() or abs(amount) >= Decimal("1e16"):
            self.fail("invalid")
        return amount

    def to_representation(self, value: Decimal) -> float:
        return float(value)


class CreditSerializer(serializers.Serializer[Customer]):
    Limit = Amount(source="credit_limit")
    Remaining = Amount(source="credit_remaining")
    Currency = Text("credit_currency")


class Cards(serializers.Field[Any, Any, Any, Any]):
    """The cards without their tokens."""

    def __init__(self) -> None:
        super().__init__(source="existing_cards", required=False, allow_null=True)

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        return super().validate_empty_values([] if data is None else data)

    def to_internal_value(self, data: Any) -> list[dict[str, str]]:
        return [card.stored() for card in read_cards({"ExistingCards": data})]

    def to_representation(self, value: Any) -> list[dict[str, str]]:
        return [
            {"CardType": card["type"], "LastDigits": card["last_digits"], "Expiry": card["expiry"]} for card in value
        ]


class CustomerInformationSerializer(serializers.Serializer[Customer]):
    """A ``Customer`` as 2Checkout's CustomerInformation.

    ``data`` is the whole object; :meth:`information` the part that is ours to send. ``validated_data`` has the model's
    own names. Unknown fields are ignored, absent ones stay absent.
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

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            # Null is a blank text and no cards, but says nothing about a flag or a sum; nor does an empty list.
            meaning_something = Text | Cards
            data = {
                name: value
                for name, value in data.items()
                if value not in (None, "", []) or isinstance(self.fields.get(name), meaning_something)
            }
            # The reference under its older name, where the newer one is missing.
            data["CustomerReference"] = data.get("CustomerReference") or data.get("AvangateCustomerReference")
        return super().to_internal_value(data)


# One for all threads: it keeps nothing of what it reads, and making one costs more than reading with it.
_SERIALIZER = CustomerInformationSerializer()
_FIELDS = _SERIALIZER.fields
ATTRIBUTES = {name: str(wire.source) for name, wire in _FIELDS.items() if wire.source in Customer.PUSHED_FIELDS}
_REPRESENTATIONS = {name: _FIELDS[name].to_representation for name in ATTRIBUTES}
OWNED_BY_2CHECKOUT = frozenset("enabled trial existing_cards credit_limit credit_remaining credit_currency".split())


def information(values: Mapping[str, Any]) -> dict[str, str]:
    """What is ours to send: the fields that both sides write, in CustomerInformation's own names.

    *values*: a row's, by attribute.
    """
    return {name: _REPRESENTATIONS[name](values[attribute]) for name, attribute in ATTRIBUTES.items()}


def in_their_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by attribute, as the row keeps them, in CustomerInformation's names."""
    return {name: values[attribute] for name, attribute in ATTRIBUTES.items() if attribute in values}


def in_our_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values in CustomerInformation's names, by attribute."""
    return {ATTRIBUTES[name]: value for name, value in values.items()}


@dataclass(frozen=True)
class Theirs:
    """2Checkout's object, read and checked."""

    reference: str
    shared: dict[str, str]
    """The fields that both sides write, by attribute; only those that the answer had."""
    owned: dict[str, Any]
    """The fields that 2Checkout alone writes, by attribute."""

    def adopted(self, names: Iterable[str]) -> dict[str, str]:
        """The attributes and values to take over for these fields of CustomerInformation."""
        return {ATTRIBUTES[name]: self.shared[ATTRIBUTES[name]] for name in names}


def read(remote: Mapping[str, Any]) -> Theirs:
    """Read 2Checkout's object. Raises UnreadableAnswer that names the fields which cannot be stored."""
    try:
        values = _SERIALIZER.run_validation(remote)
    except serializers.ValidationError as error:
        names = sorted(error.detail) if isinstance(error.detail, dict) else ["shape"]
        raise UnreadableAnswer(f"2Checkout's answer has an unreadable {get_text_list(names, 'and')}") from None
    return Theirs(
        reference=values.get("customer_reference") or "",
        shared={name: value for name, value in values.items() if name in Customer.PUSHED_FIELDS},
        owned={name: value for name, value in values.items() if name in OWNED_BY_2CHECKOUT},
    )


def check_sendable(values: Mapping[str, str], names: Iterable[str]) -> None:
    """Raise NotSent, with each field and what is wrong with it, unless 2Checkout can be expected to take these values.

    *values* is a whole CustomerInformation; *names*, the fields of it that 2Checkout does not have yet, are checked.
    """
    names = set(names)
    problems = {name: words for name in ATTRIBUTES if name in names and (words := _problem(name, values.get(name, "")))}
    if values.get("FiscalCode") and not values.get("Company") and names & {"FiscalCode", "Company"}:
        problems["Company"] = "is required when there is a FiscalCode."
    if problems:
        raise NotSent(
            f"Not sent to 2Checkout because of {', '.join(problems)}",
            message="Not sent to 2Checkout: " + " ".join(f"{name} {words}" for name, words in problems.items()),
        )


def _problem(name: str, value: str) -> str:
    """What keeps 2Checkout from taking this value, or nothing."""
    model_field = _model_field(ATTRIBUTES[name])
    if not value:
        return "is required." if model_field.name in Customer.REQUIRED_FIELDS or not model_field.blank else ""
    try:
        model_field.run_validators(value)
    except InvalidValue as error:
        return f"is refused: {' '.join(error.messages)}"
    return ""
