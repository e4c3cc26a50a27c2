"""Fetches a customer's cards with their tokens, by the second documented way where the first brings none.

Called by ``sync.cards``, over the client. The pages of 2Checkout contradict each other on where tokens are to be had:
with ``includePaymentData``, or only by single sign-on. The first way is one request, so it is asked first.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..client import TwoCheckoutClient
from ..conf import conf
from ..exceptions import TwoCheckoutError, UnreadableAnswer
from ..serializers import Card, read, read_cards

logger = logging.getLogger("twocheckout")


def cards_of(pk: Any, reference: str, client: TwoCheckoutClient) -> list[Card]:
    """The cards of the customer under this reference; those without a token say why, as far as that is known.

    What goes wrong on the second way takes nothing from what the first one brought. Raises TwoCheckoutError.
    """
    cards = _read(client.retrieve_customer(reference, include_payment_data=True), reference)
    if not conf.CARDS_BY_SSO or (cards and all(card.token for card in cards)):
        return cards
    try:
        return _joined(cards, _read(client.retrieve_customer_by_sign_on(reference), reference))
    except TwoCheckoutError as error:
        logger.warning("customer %s: no card tokens by single sign-on: %s", pk, error)
        return [card if card.token else replace(card, reason=error.words) for card in cards]


def _read(information: Mapping[str, Any], reference: str) -> list[Card]:
    if read(information).reference != reference:
        raise UnreadableAnswer("2Checkout answered with another customer than the one asked for.")
    return read_cards(information)


def _joined(cards: list[Card], signed_on: list[Card]) -> list[Card]:
    """The first way's cards with the second's tokens, then what only the second knows.

    A token goes to a card only where type, digits and expiry all agree: the wrong card must not be deleted.
    """
    joined, rest = [], list(signed_on)
    for card in cards:
        same = next((other for other in rest if other.stored() == card.stored()), None)
        if same is not None:
            rest.remove(same)
            card = replace(card, token=card.token or same.token, subscriptions=card.subscriptions or same.subscriptions)
        joined.append(card)
    return joined + rest
