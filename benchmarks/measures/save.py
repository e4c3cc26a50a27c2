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
            rows.append(ratio(f"median `save()` ({what}) over the same model without the app: {place}", medians))
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


def ratio(measure: str, medians: dict[str, float], *, must: str = "≤ 1.20", aim: str = "≤ 1.10") -> Row:
    plain, ours, naive = (medians[kind] for kind in KINDS)
    more = f"+{1e6 * (ours - plain):.0f} ours, +{1e6 * (naive - plain):.0f} naive"
    rival = f"naive {naive / plain:.2f}; plain {1e6 * plain:.0f} µs, {more}"
    return Row(measure, ours / plain, rival, must, aim)


def statements(child: Any) -> Row:
    found = {kind: child.call("saving.statements", kind=kind) for kind in KINDS}
    extra = {
        kind: max(len(found[kind][what]) - len(found["plain"][what]) for what in ("create", "update")) for kind in KINDS
    }
    return Row("extra SQL statements in `save()`", extra["ours"], f"naive {extra['naive']}", "≤ 0", "≤ 0")


def lone(lab: Lab, children: dict[str, Any]) -> list[Row]:
    """A save after a quiet moment, which is the one that pays for waking a worker."""
    rows = []
    for place, _database, broker in PLACES[: 1 if lab.quick else 2]:
        lab.log(f"save() after a pause: {place}")
        found = children[place].call("saving.rounds", count=4 if lab.quick else 8, kinds=KINDS, pause=0.55)
        medians = {kind: median(found["update"][kind]) for kind in KINDS}
        lab.note("lone save", where=place, **medians)
        rows.append(
            ratio(f"a lone `save()` after three quiet seconds, over the same: {place}", medians, must="", aim="")
        )
        lab.purge(broker)
    return rows
