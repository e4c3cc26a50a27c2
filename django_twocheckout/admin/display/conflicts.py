"""The last conflict of a customer: which fields had changed on both sides, and whose values won. Never the values.

The panel, the list and the page that compares show it. The values themselves are read live, by that page alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ...models import Attempt, Customer, Presence, SyncState, Verb
from ...redaction import redacted_repr
from .fields import labels

#: Pushes after a conflict, for each customer, to read what was sent from.
LOOKED_AT = 20


@dataclass(frozen=True)
class Conflict:
    """When fields were last found changed on both sides, and what became of them, by their labels."""

    at: datetime
    fields: str
    #: Sent to 2Checkout since.
    ours: str
    #: Taken over from 2Checkout.
    theirs: str
    #: Neither, so that the next push decides.
    open: str

    __repr__ = redacted_repr


def last_conflict(customer: Customer) -> Conflict | None:
    """The last conflict that the customer's history knows."""
    return last_conflicts([customer]).get(customer.row_key)


def last_conflicts(customers: Iterable[Customer]) -> dict[int | str, Conflict]:
    """The last conflict of each of these customers of one database, by the row's key. At most two statements."""
    rows = {customer.row_key: customer for customer in customers}
    if not rows:
        return {}
    database = next(iter(rows.values()))._state.db
    # By key, the order in which they were written: the clock of a machine may step back.
    history = Attempt.objects.using(database).filter(customer__in=[*rows]).order_by("pk")
    last = {attempt.customer_id: attempt for attempt in history.exclude(conflicts="")}
    if not last:
        return {}
    # A person's choice is compared first, and pushed by an attempt of its own.
    pushes = history.filter(customer__in=[*last], pk__gte=min(one.pk for one in last.values()), verb=Verb.PUSH)
    sent: dict[int | str, set[str]] = {key: set() for key in last}
    for push in pushes.exclude(sent="")[: LOOKED_AT * len(last)]:
        if push.pk >= last[push.customer_id].pk:
            sent[push.customer_id] |= set(push.sent.split())
    return {key: _conflict(rows[key], attempt, sent[key]) for key, attempt in last.items()}


def _conflict(customer: Customer, attempt: Attempt, sent: set[str]) -> Conflict:
    fields = set(attempt.conflicts.split())
    theirs = fields & set(attempt.adopted.split())
    ours = fields & sent - theirs
    # Once both sides agree, nothing is left to decide, whatever became of the others.
    waits = customer.sync_state != SyncState.SYNCED and customer.presence == Presence.THERE
    undecided = fields - ours - theirs if waits else set[str]()
    return Conflict(attempt.at, *(labels(some) for some in (fields, ours, theirs, undecided)))
