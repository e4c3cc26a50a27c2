"""Brings one claimed row and 2Checkout together, between claim and decision: look up, create, fetch, merge, update.

It works on a :class:`.Claim`, plain data, and returns a :class:`.Result`. It never uses the database, so it may run in
any thread. After an error, the result keeps everything learnt before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

from ..client import TooLate, TwoCheckoutClient, send_by
from ..conf import conf
from ..echoes import may_be_echo
from ..exceptions import (
    AuthenticationFailed,
    NotFound,
    NotSent,
    RequestRejected,
    TwoCheckoutError,
)
from ..merge import EXTERNAL, Merge, Winner, changed_fields, merge, missing, normalise, request_body
from ..models import Presence, Verb
from ..redaction import RedactedDict, without_frames
from ..wire import DOCUMENTED, RemoteCustomer, check_sendable, is_text, parse_of
from . import images
from .evidence import fetch_or_none, shown_as_none
from .records import Choices, Claim, Result

UNKNOWN_THERE = "2Checkout does not have this customer yet."

_NO_CHOICES: Choices = MappingProxyType({})

#: 2Checkout's object as the client returns it.
RemoteObject = Mapping[str, Any]


def push(claim: Claim, client: TwoCheckoutClient) -> Result:
    """Bring 2Checkout to our values: create, or fetch, merge and update. Sends nothing if nothing differs."""
    result = Result(claim.reference, claim.in_doubt)
    try:
        if claim.reference is None:
            _create(claim, client, result)
            return result
        changed = changed_fields(claim.local, claim.base)
        check_sendable(claim.local, changed)
        if claim.in_doubt or claim.gone or claim.pull_asked or (changed and conf.of(claim.account).READ_BEFORE_WRITE):
            _merge_and_update(claim, client, result, _fetch(claim, client, result))
        elif changed:
            _update_unread(claim, client, result, claim.reference, changed)
        else:
            _agree(result, Merge(claim.local, claim.local))
    except TwoCheckoutError as error:
        result.error = without_frames(error)
    return result


def pull(
    claim: Claim, client: TwoCheckoutClient, choices: Choices = _NO_CHOICES, conflict: Winner | None = None
) -> Result:
    """Fetch 2Checkout's values for our row. Sends nothing. A change only here stays.

    *choices*: the winner of single fields. A choice counts while both sides have the values of its moment. *conflict*:
    the winner of fields that changed on both sides, instead of the setting.
    """
    result = Result(claim.reference, claim.in_doubt)
    try:
        remote = _fetch(claim, client, result)
        # Without acknowledged values the side of a change is unknown. The caller wants 2Checkout's values, so these
        # win.
        winner: Winner = (conflict or conf.of(claim.account).CONFLICT) if claim.base else "remote"
        _parsed, result.merged = _merge(claim, result, remote, winner, choices)
        result.base = result.merged.remote
    except TwoCheckoutError as error:
        result.error = without_frames(error)
    return result


def link(claim: Claim, client: TwoCheckoutClient, reference: str) -> Result:
    """As :func:`pull`, but of the customer with this reference of 2Checkout's, whichever the row had before.

    Its external reference becomes ours, or none.
    """
    # What was sent before was sent to another customer, or to this one.
    result = pull(replace(claim, reference=reference, in_doubt=[]), client)
    if result.merged and result.remote:
        merged, external = result.merged, result.remote.shared.get("external_customer_reference", "")
        if merged.result[EXTERNAL] != external or EXTERNAL in merged.send:
            values = RedactedDict({**merged.result, EXTERNAL: external})
            result.merged = replace(
                merged, result=values, send=merged.send - {EXTERNAL}, adopt=merged.adopt | {EXTERNAL}
            )
        result.base = RedactedDict({**merged.remote, EXTERNAL: external})
    return result


def compare(claim: Claim, client: TwoCheckoutClient) -> Result:
    """Fetch 2Checkout's values and compare, as a push does. Sends nothing, and nothing of it is to be written."""
    result = Result(claim.reference, claim.in_doubt)
    try:
        remote = _fetch(claim, client, result)
        _parsed, result.merged = _merge(claim, result, remote, conf.of(claim.account).CONFLICT)
    except TwoCheckoutError as error:
        result.error = without_frames(error)
    return result


