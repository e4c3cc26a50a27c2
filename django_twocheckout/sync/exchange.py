"""Talks to 2Checkout about one customer: look up, create, fetch, merge, update. The vendor's side of every push and
pull.

Works on a :class:`Claim`, which is plain data, and returns an :class:`Outcome`; it never touches the database, so it
may run in any thread. What was learnt before an error stays in the outcome.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

from ..client import TwoCheckoutClient
from ..conf import conf
from ..exceptions import (
    AuthenticationFailed,
    NotFound,
    NotSent,
    RequestRejected,
    TwoCheckoutError,
    UnreadableAnswer,
)
from ..merge import Merge, Winner, differing, laid_over, merge, normalise
from ..serializers import Theirs, check_sendable, in_their_names, read
from ..transport import leaving_until

logger = logging.getLogger("twocheckout")

#: The longest exchange: look up, create, look up again, update. A lease must outlive it.
MOST_REQUESTS = 4

_OURS = "ExternalCustomerReference"

UNKNOWN_THERE = "2Checkout does not have this customer yet."


@dataclass(frozen=True)
class Claim:
    """A row in our hands: its values as they were claimed, and the proof that it is ours."""

    pk: Any
    database: str
    lease: str
    #: An exchange not begun by this moment of the monotonic clock goes back.
    begin_until: float
    #: No byte of a request that writes may leave after this moment, lest it outlive the lease.
    write_until: float
    tries: int
    #: What it was claimed for: to push, or to pull.
    to_push: bool
    #: Whether it was waiting to be pushed.
    pending: bool
    #: 2Checkout's reference; None while it is not known.
    reference: str | None
    #: Our values, in CustomerInformation's own names.
    local: dict[str, str]
    #: The same as the row keeps them.
    values: dict[str, Any]
    #: The row's values of what 2Checkout alone writes.
    owned: dict[str, Any]
    #: What 2Checkout last acknowledged, as the row keeps it.
    acknowledged: dict[str, Any]
    #: Pushes begun before whose end is unknown, as the row keeps them.
    doubts: list[dict[str, Any]]
    #: Who asked, for the history.
    source: str
    user: str = ""

    @property
    def noted(self) -> list[dict[str, Any]]:
        """The doubts as they stand on the row since it was claimed, this push among them."""
        return [*self.doubts, self.values] if self.to_push and self.values not in self.doubts else self.doubts

    @cached_property
    def tried(self) -> list[dict[str, Any]]:
        return [in_their_names(doubt) for doubt in self.doubts]

    @cached_property
    def base(self) -> dict[str, Any]:
        """What to compare with: the acknowledged values, or those that a create in doubt was first tried with."""
        base = in_their_names(self.acknowledged)
        return self.tried[0] if not base and self.tried and self.reference is None else base


@dataclass(frozen=True)
class Choice:
    """Who shall win in a field, and the values that both sides had when a person chose so."""

    winner: Winner
    ours: str
    theirs: str


Choices = Mapping[str, Choice]


@dataclass
class Outcome:
    """What came of an exchange, and what the row should know of it."""

    reference: str | None
    #: Pushes that may have been carried out.
    in_doubt: list[dict[str, Any]]
    #: What both sides are known to have; None leaves the row's knowledge as it is.
    base: dict[str, str] | None = None
    #: The comparison to be settled; None if the exchange did not come to its end.
    merged: Merge | None = None
    #: 2Checkout's object, if it was fetched.
    theirs: Theirs | None = None
    #: Who wins in single fields, because a person said so.
    chosen: Mapping[str, Winner] = field(default_factory=dict)
    #: Names of the fields that 2Checkout took from us.
    sent: frozenset[str] = frozenset()
    error: TwoCheckoutError | None = None
    #: How many requests it took, the status of the last answer, and the seconds for all.
    requests: int = 0
    status: int | None = None
    seconds: float = 0.0

    @property
    def adopted(self) -> dict[str, str]:
        """Attributes and values that the row takes over."""
        return self.theirs.adopted(self.merged.adopt) if self.merged and self.theirs else {}


Talk = Callable[[Claim, TwoCheckoutClient], Outcome]


def safely(talk: Talk, claim: Claim, client: TwoCheckoutClient) -> Outcome:
    """Talk, and measure it; a mistake in our own code is this row's failure, tried again like any other, and never its
    neighbours'."""
    began, before = time.monotonic(), client.requests_sent
    try:
        outcome = talk(claim, client)
    except Exception as error:
        # The exception's own text may quote values, so only its kind and place are told.
        where = "".join(traceback.format_tb(error.__traceback__))
        facts = {"event": "bug", "customer": claim.pk}
        logger.error("customer %s: bug: %s\n%s", claim.pk, type(error).__name__, where, extra=facts)
        outcome = unclear(claim, f"A mistake in django-twocheckout: {type(error).__name__}")
    outcome.requests, outcome.seconds = client.requests_sent - before, time.monotonic() - began
    outcome.status = client.last_status if outcome.requests else None
    return outcome


