"""What came of many runs, as a table: one line for each fault, over all the runs that it was in."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any

COUNTED = ("lost", "twice", "overlaps", "stuck", "leaked", "other")
SUMMED = ("rows", "requests", "faulted", "jobs", "bursts", "notified")


def read(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def broken(plan: Any, words: str) -> dict[str, Any]:
    """The result of a run that did not come to its end."""
    facts = {"seed": plan.seed, "database": plan.database, "broker": plan.broker, "faults": sorted(plan.faults)}
    nothing = dict.fromkeys(SUMMED, 0) | {name: [] for name in COUNTED}
    return {**facts, **nothing, "rows": plan.rows, "heal": 0, "ok": False, "other": [words]}


def line(result: dict[str, Any]) -> str:
    verdict = "ok" if result["ok"] else "FAILED"
    counts = ", ".join(f"{len(result[name])} {name}" for name in COUNTED if result[name]) or "all right"
    return (
        f"seed {result['seed']:3} {result['database']:8} {result['broker']:8} {verdict:6} {counts}; "
        f"{result['requests']} requests, healed in {result['heal']} s, {result['seconds']} s in all"
    )


def table(results: list[dict[str, Any]]) -> str:
    """Markdown. A run counts for each of its faults: the columns do not add up, the last line does."""
    names = ["fault", "seeds", *SUMMED, *COUNTED, "heal: median / max"]
    lines = [f"| {' | '.join(names)} |", "|" + " --- |" * len(names)]
    for fault in sorted({fault for result in results for fault in result["faults"]}):
        lines.append(_line(fault, [result for result in results if fault in result["faults"]]))
    for database, broker in sorted({(result["database"], result["broker"]) for result in results}):
        chosen = [result for result in results if (result["database"], result["broker"]) == (database, broker)]
        lines.append(_line(f"*{database}, {broker}*", chosen))
    lines.append(_line("**all**", results))
    failed = [f"{result['seed']} ({result['database']}, {result['broker']})" for result in results if not result["ok"]]
    return "\n".join([*lines, "", f"Failed: {', '.join(failed) or 'none'}."])


def _line(name: str, results: list[dict[str, Any]]) -> str:
    counts = [sum(len(result[kind]) for result in results) for kind in COUNTED]
    times = [result["heal"] for result in results]
    sums = [sum(result[name] for result in results) for name in SUMMED]
    cells = [name, len(results), *sums, *counts]
    return "| " + " | ".join(map(str, cells)) + f" | {median(times):.1f} s / {max(times):.1f} s |"
