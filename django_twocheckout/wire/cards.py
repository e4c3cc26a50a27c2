"""Parses the cards on file in 2Checkout's answer: several shapes come in, one comes out.

https://docs.2checkout.com/api-reference/reference/customers
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..redaction import redacted_repr

logger = logging.getLogger("twocheckout")

#: The most cards read of a customer, and the most subscriptions of a card. An answer of a megabyte could list tens of
#: thousands, and every row must be storable.
MOST_CARDS = 100
MOST_SUBSCRIPTIONS = 50


@dataclass(frozen=True)
class Card:
    """A card on file at 2Checkout, as just fetched.

    The token is transient: never stored, logged, or part of an address. ``subscriptions``: named by 2Checkout with the
    card, most often none. ``reason``: why there is no token, in words for people.
    """

    type: str = ""
    last_digits: str = ""
    expiry: str = ""
    token: str = ""
    subscriptions: tuple[str, ...] = ()
    reason: str = ""

    __repr__ = redacted_repr

    def __str__(self) -> str:
        parts = [self.type or "Card", f"•••• {self.last_digits}" if self.last_digits else "", self.expiry]
        return " ".join(filter(None, parts))

    def stored(self) -> dict[str, str]:
        """The parts that may be stored. They cannot make a payment."""
        return {"type": self.type, "last_digits": self.last_digits, "expiry": self.expiry}


def parse_cards(information: Mapping[str, object]) -> list[Card]:
    """The first :data:`MOST_CARDS` cards of a CustomerInformation: none, a list of texts (bare tokens), or of objects.

    Anything else is no card.
    """
    listed = information.get("ExistingCards")
    cards = [card for card in listed if card and isinstance(card, str | Mapping)] if isinstance(listed, list) else []
    if len(cards) > MOST_CARDS:
        logger.warning("2Checkout's answer has %d cards; the first %d are read", len(cards), MOST_CARDS)
    return [_read_card(card) for card in cards[:MOST_CARDS]]


def _read_card(card: str | Mapping[str, object]) -> Card:
    if isinstance(card, str):
        return Card(token=card)
    token = card.get("TransientToken") or card.get("Token")
    if isinstance(token, Mapping):
        token = token.get("Token")
    token = str(token) if token and _is_scalar(token) else ""
    expiry = _first(card, "ExpirationDate", "ExpiryDate", "Expiry")
    if not expiry and _first(card, "ExpirationMonth") and _first(card, "ExpirationYear"):
        expiry = f"{_first(card, 'ExpirationMonth').zfill(2)}/{_first(card, 'ExpirationYear')}"
    digits = re.sub(r"\D", "", _first(card, "LastDigits", "Last4", "CardNumber"))
    return Card(_first(card, "CardType", "Type")[:40], digits[-4:], expiry[:10], token, _subscriptions(card))


def _subscriptions(card: Mapping[str, object]) -> tuple[str, ...]:
    """The first :data:`MOST_SUBSCRIPTIONS` in the card itself: one reference, or a list of references or objects."""
    named = card.get("SubscriptionReference") or card.get("SubscriptionReferences") or card.get("Subscriptions") or []
    items = named if isinstance(named, list) else [named]
    references = [item.get("SubscriptionReference") if isinstance(item, Mapping) else item for item in items]
    texts = [_first({"reference": reference}, "reference")[:40] for reference in references if reference]
    return tuple(filter(None, texts))[:MOST_SUBSCRIPTIONS]


def _first(card: Mapping[str, object], *names: str) -> str:
    text = next((str(card[name]) for name in names if card.get(name) != "" and _is_scalar(card.get(name))), "")
    return "".join(character for character in text if character.isprintable())


def _is_scalar(value: object) -> bool:
    """Whether it is a text or a number."""
    return isinstance(value, str | int | float) and not isinstance(value, bool)
