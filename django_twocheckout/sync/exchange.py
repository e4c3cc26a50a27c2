"""Talks to 2Checkout about one customer: look up, create, fetch, merge, update. The vendor's side of every push and
pull.

Works on a :class:`Claim`, which is plain data, and returns an :class:`Outcome`; it never touches the database, so it
may run in any thread. What was learnt before an error stays in the outcome.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..client import TwoCheckoutClient
from ..conf import conf
from ..exceptions import AuthenticationFailed, NotFound, NotSent, RequestRejected, TwoCheckoutError, UnreadableAnswer
from ..merge import Merge, differing, laid_over, merge
from ..serializers import Theirs, check_sendable, read

#: The longest exchange: look up, create, look up again, update. A lease must outlive it.
MOST_REQUESTS = 4

_OURS = "ExternalCustomerReference"


@dataclass(frozen=True)
class Claim:
    """A row in our hands: its values as they were claimed, and the proof that it is ours."""

    pk: Any
    database: str
    lease: str
    revision: int
    tries: int
    #: 2Checkout's reference; None while it is not known.
    reference: str | None
    #: A create was begun before, and how it ended is unknown.
    create_tried: bool
    #: Our values, in CustomerInformation's own names.
    local: dict[str, str]
    #: What 2Checkout last acknowledged; while a create is in doubt, what it was tried with.
    base: dict[str, str]


@dataclass
class Outcome:
    """What came of an exchange, and what the row should know of it."""

    reference: str | None
    create_tried: bool
    base: dict[str, str]
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
    outcome = _nothing_yet(claim)
    try:
        if claim.reference is None:
            _create(claim, client, outcome)
        elif changed := differing(claim.local, claim.base):
            check_sendable(claim.local, changed)
            if conf.READ_BEFORE_WRITE:
                _merge_and_update(claim, client, outcome, client.retrieve_customer(claim.reference))
            else:
                _update(client, outcome, claim.reference, claim.local, Merge(claim.local, claim.base, send=changed))
        else:
            _agree(outcome, Merge(claim.local, claim.local))
    except TwoCheckoutError as error:
        outcome.error = error
    return outcome


def pull(claim: Claim, client: TwoCheckoutClient) -> Outcome:
    """Fetch 2Checkout's values for our row. Sends nothing; what changed only here stays as it is."""
    outcome = _nothing_yet(claim)
    try:
        if claim.reference is not None:
            remote: Mapping[str, Any] | None = client.retrieve_customer(claim.reference)
        else:
            remote = _look_up(client, _reference_tried(claim))
        if remote is None:
            raise NotFound("2Checkout does not have this customer yet.")
        # Where nothing was ever acknowledged nobody can tell who changed; asked for their values, theirs count.
        _recognise(claim, outcome, remote)
        outcome.merged = merge(claim.base, claim.local, remote, conflict=conf.CONFLICT if claim.base else "remote")
        outcome.base = outcome.merged.remote
    except TwoCheckoutError as error:
        outcome.error = error
    return outcome


def _nothing_yet(claim: Claim) -> Outcome:
    return Outcome(claim.reference, claim.create_tried, claim.base)


def _create(claim: Claim, client: TwoCheckoutClient, outcome: Outcome) -> None:
    """Create the customer, unless an earlier try that ended unclear turns out to have done it."""
    check_sendable(claim.local, claim.local)
    if claim.create_tried:
        found = _look_up(client, _reference_tried(claim))
        if found is not None:
            return _merge_and_update(claim, client, outcome, found)
    outcome.create_tried = True
    information = {name: value for name, value in claim.local.items() if value}
    try:
        reference = client.create_customer(information)
    except RequestRejected as refusal:
        outcome.create_tried, outcome.base = False, {}
        if isinstance(refusal, AuthenticationFailed | NotSent):
            raise
        # Refused perhaps because our reference exists over there. 2Checkout documents no code for that, so ask.
        try:
            found = _look_up(client, claim.local[_OURS])
        except TwoCheckoutError:
            outcome.create_tried = True
            raise refusal from None
        if found is None:
            raise
        return _merge_and_update(claim, client, outcome, found)
    outcome.reference = reference
    return _agree(outcome, Merge(claim.local, {}, send=frozenset(information)))


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


def _reference_tried(claim: Claim) -> str:
    """Our reference as 2Checkout may know it: the one that an unclear create was tried with."""
    return claim.base.get(_OURS) or claim.local[_OURS]


def _merge_and_update(claim: Claim, client: TwoCheckoutClient, outcome: Outcome, remote: Mapping[str, Any]) -> None:
    """Merge with the object just fetched, and update it where it has to follow us."""
    theirs = _recognise(claim, outcome, remote)
    merged = merge(outcome.base, claim.local, remote, conflict=conf.CONFLICT)
    if merged.send:
        _update(client, outcome, theirs.reference, laid_over(remote, merged.result), merged)
    else:
        _agree(outcome, merged)


def _recognise(claim: Claim, outcome: Outcome, remote: Mapping[str, Any]) -> Theirs:
    """Read the object, and note that 2Checkout has it; UnreadableAnswer if it is another customer's."""
    theirs = read(remote)
    if not theirs.reference or theirs.reference != (claim.reference or theirs.reference):
        raise UnreadableAnswer("2Checkout answered with another customer than the one asked for.")
    outcome.theirs, outcome.reference, outcome.create_tried = theirs, theirs.reference, False
    return theirs


def _update(
    client: TwoCheckoutClient, outcome: Outcome, reference: str, body: Mapping[str, Any], merged: Merge
) -> None:
    client.update_customer(reference, body, conf.END_USER_UPDATE)
    _agree(outcome, merged)


def _agree(outcome: Outcome, merged: Merge) -> None:
    """Both sides have the same values now."""
    outcome.merged, outcome.base, outcome.sent, outcome.create_tried = merged, merged.result, merged.send, False