def _fetch(claim: Claim, client: TwoCheckoutClient, result: Result) -> RemoteObject:
    """2Checkout's object. Raises NotFound without one, and notes where a customer is gone."""
    if claim.reference is None:
        if found := find(claim, client, result):
            return found
        raise NotFound(UNKNOWN_THERE)
    try:
        cards = claim.reads_cards and "existing_cards" not in conf.EXCLUDE_FIELDS
        return RedactedDict(client.retrieve_customer(claim.reference, include_payment_data=cards))
    except NotFound:
        result.presence = Presence.GONE
        raise
    except RequestRejected as refusal:
        if not shown_as_none(refusal, claim, client, result):
            raise
        result.presence, words = Presence.GONE, refusal.vendor_message
        raise NotFound(str(refusal), status=refusal.status, code=refusal.code, vendor_message=words) from None


def _create(claim: Claim, client: TwoCheckoutClient, result: Result) -> None:
    """Create the customer, unless 2Checkout has it. Looked up first, unless 2Checkout cannot have it yet."""
    check_sendable(claim.local, claim.local)
    if claim.in_doubt or not claim.untried:
        found = find(claim, client, result)
        if found is not None:
            return _merge_and_update(claim, client, result, found)
        result.in_doubt = []  # none of them was carried out
    body = RedactedDict({name: value for name, value in claim.local.items() if value})
    try:
        with send_by(claim.send_by):
            result.in_doubt = [claim.values]
            reference = client.create_customer(body)
    except RequestRejected as refusal:
        result.in_doubt = []
        if isinstance(refusal, AuthenticationFailed | NotSent):
            raise
        # Perhaps refused because our reference exists at 2Checkout. The vendor documents no code for that, so look it
        # up.
        try:
            found = _look_up(claim, client, result, claim.local[EXTERNAL])
        except TwoCheckoutError:
            result.in_doubt = [claim.values]
            raise refusal from None
        if found is None:
            raise
        return _merge_and_update(claim, client, result, found)
    result.reference = reference
    images.after_create(claim, result)
    return _agree(result, Merge(claim.local, {}, send=frozenset(body)))


def find(claim: Claim, client: TwoCheckoutClient, result: Result) -> RemoteObject | None:
    """The customer under any reference of an earlier create, or else under ours."""
    for reference in dict.fromkeys(state.get(EXTERNAL) for state in [*reversed(claim.in_doubt_wire), claim.local]):
        if reference and (found := _look_up(claim, client, result, reference)):
            return found
    return None


def _look_up(claim: Claim, client: TwoCheckoutClient, result: Result, reference: str) -> RemoteObject | None:
    """The customer under our reference. None only if 2Checkout clearly has none."""
    remote = fetch_or_none(claim, client, result, reference)
    # Both kinds of reference share one place in the address, so the answer may be about another customer.
    if remote is not None and remote.get(EXTERNAL) != reference:
        raise RequestRejected("Looked up by our reference, 2Checkout answered with a customer that does not carry it.")
    return remote


def _merge_and_update(claim: Claim, client: TwoCheckoutClient, result: Result, remote: RemoteObject) -> None:
    """Merge with the object just fetched, and update it if it has to follow us."""
    theirs, merged = _merge(claim, result, remote, conf.of(claim.account).CONFLICT)
    if merged.send:
        _update(claim, client, result, theirs.reference, _body(remote, theirs, merged), merged)
    else:
        _agree(result, merged)


