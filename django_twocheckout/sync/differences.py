"""Tells our row and 2Checkout's object apart, field by field, for a person who decides what to do about it.

Beside the way of a save: read by the admin, from the same merge that a push makes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ..merge import Merge, normalise
from ..models import Customer
from ..serializers import ATTRIBUTES
from .exchange import Choice, Choices, Claim, Outcome

__all__ = ["Choice", "Difference", "Resolution", "differences_of", "resolution_of"]


@dataclass(frozen=True)
class Difference:
    """One field, as three sides have it."""

    #: In CustomerInformation's names, and in the model's.
    name: str
    attribute: str
    ours: str
    #: What 2Checkout last acknowledged; None if nothing ever was.
    known: str | None
    #: What 2Checkout has now; None if it was not asked.
    theirs: str | None
    #: Where it changed since it was last acknowledged.
    changed: Literal["", "here", "there", "both"]


@dataclass(frozen=True)
class Resolution:
    """What became of all fields after a person's choices: names of CustomerInformation's fields."""

    #: Our row has 2Checkout's value now.
    taken: frozenset[str]
    #: 2Checkout is to have ours; none where no choice was to send.
    to_send: frozenset[str]
    #: Not done as chosen, because a value had changed since the person saw it.
    stale: frozenset[str]


def differences_of(claim: Claim, merged: Merge | None) -> list[Difference]:
    """All fields that both sides write; *merged*: None if 2Checkout was not asked."""
    base = {name: normalise(name, claim.base.get(name)) for name in claim.local} if claim.base else None
    return [_difference(name, claim.local, base, merged) for name in claim.local]


def _difference(
    name: str, local: Mapping[str, str], base: Mapping[str, str] | None, merged: Merge | None
) -> Difference:
    ours, known = normalise(name, local[name]), base[name] if base else None
    changed: Literal["", "here", "there", "both"] = ""
    if merged is None:
        changed = "here" if known is not None and ours != known else ""
    elif name in merged.conflicts:
        changed = "both"
    elif name in merged.send:
        changed = "here"
    elif name in merged.adopt:
        changed = "there"
    return Difference(name, ATTRIBUTES[name], ours, known, merged.remote[name] if merged else None, changed)


def resolution_of(customer: Customer, choices: Choices, outcome: Outcome) -> Resolution:
    """What became of the fields, by the row as it stands after the comparison was settled."""
    merged = outcome.merged or Merge({}, {})
    # A save in the same moment wins over what was to be taken over.
    taken = {
        name for name in merged.adopt if normalise(name, getattr(customer, ATTRIBUTES[name])) == merged.remote[name]
    }
    to_send = set(merged.send) if "local" in outcome.chosen.values() else set()
    as_chosen = {name for name, winner in outcome.chosen.items() if name in (taken if winner == "remote" else to_send)}
    return Resolution(frozenset(taken), frozenset(to_send), frozenset(choices.keys() - as_chosen))
