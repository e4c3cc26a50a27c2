"""Decides, field by field, what goes to 2Checkout and what comes from it: the middle of every push and pull.

Knows nothing but dictionaries in CustomerInformation's own names. Three of them meet here: *base*, what 2Checkout last
acknowledged; *local*, our row; *remote*, 2Checkout's object as just fetched. Only the fields of *local* take part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

Winner = Literal["local", "remote"]

# 2Checkout sometimes leaves these empty in its answers although they were set, so empty means "not told", not "erased".
NOT_TOLD_WHEN_BLANK = frozenset({"Language", "ExternalCustomerReference"})
NEVER_SENT = frozenset({"CustomerReference", "AvangateCustomerReference", "ExistingCards"})


@dataclass(frozen=True)
class Merge:
    """The outcome of a comparison."""

    result: dict[str, str]
    """Every field as both sides have it once the rest is carried out."""
    remote: dict[str, str]
    """Every field as 2Checkout has it now."""
    known: dict[str, str] = field(default_factory=dict)
    """Every field as 2Checkout had it before anybody there changed it, as far as is known: by its word, or as we sent
    it."""
    send: frozenset[str] = frozenset()
    """Names of the fields in which 2Checkout must follow us."""
    adopt: frozenset[str] = frozenset()
    """Names of the fields in which we must follow 2Checkout."""
    conflicts: frozenset[str] = frozenset()
    """Names of the fields that changed on both sides, and differently."""


def normalise(name: str, value: Any) -> str:
    """The value as it is compared: 2Checkout's echo has nulls for blanks, numbers for texts, and countries in lower
    case."""
    if value is None:
        return ""
    text = str(value)
    return text.upper() if name == "CountryCode" else text


def differing(local: Mapping[str, Any], base: Mapping[str, Any]) -> frozenset[str]:
    """Names of the fields of *local* that 2Checkout has not acknowledged with this value."""
    return frozenset(name for name in local if normalise(name, local[name]) != normalise(name, base.get(name)))


def merge(
    base: Mapping[str, Any],
    local: Mapping[str, Any],
    remote: Mapping[str, Any],
    *,
    tried: Sequence[Mapping[str, Any]] = (),
    conflict: Winner = "local",
    chosen: Mapping[str, Winner] = MappingProxyType({}),
) -> Merge:
    """Compare three states of one customer: changed only here is sent, changed only there is adopted.

    *tried* are states that we may have sent without learning the end of it: a remote value that is among them is our
    own older one, not a change over there. Where both sides changed, and differently, *conflict* names the winner.
    *chosen* names the winner of single fields, whoever changed them. With an empty *base* nobody can tell who changed:
    a blank then yields to a value, and two different values are a conflict.
    """
    result: dict[str, str] = {}
    seen: dict[str, str] = {}
    before: dict[str, str] = {}
    send: set[str] = set()
    adopt: set[str] = set()
    conflicts: set[str] = set()
    for name, value in local.items():
        ours, known, theirs = normalise(name, value), normalise(name, base.get(name)), normalise(name, remote.get(name))
        if not theirs and (name not in remote or name in NOT_TOLD_WHEN_BLANK):
            theirs = known
        seen[name] = theirs
        if any(name in state and theirs == normalise(name, state[name]) for state in tried):
            known = theirs
        before[name] = known
        if ours == theirs:
            result[name] = ours
            continue
        changed_here, changed_there = ours != known, theirs != known
        if changed_here and changed_there:
            conflicts.add(name)
        if name in chosen:
            follow_us = chosen[name] == "local"
        else:
            follow_us = changed_here and (not changed_there or conflict == "local")
        (send if follow_us else adopt).add(name)
        result[name] = ours if follow_us else theirs
    return Merge(result, seen, before, frozenset(send), frozenset(adopt), frozenset(conflicts))


def laid_over(remote: Mapping[str, Any], result: Mapping[str, str]) -> dict[str, Any]:
    """The body of an update: 2Checkout's object as just fetched, with the agreed values laid over it.

    Whether an update replaces the object or is merged into it is undocumented, so all that was fetched goes back, in
    2Checkout's own spelling where nothing changed. What is derived over there (the reference, the cards) stays out, and
    so does what is blank there and here.
    """
    told = {name: value for name, value in remote.items() if value not in (None, "", [])}
    body = {name: value for name, value in told.items() if name not in NEVER_SENT}
    return body | {name: value for name, value in result.items() if normalise(name, body.get(name)) != value}
