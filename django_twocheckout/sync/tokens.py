"""Fetches a customer's cards with their tokens, by the second documented way where the first brings none.

Called by ``sync.cards``, over the client. The pages of 2Checkout contradict each other on where tokens are to be had:
with ``includePaymentData``, or only by single sign-on. The first way is one request, so it is asked first.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _

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
    """The first way's cards with the second's tokens, then what only the second knows."""
    joined, rest, unsure = [], list(signed_on), []
    for card in cards:
        same = _same(card, cards, signed_on, rest)
        if same is not None:
            rest.remove(same)
            card = replace(card, token=card.token or same.token, subscriptions=card.subscriptions or same.subscriptions)
        elif any(card.stored().values()) and any(card.stored() == other.stored() for other in signed_on):
            unsure.append(card.stored())
            card = card if card.token else replace(card, reason=_("several cards look alike."))
        joined.append(card)
    # What looks like a card that is listed already, and may be it, is not listed twice.
    return joined + [card for card in rest if card.stored() not in unsure]


def _same(card: Card, cards: list[Card], signed_on: list[Card], rest: list[Card]) -> Card | None:
    """The second way's word on this card, None if it cannot be told: the wrong card must not be deleted."""
    look = card.stored()
    if not any(look.values()):
        return None
    here, there = ([one for one in some if one.stored() == look] for some in (cards, signed_on))
    if len(here) == len(there) == 1:
        return there[0]
    if any(one.subscriptions for one in here):
        here, there = ([one for one in some if one.subscriptions == card.subscriptions] for some in (here, there))
        return there[0] if len(here) == len(there) == 1 and card.subscriptions else None
    # Nothing here tells these from each other, so none of them is the wrong one.
    return next((one for one in rest if one.stored() == look), None)
