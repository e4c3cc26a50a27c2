"""Ten thousand existing rows, marked and pushed, beside the naive app's loop of ``delay(pk)``. A worker is running."""

from __future__ import annotations

import time
from typing import Any

from ..lab import Lab
from ..report import Row
from .rate import await_settled


def run(lab: Lab) -> list[Row]:
    count = 2000 if lab.quick else 10_000
    child = lab.child("main", "redis")
    child.call("rows.seed", count=count)
    lab.vendor.ask("/latency", 0.02)
    found: dict[str, dict[str, Any]] = {}
    for kind in ("ours", "naive"):
        with lab.worker("main", "redis", CONCURRENCY=8, READ_BEFORE_WRITE=False):
            child.call("rows.begin")
            lab.vendor.ask("/reset")
            if kind == "ours":
                begun = child.call("rows.mark", count=count, phone=f"+44 {time.time_ns()}")
                child.call("rows.wake", times=8)
            else:
                begun = child.call("rows.queue_naive", count=count)
            counts = lab.vendor.await_writes(count)
            total = counts["last"] - begun["at"]
            await_settled(child)
        found[kind] = {**begun, "total": total}
        lab.note("backfill", who=kind, count=count, **found[kind])
        lab.log(f"{count} existing rows: {kind} {total:.1f} s")
    child.close()
    ours, naive = found["ours"], found["naive"]
    return [
        Row(
            f"seconds to mark {count} existing rows as pending",
            ours["seconds"],
            f"naive, a loop of `delay(pk)`: {naive['seconds']:.1f} s",
            "≤ 0.5 s",
            "≤ 0.1 s",
            " s",
        ),
        Row(
            "the caller's memory during this, more by",
            ours["memory"],
            f"naive {naive['memory']:.1f} MB",
            "",
            "≤ 1.0 MB",
            " MB",
        ),
        Row(
            f"{count} existing rows, from the marking to the last push, 20 ms: time of naive over ours",
            naive["total"] / ours["total"],
            f"naive {naive['total']:.1f} s, ours {ours['total']:.1f} s",
            "",
            "≥ 12",
        ),
    ]
