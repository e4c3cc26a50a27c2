"""The customers of an account imported and pulled by the command, beside a bare loop with as many threads and GETs.

The command's time is all of it, from its start to its end: the search, the rows, the pulls, the history. The bare loop
knows the references, and throws the answers away.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from ..lab import Lab, environment_of_ours
from ..report import Row, median

LATENCY = 0.02
THREADS = 8
TURNS = 3


def run(lab: Lab) -> Iterator[Row]:
    few, count, many = 1000, 2000 if lab.quick else 10_000, 20_000 if lab.quick else 100_000
    child = lab.child("importing", "redis", CONCURRENCY=THREADS)
    lab.vendor.ask("/latency", LATENCY)
    runs = []
    for _ in range(1 if lab.quick else TURNS):
        lab.vendor.ask("/subscribers", count)
        lab.vendor.ask("/reset")
        ours = child.call("importing.take_over", count=count)
        requests = lab.vendor.ask("/counts")["requests"]
        bare = bare_seconds(lab, requests)
        runs.append({**ours, "bare": bare, "requests": requests, "share": bare / ours["seconds"]})
        lab.note("import", count=count, **runs[-1])
        lab.log(f"{count} imported: {ours['seconds']:.1f} s, bare {bare:.1f} s, {requests} requests")
    shares = sorted(one["share"] for one in runs)
    yield Row(
        f"share of the bare loop's rate: {count} customers imported and pulled, {1000 * LATENCY:.0f} ms",
        median(shares),
        f"ours {count / median([one['seconds'] for one in runs]):.0f}/s, {runs[0]['requests']} requests, "
        f"{THREADS} threads "
        f"({shares[0]:.2f} to {shares[-1]:.2f} in {len(runs)} turns)",
        "≥ 0.85",
        "≥ 0.95",
    )
    lab.vendor.ask("/latency", 0.0)
    # A process for each, for a peak is never unlearnt.
    peaks = []
    for number in (few, many):
        child = lab.child("importing", "redis", CONCURRENCY=THREADS)
        lab.vendor.ask("/subscribers", number)
        took = child.call("importing.take_over", count=number, timeout=1200)
        peaks.append(took["memory"])
        lab.note("import memory", count=number, **took)
        lab.log(f"{number} imported: {took['seconds']:.1f} s, {took['memory']:.0f} MB at most")
        child.close()
    yield Row(
        f"peak memory of the command, {many} customers over {few}",
        peaks[1] / peaks[0],
        f"{peaks[0]:.0f} and {peaks[1]:.0f} MB",
        "≤ 1.15",
        "≤ 1.05",
    )


def bare_seconds(lab: Lab, count: int) -> float:
    """So many GETs by as many threads; the seconds from the first to the last, by the vendor's clock."""
    command = [sys.executable, "-m", "benchmarks.bare", "--url", lab.vendor.address(), "--only-reads"]
    command += ["--processes", "1", "--threads", str(THREADS), "--count", str(count)]
    command += ["--vendor-port", str(lab.vendor.port)]
    subprocess.run(command, env=environment_of_ours(), check=True, capture_output=True)
    counts = lab.vendor.ask("/counts")
    assert counts["requests"] == count
    return float(counts["seconds"])
