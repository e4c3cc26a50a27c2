"""Reads a customer's cards with their transient tokens, from one or two ways of 2Checkout.

No token is stored. The vendor's pages contradict each other on the source of tokens: ``includePaymentData``, or single
sign-on alone. The first way is one request, so it comes first.

https://docs.2checkout.com/api-reference/reference/customers
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from django.utils.translation import gettext as _

from ..client import TwoCheckoutClient
from ..conf import conf
from ..exceptions import TwoCheckoutError
from ..wire import MOST_CARDS, Card, parse_cards, parse_of
from .records import Key

logger = logging.getLogger("twocheckout")


class Owner(Protocol):
    """The row, or the claim of it."""

    @property
    def pk(self) -> Key: ...
    @property
    def account(self) -> str: ...


def with_tokens(
    client: TwoCheckoutClient, reference: str, information: Mapping[str, object], owner: Owner
) -> list[Card]:
    """The cards in 2Checkout's object, which was fetched with payment data, each with its token as far as there is one.

    If 2Checkout lists cards without tokens, a second request goes by single sign-on, unless ``CARDS_BY_SSO`` is False.
    A card may stay without a token. Its ``reason`` then says why.
    """
    cards = cards_of(information, reference)
    if not conf.of(owner.account).CARDS_BY_SSO or (cards and all(card.token for card in cards)):
        return cards
    try:
        return joined(cards, cards_of(client.retrieve_customer_by_sign_on(reference), reference))
    except TwoCheckoutError as error:
        # A failure of the second way leaves the first way's cards as they are.
        logger.warning("customer %s: no card tokens by single sign-on: %s", owner.pk, error)
        return [card if card.token else replace(card, reason=error.words) for card in cards]


def cards_of(information: Mapping[str, object], reference: str) -> list[Card]:
    """The cards in this customer's object. Raises UnreadableAnswer for another customer's."""
    parse_of(information, reference)
    return parse_cards(information)


def joined(cards: list[Card], signed_on: list[Card]) -> list[Card]:
    """The first way's cards with the second's tokens, then the second's other cards."""
    here, there = _by_appearance(cards), _by_appearance(signed_on)
    same: dict[int, int] = {}
    for appearance, places in here.items():
        if any(appearance) and appearance in there:
            same.update(_same(cards, places, signed_on, there[appearance]))
    # A card that looks like a listed one may be the same card, so it is not listed twice.
    ambiguous = {
        appearance
        for appearance, places in here.items()
        if any(appearance) and appearance in there and not all(n in same for n in places)
    }
    both = [
        _completed(card, signed_on[same[place]])
        if place in same
        else _without_token(card)
        if _appearance(card) in ambiguous
        else card
        for place, card in enumerate(cards)
    ]
    named = set(same.values())
    rest = [card for place, card in enumerate(signed_on) if place not in named and _appearance(card) not in ambiguous]
    return (both + rest)[:MOST_CARDS]


def _appearance(card: Card) -> tuple[str, ...]:
    return tuple(card.stored().values())


def _by_appearance(cards: list[Card]) -> dict[tuple[str, ...], list[int]]:
    """The positions of the cards, grouped by their appearance."""
    places: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place, card in enumerate(cards):
        places[_appearance(card)].append(place)
    return dict(places)


def _same(cards: list[Card], here: list[int], signed_on: list[Card], there: list[int]) -> dict[int, int]:
    """Match cards that look alike: the positions in the second way's list, by those in the first way's list.

    An ambiguous match is left out: the wrong card must not be deleted.
    """
    if len(here) == len(there) == 1 or not any(cards[place].subscriptions for place in here):
        # Either there is one of each, or nothing distinguishes these cards, so none of them is the wrong one.
        return dict(zip(here, there, strict=False))
    ours, theirs = (_by_subscriptions(some, places) for some, places in ((cards, here), (signed_on, there)))
    return {
        places[0]: theirs[paid][0]
        for paid, places in ours.items()
        if paid and len(places) == len(theirs.get(paid, ())) == 1
    }


def _by_subscriptions(cards: list[Card], places: list[int]) -> dict[tuple[str, ...], list[int]]:
    by_subscriptions: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place in places:
        by_subscriptions[cards[place].subscriptions].append(place)
    return dict(by_subscriptions)


def _completed(card: Card, same: Card) -> Card:
    return replace(card, token=card.token or same.token, subscriptions=card.subscriptions or same.subscriptions)


def _without_token(card: Card) -> Card:
    return card if card.token else replace(card, reason=_("several cards look alike."))
