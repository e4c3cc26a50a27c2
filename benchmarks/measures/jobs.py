"""Customers re-fetched by a job, worked off by a real worker, beside a bare loop of as many GETs. PostgreSQL, Redis.

A job is what the admin's action "re-fetch" begins for chosen customers. The bare loop has as many processes and threads
as the worker, knows the references, and throws the answers away. As in :mod:`.rate`, the job is there before the worker
is let at it, the rate is from the first to the last request by the vendor's clock, and all have done the same some time
before. 2Checkout's values are those of the rows, as most are in a re-fetch. An import is measured by :mod:`.importing`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..child import Child
from ..lab import Lab
from ..report import Row, median
from .rate import SHARES, WARM_UP, Place, bare, pushed_backlog

PLACES = [
    Place("PostgreSQL + Redis", "main", "redis", (0.02, 0.0), 3),
    Place("PostgreSQL + Redis", "main", "redis", (0.02,), 3, processes=1),
]
COUNT = {8: 6400, 1: 3200}


def run(lab: Lab) -> Iterator[Row]:
    child = lab.child("main", "redis")
    child.call("rows.seed", count=max(COUNT.values()))
    lab.vendor.ask("/forget")  # so that the vendor has what the rows have
    for place in PLACES:
        count = COUNT[place.processes] // (2 if lab.quick else 1)
        for latency in place.latencies[: 1 if lab.quick else None]:
            lab.vendor.ask("/latency", latency)
            turns = [once(lab, place, child, count, latency) for _ in range(1 if lab.quick else place.repeats)]
            yield compared(place, count, latency, turns)
    child.close()


def once(lab: Lab, place: Place, child: Child, count: int, latency: float) -> dict[str, dict[str, Any]]:
    found = {}
    for who, turn in (("bare", bare_loop), ("ours", by_a_job)):
        lab.vendor.ask("/reset")
        found[who] = turn(lab, place, child, count)
        lab.note("jobs", shape=place.shape, latency=latency, count=count, who=who, **found[who])
        lab.log(f"re-fetching, {place.shape}, {1000 * latency:.0f} ms: {who} {found[who]['rate']:.0f}/s")
    return found


def bare_loop(lab: Lab, place: Place, child: Child, count: int) -> dict[str, Any]:
    return bare(lab, place, count, only_reads=True)


def by_a_job(lab: Lab, place: Place, child: Child, count: int) -> dict[str, Any]:
    begun: dict[str, Any] = {}

    def backlog(count: int) -> None:
        begun.update(child.call("pulling.begin", count=count))
        child.call("rows.tidy")

    def begin() -> None:
        child.call("rows.wake", times=place.processes)

    def await_done(count: int) -> dict[str, Any]:
        counts = lab.vendor.await_reads(count)
        child.call("pulling.await_end", job=begun["job"], count=count)
        return counts

    options = {"warm_up": min(WARM_UP, count), "await_done": await_done, "CONCURRENCY": place.threads}
    return pushed_backlog(lab, place, child, count, backlog, begin, **options) | {"storing": begun["seconds"]}


def compared(place: Place, count: int, latency: float, turns: list[dict[str, dict[str, Any]]]) -> Row:
    shares = sorted(turn["ours"]["rate"] / turn["bare"]["rate"] for turn in turns)

    def figure(who: str, what: str) -> float:
        return median([turn[who][what] for turn in turns])

    return Row(
        f"re-fetches per second, share of a bare loop of as many GETs: {count} customers of a job, "
        f"{place.name}, {place.shape}, {1000 * latency:.0f} ms",
        median(shares),
        f"ours {figure('ours', 'rate'):.0f}/s, bare {figure('bare', 'rate'):.0f}/s "
        f"({shares[0]:.2f} to {shares[-1]:.2f} in {len(shares)} turns); "
        f"storing the job {figure('ours', 'storing'):.2f} s; "
        f"CPU per customer {1000 * figure('ours', 'cpu'):.2f} ms, bare {1000 * figure('bare', 'cpu'):.2f} ms",
        *SHARES[latency],
    )
