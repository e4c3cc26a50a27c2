"""Erases one claimed customer at 2Checkout, as far as its API can: deletes the cards, then overwrites what it has.

2Checkout cannot delete a customer. So it gets placeholders under the same references. Each step may be repeated after a
killed worker: a card that is gone stays gone, and placeholders that are there are not sent again. No database, as in
:mod:`.reconcile`.

https://docs.2checkout.com/api-reference/reference/customers
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..client import TwoCheckoutClient, send_by
from ..echoes import may_be_echo
from ..exceptions import (
    ActiveSubscription,
    CardNotDeleted,
    NotFound,
    RequestRejected,
    TwoCheckoutError,
    UnreadableAnswer,
)
from ..merge import NEVER_SENT, normalise
from ..models import Presence
from ..redaction import RedactedDict, without_frames
from ..wire import DOCUMENTED, MOST_CARDS, Card, parse, parse_of
from . import reconcile
from .card_tokens import cards_of, with_tokens
from .evidence import fetch_or_none
from .records import Claim, Result
from .retry import code_of
from .subscriptions import has_active

#: What 2Checkout has of an erased customer. It requires these fields of each customer.
PLACEHOLDERS: Mapping[str, str] = {
    "FirstName": "Erased",
    "LastName": "Erased",
    "Address1": "Erased",
    "City": "Erased",
    "Zip": "00000",
    "Email": "erased@example.com",
    "Company": "",
    "FiscalCode": "",
    "Address2": "",
    "State": "",
    "Phone": "",
    "Fax": "",
}
# The country and the language stay: they name nobody, and 2Checkout requires a country that exists.

#: What 2Checkout may keep of the customer, beside cards.
DETAILS = "the customer's details"


def erase(claim: Claim, client: TwoCheckoutClient) -> Result:
    """Bring 2Checkout to placeholders. Sends nothing if it has them, or if it does not have the customer.

    A customer that is found by our reference is erased in the next run: until then its row does not have 2Checkout's
    reference, and another row may be the one that has it.
    """
    result = Result(claim.reference, claim.in_doubt)
    try:
        if claim.reference is None:
            _find(claim, client, result)
        else:
            _erase(claim, client, result, claim.reference)
    except TwoCheckoutError as error:
        result.error = without_frames(error)
    return result


def _find(claim: Claim, client: TwoCheckoutClient, result: Result) -> None:
    found = reconcile.find(claim, client, result)
    if found is None:
        result.presence = Presence.GONE
        return
    result.reference, result.unfinished = parse(found).reference, True
    if not result.reference:
        raise UnreadableAnswer("2Checkout's answer has no reference of the customer.")


def _erase(claim: Claim, client: TwoCheckoutClient, result: Result, reference: str) -> None:
    active = not claim.even_active and has_active(client, reference)
    remote = _fetch(claim, client, result, reference)
    if remote is None:
        result.presence = Presence.GONE
        return
    # 2Checkout calls a customer enabled while a subscription is active or past due.
    if not claim.even_active and (active or remote.get("Enabled") in (True, "true", 1, "1")):
        raise ActiveSubscription
    cards = with_tokens(client, reference, remote, claim)
    if _delete_cards(claim, client, result, reference, cards) and len(cards) == MOST_CARDS:
        result.unfinished = True  # there may be more
        return
    if not leftovers(remote):
        return
    try:
        with send_by(claim.send_by):
            # So that the details of its subscriptions are overwritten too.
            client.update_customer(reference, placeholders(remote), end_user_update=True)
    except RequestRejected as refusal:
        result.kept.append(f"{DETAILS}, because 2Checkout refused the placeholders ({code_of(refusal)})")
        raise
    after = RedactedDict(client.retrieve_customer(reference))
    parse_of(after, reference)
    result.still_shown = leftovers(after)
    if result.still_shown:
        names = ", ".join(sorted(result.still_shown))
        raise UnreadableAnswer(
            f"After the update 2Checkout still shows {names}",
            vendor_message=f"After the placeholders were acknowledged, 2Checkout still shows: {names}.",
        )


def _fetch(claim: Claim, client: TwoCheckoutClient, result: Result, reference: str) -> Mapping[str, Any] | None:
    """2Checkout's object with its cards. None if it clearly has none."""
    remote = fetch_or_none(claim, client, result, reference, cards=True)
    if remote is not None:
        parse_of(remote, reference)
    return remote


def leftovers(remote: Mapping[str, Any]) -> frozenset[str]:
    """Names of the fields in which 2Checkout shows anything but the placeholder, or an echo of it."""
    shown = {name: normalise(name, remote.get(name)) for name in PLACEHOLDERS}
    return frozenset(
        name
        for name, placeholder in PLACEHOLDERS.items()
        if shown[name] and not (placeholder and may_be_echo(name, placeholder, shown[name]))
    )


def placeholders(remote: Mapping[str, Any]) -> dict[str, object]:
    """The body of the update: the object just fetched, with the placeholders over it."""
    kept = {
        name: value
        for name, value in remote.items()
        if name in DOCUMENTED and name not in NEVER_SENT and value not in (None, "", [])
    }
    return RedactedDict({**kept, **PLACEHOLDERS})


def _delete_cards(claim: Claim, client: TwoCheckoutClient, result: Result, reference: str, cards: list[Card]) -> int:
    """Delete these cards. Notes those that stay, and why. Returns the number of the deleted ones."""
    deleted = unclear = 0
    refused: list[str] = []
    for card in cards:
        if not card.token:
            refused.append("")
            continue
        try:
            with send_by(claim.send_by):
                client.delete_card(reference, card.token)
            deleted += 1
        except NotFound:
            deleted += 1
        except CardNotDeleted as refusal:
            refused.append(_code(refusal))
        except UnreadableAnswer as answer:
            if (answer.status or 200) >= 300:
                raise
            unclear += 1
    if unclear:
        # The answer did not say whether it was deleted, so the list has to say it.
        now = cards_of(client.retrieve_customer(reference, include_payment_data=True), reference)
        if len(now) > len(refused):
            raise UnreadableAnswer(
                "2Checkout's answer does not say whether a card was deleted, and it is still listed."
            )
    result.kept += _kept_cards(refused)
    return deleted + unclear


def _code(refusal: CardNotDeleted) -> str:
    """2Checkout's code for the refusal, without its words: they may quote anything."""
    codes = [refusal.code, *(reason.code for reason in refusal.reasons)]
    named = (code_of(RequestRejected(code=code)) for code in codes if code)
    return next((code for code in named if code != RequestRejected.__name__), str(refusal.status or ""))


def _kept_cards(refused: list[str]) -> list[str]:
    """In words, which cards stay and why. A blank stands for a card without a token."""
    kept = []
    for code in dict.fromkeys(refused):
        number = refused.count(code)
        cards = "1 card" if number == 1 else f"{number} cards"
        kept.append(
            f"{cards}, because 2Checkout refused to delete it ({code})"
            if code and number == 1
            else f"{cards}, because 2Checkout refused to delete them ({code})"
            if code
            else f"{cards}, because 2Checkout gave no token to delete {'it' if number == 1 else 'them'} with"
        )
    return kept