def unclear(claim: Claim, words: str) -> Outcome:
    """The outcome of an exchange of which nobody knows how far it went; the next try looks it up."""
    return Outcome(claim.reference, claim.noted, error=TwoCheckoutError(words))


def push(claim: Claim, client: TwoCheckoutClient) -> Outcome:
    """Bring 2Checkout to our values: create, or fetch, merge and update. Sends nothing where nothing differs."""
    outcome = Outcome(claim.reference, claim.doubts)
    try:
        if claim.reference is None:
            _create(claim, client, outcome)
            return outcome
        changed = differing(claim.local, claim.base)
        check_sendable(claim.local, changed)
        if claim.doubts or (changed and conf.READ_BEFORE_WRITE):
            _merge_and_update(claim, client, outcome, client.retrieve_customer(claim.reference))
        elif changed:
            _update(claim, client, outcome, claim.reference, claim.local, Merge(claim.local, claim.base, send=changed))
        else:
            _agree(outcome, Merge(claim.local, claim.local))
    except TwoCheckoutError as error:
        outcome.error = error
    return outcome


@dataclass(frozen=True)
class Plan:
    """What a push would begin with."""

    customer: Any
    what: Literal["create", "look up", "update", "nothing", "refused"]
    #: Names of the fields that 2Checkout has not acknowledged.
    fields: list[str]
    #: Why it would not be sent.
    reason: str = ""

    def __str__(self) -> str:
        return f"customer {self.customer}: {self.what} {self.reason or ', '.join(self.fields)}".rstrip()


def plan(claim: Claim) -> Plan:
    """What :func:`push` would begin with, without asking 2Checkout."""
    new = claim.reference is None
    changed = frozenset(name for name, value in claim.local.items() if value) if new else None
    names = differing(claim.local, claim.base) if changed is None else changed
    try:
        check_sendable(claim.local, claim.local if new else names)
    except NotSent as refusal:
        return Plan(claim.pk, "refused", sorted(names), refusal.words)
    if claim.doubts:
        return Plan(claim.pk, "look up", sorted(names))
    return Plan(claim.pk, "create" if new else "update" if names else "nothing", sorted(names))


def pull(claim: Claim, client: TwoCheckoutClient, choices: Choices = MappingProxyType({})) -> Outcome:
    """Fetch 2Checkout's values for our row. Sends nothing; what changed only here stays as it is.

    *choices*: who wins in single fields, as long as both sides have the values that were seen when it was chosen.
    """
    outcome = Outcome(claim.reference, claim.doubts)
    try:
        remote = _fetch(claim, client)
        # Where nothing was ever acknowledged nobody can tell who changed; asked for their values, theirs count.
        winner: Winner = conf.CONFLICT if claim.base else "remote"
        seen = merge(claim.base, claim.local, remote, tried=claim.tried).remote
        outcome.chosen = {
            name: choice.winner
            for name, choice in choices.items()
            if (normalise(name, claim.local[name]), seen[name]) == (choice.ours, choice.theirs)
        }
        _theirs, outcome.merged = _compare(claim, outcome, remote, winner)
        outcome.base = outcome.merged.remote
    except TwoCheckoutError as error:
        outcome.error = error
    return outcome


def compare(claim: Claim, client: TwoCheckoutClient) -> Merge:
    """Fetch 2Checkout's values and compare, as a push would. Writes nothing; raises TwoCheckoutError."""
    return _compare(claim, Outcome(claim.reference, claim.doubts), _fetch(claim, client), conf.CONFLICT)[1]


