"""Decides, field by field, what is sent to 2Checkout and what is adopted from it: the pure middle of push and pull.

It knows only dictionaries in CustomerInformation's own names. There are three: *base*, last acknowledged by 2Checkout;
*local*, our row; *remote*, 2Checkout's object as just fetched. Only the fields of *local* take part.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from .echoes import may_be_echo
from .redaction import redacted_repr

Winner = Literal["local", "remote"]

#: 2Checkout requires these of each customer, so it has them, even if its answer leaves them blank.
REQUIRED = frozenset({"FirstName", "LastName", "Address1", "City", "Zip", "CountryCode", "Email"})
#: Our own reference. A customer that was taken over from 2Checkout without one is not told one.
EXTERNAL = "ExternalCustomerReference"
# 2Checkout sometimes leaves these blank in answers although they were set. So a blank is no statement here.
UNSTATED_WHEN_BLANK = REQUIRED | {"Language", EXTERNAL}
NEVER_SENT = frozenset({"CustomerReference", "AvangateCustomerReference", "ExistingCards"})


@dataclass(frozen=True)
class Merge:
    """The result of a comparison."""

    result: dict[str, str]
    """Every field as both sides have it after the changes are carried out."""
    remote: dict[str, str]
    """Every field as 2Checkout has it now. An echo of a value of ours counts as our value."""
    base: dict[str, str] = field(default_factory=dict)
    """Every field as 2Checkout had it before a change on its side, as far as we know: as acknowledged, or as we sent
    it."""
    send: frozenset[str] = frozenset()
    """Names of the fields to send."""
    adopt: frozenset[str] = frozenset()
    """Names of the fields to adopt from 2Checkout."""
    conflicts: frozenset[str] = frozenset()
    """Names of the fields with different changes on both sides."""
    shown: dict[str, str] = field(default_factory=dict)
    """The fields that 2Checkout shows otherwise than it has them, as it shows them."""
    untold: frozenset[str] = frozenset()
    """Names of the fields that 2Checkout did not state."""

    __repr__ = redacted_repr


def normalise(name: str, value: object) -> str:
    """The value for comparison.

    2Checkout's answers have nulls for blanks, numbers for texts, and countries in lower case. The case of a language is
    no difference either. Spaces alone count as blank where a blank is no statement.
    """
    text = "" if value is None else str(value)
    if name in UNSTATED_WHEN_BLANK and not text.strip():
        return ""
    if name == "Language":
        return text.lower() if text.isascii() else text
    return country_upper(text) if name == "CountryCode" else text


def country_upper(code: str) -> str:
    """The country's code in upper case. Unchanged if it is not ASCII: ``"ß".upper()`` would be South Sudan."""
    return code.upper() if code.isascii() else code


def changed_fields(local: Mapping[str, object], base: Mapping[str, object]) -> frozenset[str]:
    """Names of the fields of *local* with a value that 2Checkout has not acknowledged."""
    return frozenset(
        name
        for name in local
        if local[name] != base.get(name)
        and normalise(name, local[name]) != normalise(name, base.get(name))
        and not _is_untold(name, local[name])
    )


def _is_untold(name: str, value: object) -> bool:
    """Whether the row has no reference of ours, which is nothing to send."""
    return name == EXTERNAL and not normalise(name, value)


