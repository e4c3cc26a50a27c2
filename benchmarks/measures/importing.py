"""The customers of an account imported and pulled, beside a bare loop with as many threads and GETs.

The time is all of it, from the command's start to the last pull: the search, the rows, the pulls, the history. The
command pulls after the search, or leaves it to one process of a worker, which begins at once. The bare loop knows the
references, and throws the answers away.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext

from ..child import Child
from ..lab import Lab, environment_of_ours
from ..report import Row, median

LATENCY = 0.02
THREADS = 8
TURNS = 3


def run(lab: Lab) -> Iterator[Row]:
    few, count, many = 1000, 10_000, 10_000 if lab.quick else 100_000
    lab.vendor.ask("/latency", LATENCY)
    runs = {"by the command itself": [], "by a worker": []}
    for _ in range(1 if lab.quick else TURNS):
        for how, found in runs.items():
            found.append(once(lab, count, pull=how == "by the command itself"))
            lab.note("import", how=how, count=count, **found[-1])
            lab.log(f"{count} imported {how}: {found[-1]}")
    for how, found in runs.items():
        shares = sorted(one["bare"] / one["seconds"] for one in found)
        cpu = median([1000 * one["cpu"] / count for one in found])
        bare_cpu = median([1000 * one["bare_cpu"] / one["requests"] for one in found])
        yield Row(
            f"customers per second, share of a bare loop of as many GETs: {count} imported and pulled {how}, "
            f"1 × {THREADS}, {1000 * LATENCY:.0f} ms",
            median(shares),
            f"ours {count / median([one['seconds'] for one in found]):.0f}/s with {THREADS} threads, "
            f"{found[0]['requests']} requests ({shares[0]:.2f} to {shares[-1]:.2f} in {len(shares)} turns); "
            f"CPU per customer {cpu:.2f} ms, bare {bare_cpu:.2f} ms",
            "≥ 0.85",
            "≥ 0.95",
        )
    lab.vendor.ask("/latency", 0.0)
    peaks = []
    for number in (few, many):
        child = fresh_child(lab)
        lab.vendor.ask("/subscribers", number)
        took = child.call("importing.take_over", count=number, timeout=1200)
        peaks.append(took["memory"])
        lab.note("import memory", count=number, **took)
        lab.log(f"{number} imported: {took['seconds']:.1f} s, {took['memory']:.0f} MB at most")
        child.close()
    yield Row(
        f"peak memory of `twocheckout_import`, {many} customers over {few}",
        peaks[1] / peaks[0],
        f"{peaks[0]:.0f} and {peaks[1]:.0f} MB",
        "≤ 1.15",
        "≤ 1.05",
    )


def once(lab: Lab, count: int, *, pull: bool) -> dict[str, float]:
    """One import, and then the bare loop."""
    child = fresh_child(lab)
    lab.vendor.ask("/subscribers", count)
    with nullcontext() if pull else lab.worker("importing", "redis", processes=1, CONCURRENCY=THREADS) as worker:
        if worker:
            child.call("rows.begin")
        lab.vendor.ask("/reset")
        before = worker.cpu() if worker else 0.0
        ours = child.call("importing.take_over", count=count, pull=pull)
        ours["cpu"] += worker.cpu() - before if worker else 0.0
    child.close()
    requests = lab.vendor.ask("/counts")["requests"]
    return {**ours, "requests": requests, **bare(lab, requests)}


def fresh_child(lab: Lab) -> Child:
    """A process for one import, into empty tables."""
    cleaner = lab.child("importing", "redis")
    cleaner.call("importing.begin_anew")
    cleaner.close()
    return lab.child("importing", "redis", CONCURRENCY=THREADS)


def bare(lab: Lab, count: int) -> dict[str, float]:
    """So many GETs by as many threads: the seconds from the first to the last by the vendor's clock, and the CPU's."""
    command = [sys.executable, "-m", "benchmarks.bare", "--url", lab.vendor.address(), "--only-reads"]
    command += ["--processes", "1", "--threads", str(THREADS), "--count", str(count)]
    command += ["--vendor-port", str(lab.vendor.port)]
    done = subprocess.run(command, env=environment_of_ours(), check=True, capture_output=True, text=True)
    counts = lab.vendor.ask("/counts")
    assert counts["requests"] == count
    return {"bare": counts["seconds"], "bare_cpu": json.loads(done.stdout)["cpu"]}
