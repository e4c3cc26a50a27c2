"""Talks to 2Checkout about one customer: look up, create, fetch, merge, update. The vendor's side of every push and
pull.

Works on a :class:`Claim`, which is plain data, and returns an :class:`Outcome`; it never touches the database, so it
may run in any thread. What was learnt before an error stays in the outcome.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..client import TwoCheckoutClient
from ..conf import conf
from ..exceptions import (
    AuthenticationFailed,
    NotFound,
    NotSent,
    RequestRejected,
    TransientError,
    TwoCheckoutError,
    UnreadableAnswer,
)
from ..merge import Merge, Winner, differing, laid_over, merge
from ..serializers import Theirs, check_sendable, in_their_names, read

#: The longest exchange: look up, create, look up again, update. A lease must outlive it.
MOST_REQUESTS = 4

_OURS = "ExternalCustomerReference"


@dataclass(frozen=True)
class Claim:
    """A row in our hands: its values as they were claimed, and the proof that it is ours."""

    pk: Any
    database: str
    lease: str
    #: No request that writes may begin after this moment of the monotonic clock, lest it outlive the lease.
    write_until: float
    revision: int
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
    #: What 2Checkout last acknowledged, as the row keeps it.
    acknowledged: dict[str, Any]
    #: Pushes begun before whose end is unknown, as the row keeps them.
    doubts: list[dict[str, Any]]
    #: These and this one, noted on the row before anything is sent.
    noted: list[dict[str, Any]]

    @cached_property
    def tried(self) -> list[dict[str, Any]]:
        return [in_their_names(doubt) for doubt in self.doubts]

    @cached_property
    def base(self) -> dict[str, Any]:
        """What to compare with: the acknowledged values, or those that a create in doubt was first tried with."""
        base = in_their_names(self.acknowledged)
        return self.tried[0] if not base and self.tried and self.reference is None else base


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
    #: Names of the fields that 2Checkout took from us.
    sent: frozenset[str] = frozenset()
    error: TwoCheckoutError | None = None

    @property
    def adopted(self) -> dict[str, str]:
        """Attributes and values that the row takes over."""
        return self.theirs.adopted(self.merged.adopt) if self.merged and self.theirs else {}


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


def pull(claim: Claim, client: TwoCheckoutClient) -> Outcome:
    """Fetch 2Checkout's values for our row. Sends nothing; what changed only here stays as it is."""
    outcome = Outcome(claim.reference, claim.doubts)
    try:
        remote = client.retrieve_customer(claim.reference) if claim.reference else _find(claim, client)
        if remote is None:
            raise NotFound("2Checkout does not have this customer yet.")
        # Where nothing was ever acknowledged nobody can tell who changed; asked for their values, theirs count.
        _theirs, outcome.merged = _compare(claim, outcome, remote, conf.CONFLICT if claim.base else "remote")
        outcome.base = outcome.merged.remote
    except TwoCheckoutError as error:
        outcome.error = error
    return outcome


def _create(claim: Claim, client: TwoCheckoutClient, outcome: Outcome) -> None:
    """Create the customer, unless an earlier try that ended unclear turns out to have done it."""
    check_sendable(claim.local, claim.local)
    if claim.doubts:
        found = _find(claim, client)
        if found is not None:
            return _merge_and_update(claim, client, outcome, found)
        outcome.in_doubt = []  # none of them was carried out
    information = {name: value for name, value in claim.local.items() if value}
    _check_time(claim)
    outcome.in_doubt = [claim.values]
    try:
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
    merged = merge(claim.base, claim.local, remote, tried=claim.tried, conflict=winner)
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
    _check_time(claim)
    resolved, outcome.in_doubt = outcome.in_doubt, [*outcome.in_doubt, claim.values]
    try:
        client.update_customer(reference, body, conf.END_USER_UPDATE)
    except RequestRejected:
        outcome.in_doubt = resolved
        raise
    _agree(outcome, merged)


def _agree(outcome: Outcome, merged: Merge) -> None:
    """Both sides have the same values now."""
    outcome.merged, outcome.base, outcome.sent, outcome.in_doubt = merged, merged.result, merged.send, []


def _check_time(claim: Claim) -> None:
    """A request that writes must end before somebody else may take the row."""
    if time.monotonic() > claim.write_until:
        raise TransientError("Too little time was left to send it.")
