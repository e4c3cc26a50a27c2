"""Pushes per second and CPU per push: ours in a real Celery worker, beside the bare loop and the naive app.

The backlog is there before the worker is let at it; the rate is from the first to the last request, by the vendor's
clock. Ours and the naive app have the same worker (prefork, eight processes), ours with eight threads in each; the bare
loop has as many processes and threads as ours. All of them have done the same some time before: what a process does
once (imports, first connections) is in no figure.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ..child import Child, ChildFailed
from ..lab import Lab, environment_of_ours
from ..report import Row, median


@dataclass(frozen=True)
class Place:
    """Where it is measured, how it is compared, and how often."""

    name: str
    database: str
    broker: str
    latencies: tuple[float, ...]
    repeats: int
    processes: int = 8
    threads: int = 8
    tls: bool = False
    reading: bool = False
    must: bool = False

    @property
    def shape(self) -> str:
        return f"{self.processes} × {self.threads}"


PLACES = [
    Place("PostgreSQL + Redis", "main", "redis", (0.0, 0.02, 0.1), 3, reading=True, must=True),
    Place("PostgreSQL + Redis", "main", "redis", (0.0, 0.02, 0.1), 1, processes=1, threads=50),
    Place("PostgreSQL + Redis, TLS", "main", "redis", (0.02,), 1, tls=True),
    Place("PostgreSQL + RabbitMQ", "main", "rabbitmq", (0.0, 0.02), 1),
    Place("SQLite + Redis", "sqlite", "redis", (0.0, 0.02), 1),
]
#: How many are pushed by latency: some seconds' worth.
OURS = {0.0: 6400, 0.02: 6400, 0.1: 6400}
NAIVE = {0.0: 800, 0.02: 800, 0.1: 400}
#: So many rows before those that count; each process has its part of them.
WARM_UP = 1600
#: The latency at which a backlog of real saves is measured too, with the messages that those leave.
SAVED_AT = 0.02
SHARES = {0.0: ("≥ 0.75", "≥ 0.9"), 0.02: ("≥ 0.85", "≥ 0.95"), 0.1: ("≥ 0.95", "≥ 0.99")}


def run(lab: Lab) -> Iterator[Row]:
    seeded: set[str] = set()
    for place in PLACES:
        child = lab.child(place.database, place.broker)
        if place.database not in seeded:
            child.call("rows.seed", count=max(OURS.values()))
            seeded.add(place.database)
        for latency in place.latencies:
            if lab.quick and (not place.must and latency != 0.02):
                continue
            try:
                runs = [once(lab, place, child, latency) for _ in range(1 if lab.quick else place.repeats)]
                yield from compared(place, latency, runs)
            except (RuntimeError, ChildFailed):
                yield lab.failed(f"{place.name}, {place.shape}, {1000 * latency:.0f} ms")
        child.close()


def once(lab: Lab, place: Place, child: Child, latency: float) -> dict[str, dict[str, Any]]:
    """One turn of everybody."""
    count, few = OURS[latency], NAIVE[latency]
    if lab.quick:
        count, few = count // 2, few // 2
    turns: dict[str, Any] = {
        "bare": lambda: bare(lab, place, count),
        "ours": lambda: ours(lab, place, child, count),
        "bare tuned": lambda: bare(lab, place, count, tuned=True),
    }
    if place.processes > 1:
        turns["naive"] = lambda: naive(lab, place, child, few)
    if place.reading:
        turns["bare, reading"] = lambda: bare(lab, place, count // 2, reads=True)
        if latency == SAVED_AT:
            turns["ours, saved"] = lambda: saved(lab, place, child, count // 3)
        turns["ours, reading"] = lambda: ours(lab, place, child, count // 2, reads=True)
    found = {}
    for who, turn in turns.items():
        lab.vendor.ask("/latency", latency)
        lab.vendor.ask("/reset")
        found[who] = turn()
        lab.note("rate", where=place.name, shape=place.shape, latency=latency, who=who, **found[who])
        lab.log(f"{place.name}, {place.shape}, {1000 * latency:.0f} ms: {who} {found[who]['rate']:.0f}/s")
    return found


def bare(
    lab: Lab, place: Place, count: int, *, tuned: bool = False, reads: bool = False, only_reads: bool = False
) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.bare", "--url", lab.vendor.address(tls=place.tls)]
    command += ["--processes", str(place.processes), "--threads", str(place.threads), "--count", str(count)]
    command += ["--tuned"] * tuned + ["--reads"] * reads + ["--only-reads"] * only_reads
    command += ["--vendor-port", str(lab.vendor.port)]
    environment = environment_of_ours() | ({"REQUESTS_CA_BUNDLE": str(lab.vendor.bundle)} if place.tls else {})
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    counts = lab.vendor.await_reads(count) if only_reads else lab.vendor.await_writes(count)
    return figures(counts, count, cpu=json.loads(done.stdout)["cpu"])


def ours(lab: Lab, place: Place, child: Child, count: int, *, reads: bool = False) -> dict[str, Any]:
    """Rows marked by one statement, one wake-up for each process of the worker."""

    def backlog(count: int) -> None:
        child.call("rows.settle_all")
        child.call("rows.mark", count=count, phone=f"+44 {time.time_ns()}")

    def begin() -> None:
        child.call("rows.wake", times=place.processes)

    options = {"CONCURRENCY": place.threads, "READ_BEFORE_WRITE": reads}
    pool = "prefork" if place.processes > 1 else "solo"
    return pushed_backlog(lab, place, child, count, backlog, begin, warm_up=WARM_UP, pool=pool, **options)


def saved(lab: Lab, place: Place, child: Child, count: int) -> dict[str, Any]:
    """Rows saved one by one while no worker is there, and whatever wake-ups that leaves in the queue."""

    def backlog(count: int) -> None:
        child.call("rows.settle_all")
        child.call("rows.save", kind="ours", count=count, phone=f"+44 {time.time_ns()}")
        child.call("rows.tidy")

    options = {"CONCURRENCY": place.threads, "READ_BEFORE_WRITE": False}
    return pushed_backlog(lab, place, child, count, backlog, warm_up=WARM_UP, **options)


def naive(lab: Lab, place: Place, child: Child, count: int) -> dict[str, Any]:
    def backlog(count: int) -> None:
        child.call("rows.tidy")
        child.call("rows.queue_naive", count=count)

    return pushed_backlog(lab, place, child, count, backlog, warm_up=count // 4)


def pushed_backlog(
    lab: Lab,
    place: Place,
    child: Child,
    count: int,
    backlog: Callable[[int], None],
    begin: Callable[[], None] = lambda: None,
    *,
    warm_up: int,
    await_done: Callable[[int], dict[str, Any]] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """A worker let at a backlog, after it has worked off a smaller one; its figures, and the database's.

    *await_done*: waits until so many rows are done, and returns the vendor's counts. Without it, until they are pushed.
    """

    def await_pushed(number: int) -> dict[str, Any]:
        counts = lab.vendor.await_writes(number)
        await_settled(child)
        return counts

    with lab.worker(place.database, place.broker, processes=place.processes, tls=place.tls, **options) as worker:
        for number in (warm_up, count):
            backlog(number)
            lab.vendor.ask("/reset")
            cpu, database = worker.cpu(), database_cpu(lab, place)
            begin()
            child.call("rows.begin")
            counts = (await_done or await_pushed)(number)
            spent = {"cpu": worker.cpu() - cpu, "memory": worker.memory()}
            if database is not None:
                spent["database_cpu"] = (database_cpu(lab, place) or 0.0) - database
            child.call("rows.pause")
            lab.purge(place.broker)  # wake-ups that find nothing any more
        unfinished = child.call("rows.unfinished")
    if any(unfinished.values()):
        raise RuntimeError(f"rows are left: {unfinished}")
    return figures(counts, count, **spent)


def await_settled(child: Child, seconds: float = 20.0) -> None:
    """The vendor has it all; wait until the rows know."""
    until = time.monotonic() + seconds
    while child.call("rows.unfinished")["pending"] and time.monotonic() < until:
        time.sleep(0.2)
    time.sleep(0.3)


def database_cpu(lab: Lab, place: Place) -> float | None:
    return None if place.database == "sqlite" else lab.postgres.cpu()


def figures(counts: dict[str, Any], count: int, **spent: float) -> dict[str, Any]:
    if counts["refused"]:
        raise RuntimeError(f"the vendor refused {counts['refused']} signatures")
    per_push = {name: value / count for name, value in spent.items() if name != "memory"}
    requests = counts["requests"] / count
    return {
        "rate": count / counts["seconds"],
        "steady": counts["steady"] / requests,
        "requests_per_push": requests,
        "connections": counts["opened"],
        **spent,
        **per_push,
    }


def compared(place: Place, latency: float, runs: list[dict[str, dict[str, Any]]]) -> list[Row]:
    def ratios(who: str, other: str) -> list[float]:
        return sorted(turn[who]["rate"] / turn[other]["rate"] for turn in runs)

    def ratio(who: str, other: str) -> float:
        return median(ratios(who, other))

    def spread(who: str, other: str) -> str:
        found = ratios(who, other)
        return f" ({found[0]:.2f} to {found[-1]:.2f} in {len(found)} turns)" if len(found) > 1 else ""

    def rate(who: str) -> float:
        return median([turn[who]["rate"] for turn in runs])

    where = f"{place.name}, {place.shape}, {1000 * latency:.0f} ms"
    share, aim = SHARES[latency]
    rows = [
        Row(
            f"pushes per second of a full queue, share of the bare loop's: {where}",
            ratio("ours", "bare"),
            f"ours {rate('ours'):.0f}/s, bare {rate('bare'):.0f}/s; "
            f"of the tuned loop ({rate('bare tuned'):.0f}/s) {ratio('ours', 'bare tuned'):.2f}{spread('ours', 'bare')}",
            share,
            aim,
        )
    ]
    if place.reading:
        rows.append(
            Row(
                f"the same with READ_BEFORE_WRITE, so two requests per push, and in the bare loop too: {where}",
                ratio("ours, reading", "bare, reading"),
                f"ours {rate('ours, reading'):.0f}/s, bare {rate('bare, reading'):.0f}/s"
                f"{spread('ours, reading', 'bare, reading')}",
                share,
                aim,
            )
        )
    if "naive" in runs[0]:
        bound = ("≥ 8", "≥ 12") if latency < 0.1 and not place.tls else ("", "")
        rows.append(
            Row(
                f"pushes per second of a full queue, ours over naive: {where}",
                ratio("ours", "naive"),
                f"naive {rate('naive'):.0f}/s{spread('ours', 'naive')}",
                *bound,
            )
        )
        if "ours, saved" in runs[0]:
            rows.append(
                Row(
                    f"the same where the queue are saves one by one, not one bulk update: {where}",
                    ratio("ours, saved", "naive"),
                    f"naive {rate('naive'):.0f}/s, ours {rate('ours, saved'):.0f}/s{spread('ours, saved', 'naive')}",
                    *bound,
                )
            )
        rows.append(cpu_row("worker", where, runs, "cpu", *(("≥ 8", "≥ 12") if place.must else ("", ""))))
        if "database_cpu" in runs[0]["ours"]:
            rows.append(
                cpu_row("database", where, runs, "database_cpu", *(("≥ 30", "≥ 90") if place.must else ("", "")))
            )
    return rows


def cpu_row(of: str, where: str, runs: list[dict[str, dict[str, Any]]], what: str, must: str, aim: str) -> Row:
    naive, ours = ([turn[who][what] for turn in runs] for who in ("naive", "ours"))
    ratio = median([one / max(other, 1e-9) for one, other in zip(naive, ours, strict=True)])
    rival = f"naive {1000 * median(naive):.2f} ms, ours {1000 * median(ours):.3f} ms"
    return Row(f"CPU time of the {of} per push, naive over ours: {where}", ratio, rival, must, aim)
