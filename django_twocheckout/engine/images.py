"""Keeps in mind how 2Checkout shows our values, from one reconciliation of a row to the next.

A row has two columns for it, and most rows have both empty. ``shown`` holds the images: what 2Checkout shows instead of
a value that it acknowledged. ``written`` holds a :data:`Write` for each field whose image is not known yet. A field in
neither is shown as it was sent. An empty column costs a push nothing, so a row that was never read has no writes
either: all its fields are unread.
"""

from __future__ import annotations

from collections.abc import Collection

from ..merge import Merge, normalise
from ..redaction import RedactedDict
from .records import Claim, Result, Write, Writes

#: A read replica of 2Checkout may be behind by as many seconds. What we overwrote less than that ago is no statement.
REPLICA_SECONDS = 60.0


def first_read(claim: Claim) -> Collection[str]:
    """Names of the fields that 2Checkout has from us, and that were not read since."""
    if claim.never_read:
        return claim.local.keys()
    return [name for name, write in claim.written.items() if write and not write["read"]]


def replaced(claim: Claim) -> dict[str, Collection[str]]:
    """What we overwrote a moment ago, so that a read may still show it, by field."""
    found = {name: _recent(claim, write) for name, write in claim.written.items() if write}
    return RedactedDict({name: values for name, values in found.items() if values})


def after_read(claim: Claim, result: Result, merged: Merge) -> None:
    """Note what was learnt by reading. An untold field stays unread."""
    theirs = {name for name, value in merged.remote.items() if value != merged.base[name]}
    if not (theirs or merged.shown or claim.shown or claim.written):
        return
    names = (theirs | merged.shown.keys() | claim.shown.keys() | claim.written.keys()) - merged.untold
    result.shown, result.written = RedactedDict(claim.shown), RedactedDict(claim.written)
    for name in names:
        result.shown.pop(name, None)
        if name in merged.shown:
            result.shown[name] = merged.shown[name]
        write = result.written.get(name)
        if name in theirs:
            result.written[name] = None
        elif write and _recent(claim, write):
            result.written[name] = {**write, "read": True}
        elif write:
            del result.written[name]
    result.lagging = not merged.untold.isdisjoint(replaced(claim))


def after_update(claim: Claim, result: Result, merged: Merge) -> None:
    """Note that 2Checkout has the agreed values now. Changed ones, and ones that were never ours, are unread."""
    before = result.shown if result.shown is not None else claim.shown
    writes = result.written if result.written is not None else claim.written
    result.shown = RedactedDict({name: image for name, image in before.items() if name not in merged.send})
    result.written, now = RedactedDict(), round(claim.database_time.timestamp(), 1)
    for name, write in writes.items():
        recent = _recent(claim, write) if write else {}
        if write is None or recent or not write["read"]:
            result.written[name] = {"read": bool(write and write["read"]), "old": recent}
            if write is None:
                result.written[name] = {"read": False, "old": {merged.remote[name]: now}}
    for name in merged.send:
        old = [state[name] for state in (claim.base, merged.remote, before, *claim.in_doubt_wire) if name in state]
        earlier = result.written.get(name)
        kept = earlier["old"] if earlier else {}
        result.written[name] = {
            "read": False,
            "old": kept | dict.fromkeys((normalise(name, value) for value in old), now),
        }


def after_create(claim: Claim, result: Result) -> None:
    """Note that 2Checkout has all values from us, and that none was read."""
    result.shown = RedactedDict()
    unread: Writes = {} if claim.never_read else {name: {"read": False, "old": {}} for name in claim.local}
    result.written = RedactedDict(unread)


def _recent(claim: Claim, write: Write) -> dict[str, float]:
    """What the write replaced less than a minute ago, and when."""
    if not write["old"]:
        return {}
    now = claim.claimed_at.timestamp()
    return {value: moment for value, moment in write["old"].items() if now - moment < REPLICA_SECONDS}
