"""Fetches a customer's cards with their transient tokens, and deletes a card: between the doors and the client.

No token is stored. :mod:`..engine.card_tokens` knows where the tokens come from.

https://docs.2checkout.com/api-reference/reference/customers
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..client import TwoCheckoutClient
from ..conf import conf
from ..engine import circuit_breaker, claims, history, reconcile, report
from ..engine.batch import run_one
from ..engine.card_tokens import cards_of, with_tokens
from ..engine.guard import run_guarded
from ..engine.operations import PULL
from ..engine.records import Claim, Result, Settled
from ..engine.sources import released_on_error
from ..exceptions import NotFound, TwoCheckoutError, UnreadableAnswer
from ..models import Customer, Source, Verb
from ..redaction import RedactedDict, redact_frames, without_frames
from ..wire import Card
from . import one


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
        return with_tokens(client, reference, client.retrieve_customer(reference, include_payment_data=True), row)


@redact_frames
def delete_card(
    customer: Customer, token: str, *, card: str = "", source: Source = Source.CODE, user: object = ""
) -> None:
    """Delete the card behind this token at 2Checkout, then pull the row, so that its list of cards is right again.

    A missing card counts as deleted. *card* (its type and last digits, never its token), *source* and *user* (a primary
    key) are for the history. Raises CardNotDeleted with 2Checkout's reasons, CustomerBusy, NotFound for a customer
    unknown to 2Checkout, another TwoCheckoutError, ConfigurationError, or RuntimeError inside a transaction.
    """
    secret = RedactedDict(token=token)
    del token  # an error report must not show it in this frame or the next
    claim, client = one.claim_or_busy(customer, Verb.PULL, source, user)
    with released_on_error([claim]):
        circuit_breaker.confirmed_state(claim.database, claim.account)

    def delete(claim: Claim, client: TwoCheckoutClient) -> Result:
        result = Result(claim.reference, claim.in_doubt)
        try:
            reference = one.known_reference(claim.reference)
            try:
                client.delete_card(reference, secret["token"])
            except NotFound:
                pass  # a missing card is a deleted one
            except UnreadableAnswer as unclear:
                if (unclear.status or 200) >= 300 or _is_there(claim, client, reference, secret):
                    raise
        except TwoCheckoutError as error:
            result.error = without_frames(error)
        return result

    deleted = run_guarded(delete, claim, client)
    line = history.deletion(claim, deleted, card)
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
    now = cards_of(client.retrieve_customer(reference, include_payment_data=True), reference)
    if any(other.token == card["token"] for other in now):
        return True
    before = claim.owned["existing_cards"]
    if not now or (isinstance(before, list) and len(now) < len(before)):
        return False
    try:
        return not client.delete_card(reference, card["token"])
    except NotFound:
        return False
