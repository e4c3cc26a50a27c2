"""Plans pushes for the commands' ``--dry-run``: the first step of each, without a request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from ..engine.claims import peek
from ..engine.records import Claim, Key
from ..exceptions import NotSent
from ..merge import changed_fields
from ..redaction import redacted_repr
from ..wire import check_sendable
from .one import customers_in

#: Rows read together.
PORTION = 1000


@dataclass(frozen=True)
class Plan:
    """The first step of a push."""

    customer: Key
    what: Literal["create", "look up", "update", "nothing", "refused"]
    #: Names of the fields without 2Checkout's acknowledgement.
    fields: list[str]
    #: Why it would not be sent.
    reason: str = ""

    __repr__ = redacted_repr

    def __str__(self) -> str:
        return f"customer {self.customer}: {self.what} {self.reason or ', '.join(self.fields)}".rstrip()


def plans(pks: Iterable[Key], *, database: str | None = None) -> Iterator[Plan]:
    """The first step of a push of each row, as far as we know it without a request."""
    customers, remaining = customers_in(database), iter(pks)
    while some := list(islice(remaining, PORTION)):
        for claim in peek(customers.filter(pk__in=some, erased=False)):
            yield plan(claim)


def plan(claim: Claim) -> Plan:
    """The first step of a push of this row."""
    new = claim.reference is None
    filled = frozenset(name for name, value in claim.local.items() if value)
    names = filled if new else changed_fields(claim.local, claim.base)
    try:
        check_sendable(claim.local, claim.local if new else names)
    except NotSent as refusal:
        return Plan(claim.pk, "refused", sorted(names), refusal.words)
    if claim.in_doubt:
        return Plan(claim.pk, "look up", sorted(names))
    return Plan(claim.pk, "create" if new else "update" if names else "nothing", sorted(names))
