"""Compares rows with 2Checkout's objects for the admin's page and the command, and carries out a person's choices.

It uses the merge of a push.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from ..engine import reconcile
from ..engine.claims import peek
from ..engine.reading import read_each
from ..engine.records import Choices, Claim, Key, Result
from ..exceptions import TwoCheckoutError
from ..merge import Merge, normalise
from ..models import Customer, CustomerQuerySet, Source
from ..redaction import redact_frames, redacted_repr
from ..wire import ATTRIBUTES
from . import one
from .pull import pull_with
from .push import push

__all__ = ["ATTRIBUTES", "Difference", "Resolution", "compare", "compare_each", "resolve"]

#: Rows read together.
PORTION = 100

Changed = Literal["", "here", "there", "both"]


@dataclass(frozen=True)
class Difference:
    """One field, as three sides have it."""

    #: Its name in CustomerInformation, and in the model.
    name: str
    attribute: str
    ours: str
    #: The value that 2Checkout last acknowledged. None if it never acknowledged any.
    known: str | None
    #: 2Checkout's value now. None if it was not asked.
    theirs: str | None
    #: What 2Checkout shows instead of its value, if it changes texts on their way. None otherwise.
    shown: str | None
    #: The side of a change since the last acknowledgement.
    changed: Changed

    __repr__ = redacted_repr


@dataclass(frozen=True)
class Resolution:
    """The state of the fields after a person's choices, by CustomerInformation's names."""

    #: Our row has 2Checkout's value now.
    adopted: frozenset[str]
    #: Our value is to be sent. Empty without a choice to send.
    to_send: frozenset[str]
    #: Not done as chosen, because a value had changed since the choice.
    stale: frozenset[str]

    __repr__ = redacted_repr


@redact_frames
def compare(customer: Customer, *, ask: bool = True) -> list[Difference]:
    """Compare our row with 2Checkout, field by field, as a push does. Writes nothing.

    Without *ask*: compare only with the values that 2Checkout last acknowledged. Raises NotFound for a customer unknown
    to 2Checkout, another TwoCheckoutError, ConfigurationError, or DoesNotExist for a deleted row.
    """
    claim = next(iter(peek(one.row_of(customer))), None)
    if claim is None:
        raise Customer.DoesNotExist
    if not ask:
        return _differences(claim, None)
    client = one.confirmed_client(claim.database, claim.account)
    with one.fetching(client, claim.database, claim.account):
        result = reconcile.compare(claim, client)
        if result.error:
            raise result.error
    return _differences(claim, result.merged)


def compare_each(
    pks: Iterable[Key], account: str, *, database: str | None = None
) -> Iterator[tuple[Key, list[Difference] | TwoCheckoutError]]:
    """Compare those of these rows that are of this account with 2Checkout, side by side. Writes none of them.

    Yields each row's key with its fields, or with the error, in any order. Ends early while the account is paused.
    Raises ConfigurationError, or SendingStopped.
    """
    own = one.customers_in(database).filter(account=account)
    client = one.confirmed_client(own.db, account)
    for claim, result in read_each(_peeked(own, iter(pks)), client, own.db, account):
        yield claim.pk, result.error or _differences(claim, result.merged)


def _peeked(customers: CustomerQuerySet, pks: Iterator[Key]) -> Iterator[Claim]:
    """The rows with these keys, read in portions: each shortly before it is compared."""
    while some := list(islice(pks, PORTION)):
        yield from peek(customers.filter(pk__in=some))


def _differences(claim: Claim, merged: Merge | None) -> list[Difference]:
    base = {name: normalise(name, claim.base.get(name)) for name in claim.local} if claim.base else None
    return [_difference(name, claim, base, merged) for name in claim.local]


def _difference(name: str, claim: Claim, base: Mapping[str, str] | None, merged: Merge | None) -> Difference:
    ours, acknowledged = normalise(name, claim.local[name]), base[name] if base else None
    changed: Changed = ""
    if merged is None:
        changed = "here" if acknowledged is not None and ours != acknowledged else ""
    elif name in merged.conflicts:
        changed = "both"
    elif name in merged.send:
        changed = "here"
    elif name in merged.adopt:
        changed = "there"
    theirs, shown = (merged.remote[name], merged.shown.get(name)) if merged else (None, None)
    return Difference(name, ATTRIBUTES[name], ours, acknowledged, theirs, shown, changed)


@redact_frames
def resolve(customer: Customer, choices: Choices, *, source: Source = Source.CODE, user: object = "") -> Resolution:
    """Carry out a person's choices: adopt 2Checkout's values, or send ours.

    *choices*: by CustomerInformation's names. All other fields are treated as in :func:`.pull`. A choice to send pushes
    all differences. A choice is stale, and not carried out, if its values have changed since. Raises the errors of
    :func:`.pull`. The row holds the result of the push.
    """
    result = pull_with(customer, choices, source, user)
    resolution = _resolution(one.reload(customer), choices, result)
    if resolution.to_send:
        push(customer, source=source, user=user)
    return resolution


def _resolution(customer: Customer, choices: Choices, result: Result) -> Resolution:
    """The state of the fields, by the row after the comparison was settled."""
    merged = result.merged or Merge({}, {})
    # A save in the same moment wins over the value to adopt.
    adopted = {
        name for name in merged.adopt if normalise(name, getattr(customer, ATTRIBUTES[name])) == merged.remote[name]
    }
    to_send = set(merged.send) if "local" in result.chosen.values() else set()
    as_chosen = {name for name, winner in result.chosen.items() if name in (adopted if winner == "remote" else to_send)}
    return Resolution(frozenset(adopted), frozenset(to_send), frozenset(choices.keys() - as_chosen))
