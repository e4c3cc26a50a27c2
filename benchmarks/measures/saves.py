"""Requests for ten quick saves of one customer, while a worker runs."""

from __future__ import annotations

import time

from ..lab import Lab
from ..report import Row, median

CUSTOMERS, SAVES = 50, 10


def run(lab: Lab) -> list[Row]:
    child = lab.child("main", "redis")
    child.call("rows.seed", count=CUSTOMERS)
    found: dict[str, dict[str, list[int]]] = {}
    lab.vendor.ask("/latency", 0.02)
    with lab.worker("main", "redis", CONCURRENCY=8, READ_BEFORE_WRITE=False):
        child.call("rows.begin")
        for kind in ("ours", "naive"):
            for what in ("change", "create"):
                lab.log(f"{SAVES} quick saves: {kind}, {what}")
                lab.vendor.ask("/reset")
                if what == "change":
                    child.call("rows.change", kind=kind, customers=CUSTOMERS, saves=SAVES, token=str(time.time_ns()))
                else:
                    child.call("rows.create", kind=kind, first=20_000_000, customers=CUSTOMERS, saves=SAVES)
                lab.vendor.await_writes(CUSTOMERS)
                await_quiet(lab)
                writes = sorted(lab.vendor.ask("/writes").values())
                created = lab.vendor.ask("/counts")["POST"]
                found[f"{kind} {what}"] = {"writes": writes, "created": [created]}
                lab.note("saves", who=kind, what=what, writes=writes, created=created)
    child.close()

    def described(who: str) -> str:
        writes = found[who]["writes"]
        return f"median {median(list(map(float, writes))):.0f}, mean {sum(writes) / len(writes):.1f}, most {writes[-1]}"

    ours, naive = found["ours create"]["created"][0], found["naive create"]["created"][0]
    return [
        Row(
            f"pushes for {SAVES} quick saves of one customer (mean of {CUSTOMERS} customers)",
            sum(found["ours change"]["writes"]) / CUSTOMERS,
            f"naive {described('naive change')}; ours {described('ours change')}",
            "≤ 2",
            "≤ 1",
        ),
        Row(
            f"customers created at 2Checkout for {CUSTOMERS} new ones, each saved {SAVES} times at once",
            ours,
            f"naive {naive}: {naive - CUSTOMERS} twice or more",
            f"≤ {CUSTOMERS}",
            f"≤ {CUSTOMERS}",
        ),
    ]


def await_quiet(lab: Lab, seconds: float = 3.0) -> None:
    """Until no request has come for some seconds: a trailing wake-up may come late."""
    while True:
        counts = lab.vendor.ask("/counts")
        if counts["now"] - counts["last"] > seconds:
            return
        time.sleep(0.3)
