"""The vendor's memory: customers with their cards, each as it is and as it was, and the tokens given out."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .behaviour import Behaviour

TEXTS = """
    ExternalCustomerReference FirstName LastName Company FiscalCode Address1 Address2 City State Zip CountryCode Phone
    Fax Email Language
""".split()
#: What a client cannot write.
DERIVED = ["CustomerReference", "AvangateCustomerReference", "Enabled", "Trial", "ExistingCards"]
_PLAIN_NAMES = {name.lower(): name for name in [*TEXTS, *DERIVED, "Credit"]}
_FIRST_REFERENCE = 601952421


@dataclass(frozen=True)
class Card:
    """A card on file; while a subscription is paid with it, it cannot be deleted."""

    type: str = field(repr=False)
    last_digits: str = field(repr=False)
    expiry: str = field(repr=False)
    subscription: str = field(repr=False)


@dataclass(frozen=True)
class Customer:
    """A customer at one moment."""

    fields: Mapping[str, Any] = field(repr=False)
    cards: tuple[Card, ...] = field(default=(), repr=False)
    deleted: bool = False

    @property
    def reference(self) -> str:
        """2Checkout's own number."""
        return str(self.fields["CustomerReference"])


@dataclass(frozen=True)
class Subscription:
    """A subscription of a customer. Its times are those of the vendor's clock; *expires* is a day, or blank."""

    reference: str = field(repr=False)
    customer: str = field(repr=False)
    purchased: float
    modified: float
    product: str = field(repr=False)
    expires: str = field(repr=False)
    enabled: bool
    renews: bool


class Store:
    """All customers. Not safe to use from several threads: the vendor has the lock."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        #: By number, deleted ones too: each customer as it is, and as it was since which moment.
        self._customers: dict[str, Customer] = {}
        self._versions: dict[str, list[tuple[float, Customer]]] = {}
        self._next = _FIRST_REFERENCE
        self.subscriptions: dict[str, Subscription] = {}
        #: By token: the customer's number, the card, and until when it is good.
        self.card_tokens: dict[str, tuple[str, Card, float]] = {}
        #: By token: the customer's number, and until when it is good.
        self.sign_ons: dict[str, tuple[str, float]] = {}

    # Looking up.

    def living(self) -> list[Customer]:
        """The customers that are not deleted, oldest first."""
        return [customer for customer in self._customers.values() if not customer.deleted]

    def find(self, reference: str, seconds_ago: float = 0, *, deleted: bool = False) -> Customer | None:
        """The customer under either kind of reference, as it was so long ago."""
        ways = [self.by_number, self._by_external]
        if self._behaviour.ambiguous_reference == "external":
            ways.reverse()
        return ways[0](reference, seconds_ago, deleted) or ways[1](reference, seconds_ago, deleted)

    def existing(self, reference: str) -> Customer:
        """The customer under either kind of reference, as it is now. Raises LookupError for an unknown one."""
        customer = self.find(reference)
        if customer is None:
            raise LookupError("The fake vendor has no such customer.")
        return customer

    def by_number(self, reference: str, seconds_ago: float = 0, deleted: bool = False) -> Customer | None:
        """The customer with this number of 2Checkout's, as it was so long ago."""
        customer = self._as_of(seconds_ago).get(reference)
        return customer if customer and customer.deleted is deleted else None

    def _by_external(self, reference: str, seconds_ago: float, deleted: bool) -> Customer | None:
        for customer in self._as_of(seconds_ago).values():
            if self.has_external(customer, reference) and customer.deleted is deleted:
                return customer
        return None

    def _as_of(self, seconds_ago: float) -> Mapping[str, Customer]:
        """The customers as they were so long ago, deleted ones too; those that are younger are left out."""
        if seconds_ago <= 0:
            return self._customers
        moment = time.time() - seconds_ago
        known = {
            number: [customer for since, customer in versions if since <= moment]
            for number, versions in self._versions.items()
        }
        return {number: versions[-1] for number, versions in known.items() if versions}

    def has_external(self, customer: Customer, reference: str | None) -> bool:
        """Whether this is the customer's external reference."""
        external = customer.fields["ExternalCustomerReference"]
        if external == reference or self._behaviour.external_case_sensitive:
            return bool(reference) and external == reference
        return bool(external and reference) and str(external).lower() == str(reference).lower()

    # Writing.

    def insert(self, fields: Mapping[str, Any]) -> Customer:
        """Add a customer under a new number."""
        number, self._next = str(self._next), self._next + 1
        blank = {**dict.fromkeys(TEXTS), "Enabled": False, "Trial": False}
        return self._write(Customer({**blank, **fields, "CustomerReference": number}))

    def change(self, customer: Customer, fields: Mapping[str, Any]) -> Customer:
        """Overwrite these fields."""
        return self._write(replace(customer, fields={**customer.fields, **fields}))

    def set_cards(self, customer: Customer, cards: Iterable[Card]) -> None:
        """Replace the cards on file."""
        self._write(replace(customer, cards=tuple(cards)))

    def delete(self, customer: Customer) -> None:
        """Mark the customer as deleted."""
        self._write(replace(customer, deleted=True))

    def _write(self, customer: Customer) -> Customer:
        self._customers[customer.reference] = customer
        self._versions.setdefault(customer.reference, []).append((time.time(), customer))
        return customer

    # Tokens.

    def card_token(self, customer: Customer, card: Card) -> str:
        """A new token for the card."""
        token = secrets.token_urlsafe(24)
        self.card_tokens[token] = (customer.reference, card, time.time() + self._behaviour.token_seconds)
        return token

    def card_of(self, customer: Customer, token: str) -> Card | None:
        """The customer's card with this token; None if the token is unknown or too old."""
        if token not in self.card_tokens:
            return None
        owner, card, until = self.card_tokens[token]
        good = owner == customer.reference and card in customer.cards and time.time() <= until
        return card if good else None

    def sign_on_token(self, customer: Customer, seconds: float) -> str:
        """A new token for the customer's single sign-on."""
        token = secrets.token_hex(20)
        self.sign_ons[token] = (customer.reference, time.time() + seconds)
        return token

    def signed_on(self, token: str) -> Customer | None:
        """The customer with this token; None if the token is unknown or too old."""
        reference, until = self.sign_ons.get(token, ("", 0.0))
        return self.by_number(reference) if time.time() <= until else None


def check_names(names: Iterable[str]) -> None:
    """Raise ValueError for a field's name in Python's manner, such as ``first_name`` for FirstName.

    Any other unknown name passes: 2Checkout may have new fields.
    """
    for name in names:
        meant = _PLAIN_NAMES.get(name.lower().replace("_", ""), name)
        if meant != name:
            raise ValueError(f"No such field: {name}. Did you mean {meant}?")