def _body(remote: RemoteObject, theirs: RemoteCustomer, merged: Merge) -> dict[str, object]:
    """The body of an update: only CustomerInformation's documented fields.

    An unknown field may describe a state of the customer, and sending it back could change that state. 2Checkout's text
    stays if it cannot be stored here, unless ours was changed, or unless it has characters that are no text, or unless
    it may be an echo of ours.
    """
    remote = RedactedDict({name: value for name, value in remote.items() if name in DOCUMENTED})
    stays = {
        name
        for name in theirs.unreadable - merged.send
        if is_text(remote.get(name)) and not may_be_echo(name, merged.result.get(name, ""), remote[name])
    }
    agreed = RedactedDict({name: value for name, value in merged.result.items() if name not in stays})
    return RedactedDict(request_body(remote, agreed))


def _merge(
    claim: Claim, result: Result, remote: RemoteObject, winner: Winner, choices: Choices = _NO_CHOICES
) -> tuple[RemoteCustomer, Merge]:
    """Parse and merge the object, and keep the certain facts. Raises UnreadableAnswer for another customer's object."""
    theirs = parse_of(remote, claim.reference)
    if not claim.by_person or claim.verb is not Verb.PUSH:
        theirs.require_identity()
    if not claim.reads_cards:
        theirs.owned.pop("existing_cards", None)  # listed in full only on request
    merge_with = partial(
        merge,
        claim.base,
        claim.local,
        theirs.readable(remote),
        in_doubt=claim.in_doubt_wire,
        shown=claim.shown,
        first_read=images.first_read(claim),
        replaced=images.replaced(claim),
    )
    result.chosen = _valid_choices(claim, merge_with, choices)
    merged = merge_with(conflict=winner, chosen=result.chosen)
    images.after_read(claim, result, merged)
    # The fetched object resolves all values in doubt, and they are part of the base.
    result.remote, result.reference, result.base, result.in_doubt = theirs, theirs.reference, merged.base, []
    result.conflicts, result.presence = merged.conflicts, Presence.THERE
    return theirs, merged


def _valid_choices(claim: Claim, merge_with: Callable[..., Merge], choices: Choices) -> dict[str, Winner]:
    """The winners of the choices that still fit both sides' values. A blank without meaning cannot win."""
    if not choices:
        return {}
    # That the row has no reference of ours is nothing to send.
    choices = {name: one for name, one in choices.items() if one.winner == "remote" or name != EXTERNAL or one.ours}
    chosen = {name: choice.winner for name, choice in choices.items()}
    merged = merge_with(chosen=chosen)
    return {
        name: choice.winner
        for name, choice in choices.items()
        if (normalise(name, claim.local[name]), merged.remote[name]) == (choice.ours, choice.theirs)
        and not (choice.winner == "remote" and name in merged.send)
    }


def _update(
    claim: Claim, client: TwoCheckoutClient, result: Result, reference: str, body: RemoteObject, merged: Merge
) -> None:
    before = result.in_doubt
    check_sendable(body, missing(body))
    try:
        with send_by(claim.send_by):
            result.in_doubt, result.updated = [*before, claim.values], True
            client.update_customer(reference, body, conf.of(claim.account).END_USER_UPDATE)
    except RequestRejected:
        result.in_doubt, result.updated = before, False
        raise
    except TooLate:
        result.updated = False
        raise
    images.after_update(claim, result, merged)
    _agree(result, merged)


def _update_unread(
    claim: Claim, client: TwoCheckoutClient, result: Result, reference: str, changed: frozenset[str]
) -> None:
    """Update from our row alone."""
    body = RedactedDict({name: value for name, value in claim.local.items() if value or name != EXTERNAL})
    try:
        _update(claim, client, result, reference, body, Merge(claim.local, claim.base, send=changed))
    except NotFound:
        result.presence = Presence.GONE
        raise


def _agree(result: Result, merged: Merge) -> None:
    """Both sides have the same values now."""
    result.merged, result.base, result.sent, result.in_doubt = merged, merged.result, merged.send, []
    result.presence = Presence.THERE
