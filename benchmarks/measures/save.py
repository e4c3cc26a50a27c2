"""What ``save()`` costs with the app, beside the same model without it and the naive app."""

from __future__ import annotations

from typing import Any

from ..lab import Lab
from ..report import Row, median

PLACES = [
    ("PostgreSQL + Redis", "main", "redis"),
    ("PostgreSQL + RabbitMQ", "main", "rabbitmq"),
    ("SQLite + Redis", "sqlite", "redis"),
]
KINDS = ["plain", "ours", "naive"]
#: Seconds without a save in the process, before one that counts as lone.
QUIET = 2.1


def run(lab: Lab) -> list[Row]:
    children = {}
    for place, database, broker in PLACES:
        children[place] = lab.child(database, broker)
        children[place].call("rows.seed", count=1000)
    times: dict[tuple[str, str, str], list[float]] = {}
    for _ in range(2 if lab.quick else 6):
        for place, child in children.items():
            lab.log(f"save(): {place}")
            add(times, place, child.call("saving.rounds", count=120 if lab.quick else 200, kinds=KINDS))
    rows = []
    for place, _database, broker in PLACES:
        for what in ("create", "update"):
            medians = {kind: median(times[place, what, kind]) for kind in KINDS}
            lab.note("save", where=place, what=what, **medians)
            rows.append(ratio(f"median `save()` ({what}), over that of the model without the app: {place}", medians))
        lab.purge(broker)
    rows.append(statements(children[PLACES[0][0]]))
    rows += lone(lab, children)
    for child in children.values():
        child.close()
    return rows


def add(times: dict[tuple[str, str, str], list[float]], place: str, found: dict[str, dict[str, list[float]]]) -> None:
    for what, by_kind in found.items():
        for kind, seconds in by_kind.items():
            times.setdefault((place, what, kind), []).extend(seconds)


def ratio(measure: str, medians: dict[str, float], must: str = "≤ 1.20", aim: str = "≤ 1.10") -> Row:
    plain, ours, naive = (medians[kind] for kind in KINDS)
    more = f"{1e6 * (ours - plain):+.0f} µs ours, {1e6 * (naive - plain):+.0f} µs naive"
    rival = f"naive {naive / plain:.2f}; without the app {1e6 * plain:.0f} µs, {more}"
    return Row(measure, ours / plain, rival, must, aim)


def statements(child: Any) -> Row:
    found = {kind: child.call("saving.statements", kind=kind) for kind in KINDS}
    extra = {
        kind: max(len(found[kind][what]) - len(found["plain"][what]) for what in ("create", "update")) for kind in KINDS
    }
    return Row(
        "SQL statements of a `save()`, more than without the app",
        extra["ours"],
        f"naive {extra['naive']}",
        "≤ 0",
        "≤ 0",
    )


def lone(lab: Lab, children: dict[str, Any]) -> list[Row]:
    """A save after quiet seconds, which is the one that publishes a message; the others above share few messages."""
    rows = []
    for place, _database, broker in PLACES[: 1 if lab.quick else 2]:
        count = 6 if lab.quick else 20
        lab.log(f"save() after quiet seconds: {place}")
        lab.purge(broker)
        found = children[place].call("saving.lone", count=count, kinds=KINDS, quiet=QUIET)
        published = lab.waiting(broker)
        if published != 2 * count:
            raise RuntimeError(f"{published} messages for {count} lone saves of ours and {count} of the naive app")
        medians = {kind: median(found[kind]) for kind in KINDS}
        lab.note("lone save", where=place, count=count, **medians)
        what = f"median `save()` after {QUIET:.1f} quiet seconds, which publishes a message"
        rows.append(ratio(f"{what} (update, {count} saves), over the model without the app: {place}", medians, "", ""))
        lab.purge(broker)
    return rows
