"""How an answer shows a customer and its cards, which is not quite as they were sent."""

from __future__ import annotations

from typing import Any

from .behaviour import Behaviour
from .store import TEXTS, Card, Customer, Store
from .texts import text_echo

#: Texts that have switches of their own, or none.
_OWN_ECHO = {"ExternalCustomerReference", "CountryCode", "Language"}


class Echo:
    """Shows what the store has, as the behaviour says."""

    def __init__(self, behaviour: Behaviour, store: Store) -> None:
        self._behaviour = behaviour
        self._store = store

    def customer(self, customer: Customer, *, payment_data: bool = False, signed_on: bool = False) -> dict[str, Any]:
        """The customer as JSON. *payment_data* was asked for; *signed_on* came by a single sign-on token."""
        shown = {**self._references(customer), **self._fields(customer)}
        if payment_data or signed_on or not self._behaviour.cards_only_on_request:
            hidden = self._behaviour.cards_by_sign_on_only and not signed_on
            cards = () if hidden else customer.cards
            shown["ExistingCards"] = [self._card(customer, card, payment_data, signed_on) for card in cards]
        return shown

    def _references(self, customer: Customer) -> dict[str, str | int]:
        name = self._behaviour.reference_name
        names = ["CustomerReference", "AvangateCustomerReference"] if name == "both" else [name]
        reference = customer.reference
        return dict.fromkeys(names, int(reference) if self._behaviour.reference_as_number else reference)

    def _fields(self, customer: Customer) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        for name, value in customer.fields.items():
            if name in TEXTS and name != "ExternalCustomerReference" and not value:
                if self._behaviour.blank_echo != "absent":
                    shown[name] = None if self._behaviour.blank_echo == "null" else ""
            elif name != "CustomerReference":
                shown[name] = self._text(name, value) if isinstance(value, str) else value
        if self._behaviour.language_echo == "blank":
            shown["Language"] = ""
        return shown

    def _text(self, name: str, text: str) -> str:
        if name == "CountryCode" and not self._behaviour.country_as_sent:
            return text.lower()
        if self._behaviour.echo is None or name in _OWN_ECHO or name not in TEXTS:
            return text
        return text_echo(self._behaviour.echo)(name, text)

    def _card(self, customer: Customer, card: Card, payment_data: bool, signed_on: bool) -> str | dict[str, Any]:
        token = self._store.card_token(customer, card)
        if self._behaviour.card_shape == "texts":
            return token if payment_data else f"{card.type} {card.last_digits}"
        shown: dict[str, Any] = {"CardType": card.type, "LastDigits": card.last_digits, "ExpirationDate": card.expiry}
        if card.subscription and self._behaviour.card_names_subscription:
            shown["SubscriptionReference"] = card.subscription
        if signed_on or (payment_data and self._behaviour.card_token != "none"):
            shown["TransientToken"] = token if self._behaviour.card_token == "text" else {"Token": token}
        return shown