def merge(
    base: Mapping[str, object],
    local: Mapping[str, object],
    remote: Mapping[str, object],
    *,
    in_doubt: Sequence[Mapping[str, object]] = (),
    conflict: Winner = "local",
    chosen: Mapping[str, Winner] = MappingProxyType({}),
    shown: Mapping[str, str] = MappingProxyType({}),
    first_read: Collection[str] = (),
    replaced: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> Merge:
    """Compare three states of one customer: a change only here is sent, a change only there is adopted.

    *in_doubt* holds states that we may have sent, without a known result. A remote value among them is an older value
    of ours, and no change at 2Checkout. *conflict* names the winner where both sides changed differently. *chosen*
    names the winner of single fields, against all other rules. 2Checkout can win only with a value that it stated or
    acknowledged. With an empty *base* the side of a change is unknown: a blank then yields to a value, and two
    different values are a conflict.

    *shown* holds what 2Checkout showed instead of a value of *base* before: that is no change, and anything else is
    one. *first_read* names the fields that were sent and not read since: there, what may be an echo is no change.
    *replaced* holds what we overwrote a moment ago. 2Checkout may still show that, so it is no statement.
    """
    memory = _Memory(shown, first_read, replaced)
    result, theirs_now, theirs_before, images = (dict[str, str]() for _ in range(4))
    send, adopt, conflicts, untold = set[str](), set[str](), set[str](), set[str]()
    for name, value in local.items():
        ours = normalise(name, value)
        acknowledged, theirs, stated, image = _both_sides(name, ours, base, remote, in_doubt, memory)
        if not stated:
            untold.add(name)
        elif image != theirs:
            images[name] = image
        theirs_now[name], theirs_before[name], result[name] = theirs, acknowledged, ours
        if ours == theirs:
            continue
        changed_here, changed_there = ours != acknowledged and not _is_untold(name, ours), theirs != acknowledged
        if changed_here and changed_there:
            conflicts.add(name)
        if name in chosen and (chosen[name] == "local" or stated or theirs):
            follow_us = chosen[name] == "local"
        else:
            follow_us = changed_here and (not changed_there or conflict == "local")
        (send if follow_us else adopt).add(name)
        result[name] = ours if follow_us else theirs
    sent, adopted = frozenset(send), frozenset(adopt)
    return Merge(result, theirs_now, theirs_before, sent, adopted, frozenset(conflicts), images, frozenset(untold))


@dataclass(frozen=True)
class _Memory:
    """What is known of 2Checkout's manner to show values, for :func:`merge`."""

    shown: Mapping[str, str]
    first_read: Collection[str]
    replaced: Mapping[str, Collection[str]]

    __repr__ = redacted_repr

    def value_of(self, name: str, image: str, acknowledged: str | None, sent: Sequence[str]) -> str | None:
        """The value that 2Checkout has when it shows this. None if it shows what we overwrote."""
        replaced = self.replaced.get(name, ())
        if image in replaced:
            return None
        if image == acknowledged or image in sent:
            return image
        if acknowledged is not None and self.shown.get(name) == image:
            return acknowledged
        if any(may_be_echo(name, value, image) for value in replaced):
            return None
        # An update in doubt also had the unchanged fields. How these are shown is known.
        candidates = [value for value in sent if value != acknowledged]
        if acknowledged is not None and name in self.first_read:
            candidates.insert(0, acknowledged)
        return next((value for value in candidates if may_be_echo(name, value, image)), image)


def _both_sides(
    name: str,
    ours: str,
    base: Mapping[str, object],
    remote: Mapping[str, object],
    in_doubt: Sequence[Mapping[str, object]],
    memory: _Memory,
) -> tuple[str, str, bool, str]:
    """2Checkout's value before a change on its side, its value now, whether it stated the latter, and what it shows."""
    acknowledged, image = normalise(name, base.get(name)), normalise(name, remote.get(name))
    if image and image == acknowledged and name not in memory.replaced:
        return acknowledged, image, True, image
    sent = [normalise(name, state[name]) for state in in_doubt if name in state]
    theirs = None
    if image or (name in remote and name not in UNSTATED_WHEN_BLANK):
        theirs = memory.value_of(name, image, acknowledged if name in base else None, sent)
    stated = theirs is not None
    if theirs is None:
        # What we may have sent, 2Checkout may have.
        theirs = next((state for state in sent if state != ours), acknowledged)
    return theirs if theirs in sent else acknowledged, theirs, stated, image


def request_body(remote: Mapping[str, object], result: Mapping[str, str]) -> dict[str, object]:
    """The body of an update: 2Checkout's object as just fetched, overlaid with the agreed values.

    The vendor does not document whether an update replaces the object or is merged into it. So all fetched fields go
    back, unchanged ones in 2Checkout's own spelling. 2Checkout derives the reference and the cards, so they stay out.
    Fields without a value on both sides stay out too. A required field is never sent blank.
    """
    filled = {name: value for name, value in remote.items() if value not in (None, "", [])}
    body = {name: value for name, value in filled.items() if name not in NEVER_SENT}
    body |= {name: value for name, value in result.items() if normalise(name, body.get(name)) != value}
    return {name: value for name, value in body.items() if normalise(name, value) or name not in REQUIRED}


def missing(information: Mapping[str, object]) -> frozenset[str]:
    """Names of the required fields without a value."""
    return frozenset(name for name in REQUIRED if not normalise(name, information.get(name)))