def _fetch(claim: Claim, client: TwoCheckoutClient) -> Mapping[str, Any]:
    """2Checkout's object; NotFound where it has none."""
    remote = client.retrieve_customer(claim.reference) if claim.reference else _find(claim, client)
    if remote is None:
        raise NotFound(UNKNOWN_THERE)
    return remote


def _create(claim: Claim, client: TwoCheckoutClient, outcome: Outcome) -> None:
    """Create the customer, unless an earlier try that ended unclear turns out to have done it."""
    check_sendable(claim.local, claim.local)
    if claim.doubts:
        found = _find(claim, client)
        if found is not None:
            return _merge_and_update(claim, client, outcome, found)
        outcome.in_doubt = []  # none of them was carried out
    information = {name: value for name, value in claim.local.items() if value}
    try:
        with leaving_until(claim.write_until):
            outcome.in_doubt = [claim.values]
            reference = client.create_customer(information)
    except RequestRejected as refusal:
        outcome.in_doubt = []
        if isinstance(refusal, AuthenticationFailed | NotSent):
            raise
        # Refused perhaps because our reference exists over there. 2Checkout documents no code for that, so ask.
        try:
            found = _look_up(client, claim.local[_OURS])
        except TwoCheckoutError:
            outcome.in_doubt = [claim.values]
            raise refusal from None
        if found is None:
            raise
        return _merge_and_update(claim, client, outcome, found)
    outcome.reference = reference
    return _agree(outcome, Merge(claim.local, {}, send=frozenset(information)))


def _find(claim: Claim, client: TwoCheckoutClient) -> Mapping[str, Any] | None:
    """The customer under any reference that a create was tried with, or else under ours."""
    for reference in dict.fromkeys(state[_OURS] for state in reversed(claim.tried or [claim.local])):
        if found := _look_up(client, reference):
            return found
    return None


def _look_up(client: TwoCheckoutClient, reference: str) -> Mapping[str, Any] | None:
    """The customer under our reference; None only if 2Checkout clearly says that there is none."""
    try:
        remote = client.retrieve_customer(reference)
    except NotFound:
        return None
    # Both kinds of reference share one place in the address: the answer may be about somebody else's customer.
    if remote.get(_OURS) != reference:
        raise RequestRejected("Looked up by our reference, 2Checkout answered with a customer that does not carry it.")
    return remote


def _merge_and_update(claim: Claim, client: TwoCheckoutClient, outcome: Outcome, remote: Mapping[str, Any]) -> None:
    """Merge with the object just fetched, and update it where it has to follow us."""
    theirs, merged = _compare(claim, outcome, remote, conf.CONFLICT)
    if merged.send:
        _update(claim, client, outcome, theirs.reference, laid_over(remote, merged.result), merged)
    else:
        _agree(outcome, merged)


def _compare(claim: Claim, outcome: Outcome, remote: Mapping[str, Any], winner: Winner) -> tuple[Theirs, Merge]:
    """Read and compare the object, and note what is certain now; UnreadableAnswer if it is another customer's."""
    theirs = read(remote)
    if not theirs.reference or theirs.reference != (claim.reference or theirs.reference):
        raise UnreadableAnswer("2Checkout answered with another customer than the one asked for.")
    merged = merge(claim.base, claim.local, remote, tried=claim.tried, conflict=winner, chosen=outcome.chosen)
    # Whatever was in doubt shows now, and is part of what is known.
    outcome.theirs, outcome.reference, outcome.base, outcome.in_doubt = theirs, theirs.reference, merged.known, []
    return theirs, merged


def _update(
    claim: Claim,
    client: TwoCheckoutClient,
    outcome: Outcome,
    reference: str,
    body: Mapping[str, Any],
    merged: Merge,
) -> None:
    resolved = outcome.in_doubt
    try:
        with leaving_until(claim.write_until):
            outcome.in_doubt = [*resolved, claim.values]
            client.update_customer(reference, body, conf.END_USER_UPDATE)
    except RequestRejected:
        outcome.in_doubt = resolved
        raise
    _agree(outcome, merged)


def _agree(outcome: Outcome, merged: Merge) -> None:
    """Both sides have the same values now."""
    outcome.merged, outcome.base, outcome.sent, outcome.in_doubt = merged, merged.result, merged.send, []
