"""Finds out whether a refusal means that 2Checkout has no such customer, where it is not answered as a 404.

Between :mod:`.reconcile` and the client. Such an answer is believed on evidence only: the same answer comes for a
customer that nobody can have, and a customer that 2Checkout has is shown.
"""

from __future__ import annotations

import secrets
from typing import Any

from ..client import TwoCheckoutClient
from ..exceptions import AuthenticationFailed, CardNotDeleted, NotFound, NotSent, RequestRejected, UnreadableAnswer
from ..models import Verb, new_external_reference
from ..redaction import RedactedDict
from .records import Claim, Result

_TO_A_PERSON = "Perhaps 2Checkout does not have this customer; if a person pushes it, it is created."

#: Status and code of a refusal.
NoneAnswer = tuple[int | None, str]


def shown_as_none(refusal: RequestRejected, claim: Claim, client: TwoCheckoutClient, result: Result) -> bool:
    """Whether this refusal of a GET is what 2Checkout answers for a customer that it does not have.

    Where no other customer is known to be there, only a person who pushes this one decides so, and only for a create.
    Raises TwoCheckoutError if it cannot be found out now.
    """
    apart = AuthenticationFailed | CardNotDeleted | NotSent
    if isinstance(refusal, apart) or refusal.status is None or not 400 <= refusal.status < 500:
        return False
    answer = (refusal.status, refusal.code)
    if result.none_answer is None and _refusal_of(_impossible(claim), client) == answer:
        if claim.another is not None:
            decided = _refusal_of(claim.another, client) is None
        else:
            decided = claim.by_person and claim.reference is None
            if not decided and claim.verb is not Verb.ERASE:
                refusal.vendor_message = f"{_TO_A_PERSON} {refusal.vendor_message}".strip()
        result.none_answer = answer if decided else None
    return result.none_answer == answer


def fetch_or_none(
    claim: Claim, client: TwoCheckoutClient, result: Result, reference: str, *, cards: bool = False
) -> RedactedDict[str, Any] | None:
    """2Checkout's object under this reference. None only if 2Checkout clearly has none. *cards*: with the cards."""
    try:
        return RedactedDict(client.retrieve_customer(reference, include_payment_data=cards))
    except NotFound:
        return None
    except RequestRejected as refusal:
        if shown_as_none(refusal, claim, client, result):
            return None
        raise


def _impossible(claim: Claim) -> str:
    """A reference that no customer has, of the kind that was asked for."""
    return str(9 * 10**14 + secrets.randbelow(10**14)) if claim.reference else new_external_reference()


def _refusal_of(reference: str, client: TwoCheckoutClient) -> NoneAnswer | None:
    """How 2Checkout refuses to show the customer with this reference. None if it shows it."""
    try:
        shown = client.retrieve_customer(reference)
    except RequestRejected as refusal:
        return refusal.status, refusal.code
    if shown.get("CustomerReference") != reference:
        raise UnreadableAnswer("2Checkout answered with another customer than the one asked for.")
    return None
