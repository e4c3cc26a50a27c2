"""Fetches a customer's cards with their transient tokens, and deletes a card: between the doors and the client.

No token is stored. The vendor's pages contradict each other on the source of tokens: ``includePaymentData``, or single
sign-on alone. The first way is one request, so it comes first.

https://docs.2checkout.com/api-reference/reference/customers
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from django.utils.translation import gettext as _

from ..client import TwoCheckoutClient
from ..conf import conf
from ..engine import circuit_breaker, claims, history, reconcile, report
from ..engine.batch import run_one
from ..engine.guard import run_guarded
from ..engine.operations import PULL
from ..engine.records import Claim, Result, Settled
from ..engine.sources import released_on_error
from ..exceptions import NotFound, TwoCheckoutError, UnreadableAnswer
from ..models import Customer, Source, Verb
from ..redaction import RedactedDict, redact_frames, without_frames
from ..wire import MOST_CARDS, Card, parse, parse_cards
from . import one

logger = logging.getLogger("twocheckout")


@redact_frames
def cards(customer: Customer) -> list[Card]:
    """Fetch the customer's cards with their transient tokens. Stores nothing.

    If 2Checkout lists cards without tokens, a second request goes by single sign-on, unless ``CARDS_BY_SSO`` is False.
    A card may stay without a token. Its ``reason`` then says why. Raises NotFound for a customer unknown to 2Checkout,
    another TwoCheckoutError, or ConfigurationError.
    """
    row = one.row_of(customer).get()
    database = one.database_of(customer)
    client = one.confirmed_client(database, row.account)
    reference = one.known_reference(row.customer_reference)
    with one.fetching(client, database, row.account):
        return _fetch(client, row, reference)


def _fetch(client: TwoCheckoutClient, row: Customer, reference: str) -> list[Card]:
    cards = _parse(client.retrieve_customer(reference, include_payment_data=True), reference)
    if not conf.of(row.account).CARDS_BY_SSO or (cards and all(card.token for card in cards)):
        return cards
    try:
        return _joined(cards, _parse(client.retrieve_customer_by_sign_on(reference), reference))
    except TwoCheckoutError as error:
        # A failure of the second way leaves the first way's cards as they are.
        logger.warning("customer %s: no card tokens by single sign-on: %s", row.pk, error)
        return [card if card.token else replace(card, reason=error.words) for card in cards]


@redact_frames
def delete_card(customer: Customer, token: str, *, source: Source = Source.CODE, user: object = "") -> None:
    """Delete the card behind this token at 2Checkout, then pull the row, so that its list of cards is right again.

    A missing card counts as deleted. *source* and *user* (a primary key) are for the history. Raises CardNotDeleted
    with 2Checkout's reasons, CustomerBusy, NotFound for a customer unknown to 2Checkout, another TwoCheckoutError,
    ConfigurationError, or RuntimeError inside a transaction.
    """
    card = RedactedDict(token=token)
    del token  # an error report must not show it in this frame or the next
    claim, client = one.claim_or_busy(customer, Verb.PULL, source, user)
    with released_on_error([claim]):
        circuit_breaker.confirmed_state(claim.database, claim.account)

    def delete(claim: Claim, client: TwoCheckoutClient) -> Result:
        result = Result(claim.reference, claim.in_doubt)
        try:
            reference = one.known_reference(claim.reference)
            try:
                client.delete_card(reference, card["token"])
            except NotFound:
                pass  # a missing card is a deleted one
            except UnreadableAnswer as unclear:
                if (unclear.status or 200) >= 300 or _is_there(claim, client, reference, card):
                    raise
        except TwoCheckoutError as error:
            result.error = without_frames(error)
        return result

    deleted = run_guarded(delete, claim, client)
    line = history.deletion(claim, deleted)
    history.write([line], claim.database)
    report.exchanges([(line, Settled.WRITTEN)], claim.database)
    if deleted.error:
        claims.release([claim])
        report.missed_wakeup(claim)
        raise deleted.error
    _summary, pulled = run_one(claim, client, _PULL_AFTER_DELETION)
    if isinstance(pulled.error, NotFound):
        raise pulled.error
    report.card_deleted(claim, pulled.error)
    one.reload(customer)


def _pull_after_deletion(claim: Claim, client: TwoCheckoutClient) -> Result:
    """As any pull, but a list without cards counts: the last one was just deleted."""
    result = reconcile.pull(claim, client)
    if result.remote is not None and "existing_cards" not in conf.EXCLUDE_FIELDS:
        result.remote.owned.setdefault("existing_cards", [])
    return result


_PULL_AFTER_DELETION = replace(PULL, reconcile=_pull_after_deletion)


def _is_there(claim: Claim, client: TwoCheckoutClient, reference: str, card: Mapping[str, str]) -> bool:
    """Whether the card is still listed, after an answer that did not say so.

    A token is new with each listing, so the list is compared with that of the row. Where that tells nothing, the card
    is asked to be deleted once more: 2Checkout then says that it has no such card, or why it stays.
    """
    now = _parse(client.retrieve_customer(reference, include_payment_data=True), reference)
    if any(other.token == card["token"] for other in now):
        return True
    before = claim.owned["existing_cards"]
    if not now or (isinstance(before, list) and len(now) < len(before)):
        return False
    try:
        return not client.delete_card(reference, card["token"])
    except NotFound:
        return False


def _parse(information: Mapping[str, object], reference: str) -> list[Card]:
    if parse(information).reference != reference:
        raise UnreadableAnswer("2Checkout answered with another customer than the one asked for.")
    return parse_cards(information)


def _joined(cards: list[Card], signed_on: list[Card]) -> list[Card]:
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
    joined = [
        _completed(card, signed_on[same[place]])
        if place in same
        else _without_token(card)
        if _appearance(card) in ambiguous
        else card
        for place, card in enumerate(cards)
    ]
    named = set(same.values())
    rest = [card for place, card in enumerate(signed_on) if place not in named and _appearance(card) not in ambiguous]
    return (joined + rest)[:MOST_CARDS]


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
