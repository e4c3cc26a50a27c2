"""The worker's peak memory after many pushes over that after a thousand. One process, so that it did them all."""

from __future__ import annotations

import time

from ..lab import Lab
from ..report import Row


def run(lab: Lab) -> list[Row]:
    few, many = 1000, 20_000 if lab.quick else 100_000
    child = lab.child("memory", "redis")
    child.call("scale.fill", count=many)
    child.call("rows.settle_all")
    lab.vendor.ask("/latency", 0.0)
    lab.vendor.ask("/forget")
    peaks = []
    with lab.worker("memory", "redis", processes=1, CONCURRENCY=16, READ_BEFORE_WRITE=False) as worker:
        child.call("rows.begin")
        for count in (few, many):
            lab.vendor.ask("/reset")
            child.call("rows.mark_all", count=count, phone=f"+44 {time.time_ns()}")
            child.call("rows.wake", times=1)
            counts = lab.vendor.await_writes(count)
            peaks.append(worker.memory())
            lab.log(f"{count} pushes: {peaks[-1]:.0f} MB at most, {count / counts['seconds']:.0f}/s")
    child.close()
    lab.note("memory", few=few, many=many, peaks=peaks)
    naive = [rate["memory"] for rate in lab.raw.get("rate", []) if rate["who"] == "naive"]
    ours = [rate["memory"] for rate in lab.raw.get("rate", []) if rate["who"] == "ours" and rate["shape"] == "8 × 8"]
    rival = f"{peaks[0]:.0f} and {peaks[1]:.0f} MB"
    if naive and ours:
        rival += f"; with eight processes naive {max(naive):.0f} MB, ours {max(ours):.0f} MB"
    return [
        Row(
            f"the worker's peak memory after {many} pushes, over that after {few}",
            peaks[1] / peaks[0],
            rival,
            "≤ 1.15",
            "≤ 1.05",
        )
    ]
