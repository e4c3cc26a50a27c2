"""Exports what is known of a customer, for the person who asks for it: the row, its history, and 2Checkout's object."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model
from django.utils import timezone

from ..conf import ConfigurationError
from ..engine import rate_limit
from ..engine.card_tokens import with_tokens
from ..exceptions import TwoCheckoutError
from ..models import Attempt, Customer
from ..redaction import RedactedDict, redact_frames
from . import one
from .notifications_overview import of_customer

#: The engine's own work, which says nothing about the person.
_WORK = frozenset("lease lease_expires_at changed_since_claim untried erased".split())
#: Who of the staff asked is not this person's.
_NOT_THEIRS = frozenset({"id", "customer", "user"})


@redact_frames
def export(customer: Customer) -> dict[str, Any]:
    """What is known of this customer, here and at 2Checkout now, as values for JSON.

    ``customer``: the row. ``history``: each attempt with 2Checkout. ``notifications``: 2Checkout's requests about it.
    ``at_2checkout``: 2Checkout's object, in its own names. ``cards``: those on file, without tokens. ``remote_error``:
    in words, why the last two are missing, for example while 2Checkout is down. Blank if they are not.

    Writes nothing. Raises DoesNotExist for a row that is gone. The project's own models are not among it.
    """
    row = one.row_of(customer).get()
    database = one.database_of(customer)
    remote, cards, problem = _remote(row, database)
    found = {
        "exported_at": timezone.now(),
        "customer": _values(row, _WORK),
        "history": _all(Attempt.objects.using(database).filter(customer=row.pk).order_by("pk")),
        "notifications": _all(of_customer(row).order_by("pk")),
        "at_2checkout": remote,
        "cards": cards,
        "remote_error": problem,
    }
    exported: dict[str, Any] = json.loads(json.dumps(found, cls=DjangoJSONEncoder))
    return RedactedDict(exported)


def _remote(row: Customer, database: str) -> tuple[dict[str, Any] | None, list[dict[str, Any]], str]:
    """2Checkout's object, its cards, and in words why they could not be read."""
    try:
        client = one.confirmed_client(database, row.account)
        reference = one.known_reference(row.customer_reference)
        before = client.requests_sent
        try:
            with one.fetching(client, database, row.account):
                information = RedactedDict(client.retrieve_customer(reference, include_payment_data=True))
                cards = with_tokens(client, reference, information, row)
        finally:
            rate_limit.reserve(database, row.account, client.requests_sent - before)
    except TwoCheckoutError as error:
        return None, [], f"2Checkout could not be read: {error.words}"
    except ConfigurationError as error:
        return None, [], f"2Checkout could not be read: {error}"
    listed: list[dict[str, Any]] = [
        RedactedDict({**card.stored(), "subscriptions": list(card.subscriptions)}) for card in cards
    ]
    return RedactedDict({name: value for name, value in information.items() if name != "ExistingCards"}), listed, ""


def _all(rows: Iterable[Model]) -> list[dict[str, Any]]:
    return [_values(row, _NOT_THEIRS) for row in rows]


def _values(row: Model, without: frozenset[str]) -> dict[str, Any]:
    return RedactedDict(
        {field.name: getattr(row, field.attname) for field in row._meta.concrete_fields if field.name not in without}
    )
