"""How long one save takes to reach 2Checkout, while a real worker is idle; beside the naive app. PostgreSQL and Redis.

*Lone* saves come more than half a second apart: then ours publishes a message at once, as the naive app always does.
*Steady* saves come every 50 to 100 ms: then ours lets about a second's saves share one message, which is what makes a
burst cheap, and costs the single save time. The vendor answers at once, and an update is one request with both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..child import Child
from ..lab import Lab
from ..report import Row, percentile

#: By pool: how many processes, or threads, the worker has.
POOLS = {"prefork": 2, "threads": 8}
KINDS = ["ours", "naive"]
#: Seconds after each lone save. Ours and naive take turns, so one's saves are twice as far apart.
PAUSE = 0.3
#: Seconds between steady saves.
SHORTEST, LONGEST = 0.05, 0.1
WARM_UP = 20
SYNCED = "from `save()` to the synced row"
ARRIVED = "from `save()` to the request's arrival at 2Checkout"


def run(lab: Lab) -> Iterator[Row]:
    count = 60 if lab.quick else 200
    child = lab.child("main", "redis")
    child.call("rows.seed", count=2 * count)
    # Each kind has customers of its own, so that the vendor tells their arrivals apart.
    numbers = {kind: list(range(first, 2 * count, 2)) for first, kind in enumerate(KINDS)}
    lab.vendor.ask("/latency", 0.0)
    yield statements(lab, child)
    for pool, size in POOLS.items():
        lab.log(f"save() until synced: {pool}")
        with lab.worker("main", "redis", pool=pool, processes=size, READ_BEFORE_WRITE=False):
            child.call("rows.begin")
            for kind in KINDS:
                saved_steadily(lab, child, kind, numbers[kind][:WARM_UP])
            lab.vendor.ask("/reset")
            lone = child.call("latency.lone", numbers=numbers, pause=PAUSE)
            arrivals = lab.vendor.ask("/arrivals")
            steady = {kind: saved_steadily(lab, child, kind, numbers[kind]) for kind in KINDS}
        lone_saves = f"{count} lone saves, idle worker ({pool}, {size})"
        synced = {kind: [save["synced"] for save in saves] for kind, saves in lone.items()}
        yield from compared(lab, f"{pool}, lone, synced", SYNCED, lone_saves, synced)
        arrived = {kind: until_arrival(saves, arrivals) for kind, saves in lone.items()}
        yield from compared(lab, f"{pool}, lone, arrived", ARRIVED, lone_saves, arrived)
        steady_saves = f"{count} saves, one every 50 to 100 ms, of which ours share about a message a second"
        yield from compared(lab, f"{pool}, steady, arrived", ARRIVED, f"{steady_saves} ({pool}, {size})", steady)
    child.close()


def statements(lab: Lab, child: Child) -> Row:
    """No load of the machine changes these."""
    found: dict[str, list[str]] = {}
    for kind in KINDS:
        child.call("latency.statements", kind=kind, number=0)  # what is done once in a process
        found[kind] = child.call("latency.statements", kind=kind, number=0)
    lab.purge("redis")
    lab.texts["The worker's SQL for one lone save"] = "\n".join(sql[:160] for sql in found["ours"])
    count = {kind: len(seen) for kind, seen in found.items()}
    lab.note("latency statements", **found)
    return Row("the worker's SQL statements for one lone save", count["ours"], f"naive {count['naive']}")


def saved_steadily(lab: Lab, child: Child, kind: str, numbers: list[int]) -> list[float]:
    """The seconds from each save to its arrival."""
    lab.vendor.ask("/reset")
    saves = child.call("latency.steady", kind=kind, numbers=numbers, shortest=SHORTEST, longest=LONGEST)
    lab.vendor.await_writes(len(numbers))
    return until_arrival(saves, lab.vendor.ask("/arrivals"))


def until_arrival(saves: list[dict[str, Any]], arrivals: dict[str, float]) -> list[float]:
    return [arrivals[save["reference"]] - save["at"] for save in saves]


def compared(lab: Lab, short: str, what: str, saves: str, times: dict[str, list[float]]) -> Iterator[Row]:
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        ours, naive = (1000 * percentile(times[kind], share) for kind in KINDS)
        lab.note("latency", short=f"{short}, {name}", what=what, saves=saves, ours=ours, naive=naive)
        lab.log(f"{name} {what}, {saves}: ours {ours:.1f} ms, naive {naive:.1f} ms")
        rival = f"naive {naive:.1f} ms, ours {ours:.1f} ms"
        yield Row(f"{name} of the time {what}, ours over naive: {saves}", ours / naive, rival)
