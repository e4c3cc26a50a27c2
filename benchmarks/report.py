"""What was measured, as a table in Markdown, a plot, and JSON with every raw figure."""

from __future__ import annotations

import json
import math
import os
import platform
import re
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any


@dataclass
class Row:
    """One line of the table. ``must`` and ``aim`` begin with ≤ or ≥, or are blank where nothing is asked."""

    measure: str
    value: float | None
    rival: str = ""
    must: str = ""
    aim: str = ""
    unit: str = ""
    words: str = ""
    #: The measure's name, as ``--only`` takes it.
    part: str = ""

    @property
    def measured(self) -> str:
        if self.words or self.value is None:
            return self.words or "not measured"
        return f"{number(self.value)}{self.unit}"

    @property
    def verdict(self) -> str:
        if self.value is None or not (self.must or self.aim):
            return ""
        if self.aim and holds(self.value, self.aim):
            return "aim reached"
        if not self.must:
            return "aim missed"
        return "must reached" if holds(self.value, self.must) else "**MISSED**"


#: For people who see the table for the first time.
WORDS = """
What is measured is a ratio of two things that were done in turns in this run, unless a unit stands behind it.

- *Ours* is this app. *Naive* is the app that one writes first: `post_save`, one Celery task per save, one request.
- *Bare* is a loop of the same requests with `requests`, in as many processes and threads, and nothing else.
- *Without the app* is a model with the same columns, saved by Django alone.
- *8 × 8* is eight processes with eight threads each. *20 ms* is the time that 2Checkout takes to answer.
- *p50* and *p99*: half of them, and 99 of 100, took at most so long.
- *Must* and *aim* are this project's own bounds; blank where there is none.
""".strip().splitlines()


def holds(value: float, bound: str) -> bool:
    sign, limit = bound[0], float(re.sub(r"[^\d.]", "", bound))
    return value <= limit if sign == "≤" else value >= limit


def number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}" if abs(value) < 1 else f"{value:.2f}"


def write(directory: Path, rows: list[Row], raw: dict[str, Any], facts: dict[str, Any], texts: dict[str, str]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    facts = {**machine(), **facts}
    (directory / "results.json").write_text(
        json.dumps(
            {"facts": facts, "rows": [{**vars(row), "verdict": row.verdict} for row in rows], "raw": raw}, indent=1
        )
    )
    lines = ["# What was measured", "", *(f"- {name}: {value}" for name, value in facts.items()), "", *WORDS, ""]
    columns = ["--only", "what", "must", "aim", "measured", "the figures behind it", "verdict"]
    lines += [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    lines += [
        f"| {row.part} | {row.measure} | {row.must} | {row.aim} | {row.measured} | {row.rival} | {row.verdict} |"
        for row in rows
    ]
    if rates := raw.get("rate"):
        lines += ["", "## Pushes per second", "", *rate_table(rates)]
    for title, text in texts.items():
        lines += ["", f"## {title}", "", "```", text, "```"]
    (directory / "results.md").write_text("\n".join(lines) + "\n")
    plot(directory / "results.png", raw)


def machine() -> dict[str, Any]:
    packages = ["django", "celery", "requests", "urllib3", "psycopg", "redis", "amqp"]
    return {
        "machine": f"{os.cpu_count()} cores, {platform.platform()}, shared by everything measured",
        "versions": ", ".join(
            [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in packages)]
        ),
    }


def median(values: list[float]) -> float:
    values = sorted(values)
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def percentile(values: list[float], share: float) -> float:
    """The least of the values that this share of them does not exceed."""
    return sorted(values)[max(math.ceil(share * len(values)), 1) - 1]


def cells(rates: list[dict[str, Any]]) -> dict[tuple[Any, ...], dict[str, list[dict[str, Any]]]]:
    """The rates by surroundings, and there by who it was."""
    found: dict[tuple[Any, ...], dict[str, list[dict[str, Any]]]] = {}
    for rate in rates:
        key = (rate["where"], rate["shape"], rate["latency"])
        found.setdefault(key, {}).setdefault(rate["who"], []).append(rate)
    return found


WHO = ["naive", "ours", "bare", "bare tuned", "ours, saved", "ours, reading", "bare, reading"]


def rate_table(rates: list[dict[str, Any]]) -> list[str]:
    """Medians: pushes per second, and in brackets CPU milliseconds per push of the worker (and of the database)."""
    lines = [
        "Medians. In brackets CPU milliseconds per push: of the worker + of the database. "
        "*Reading* is READ_BEFORE_WRITE: two requests per push. *Tuned* spares what requests looks up per call. "
        "*Saved*: the backlog are saves one by one, not rows marked by one statement.",
        "",
        f"| where | processes × threads | latency | {' | '.join(WHO)} |",
        f"| --- | --- | --- |{' --- |' * len(WHO)}",
    ]
    for (where, shape, latency), found in cells(rates).items():
        columns = []
        for who in WHO:
            runs = found.get(who, [])
            if not runs:
                columns.append("")
                continue
            cpu = 1000 * median([run["cpu"] for run in runs])
            database = [1000 * run["database_cpu"] for run in runs if run.get("database_cpu") is not None]
            extra = f" + {number(median(database))}" if database else ""
            columns.append(f"{median([run['rate'] for run in runs]):.0f} ({number(cpu)}{extra})")
        lines.append(f"| {where} | {shape} | {1000 * latency:.0f} ms | {' | '.join(columns)} |")
    return lines


#: By kind, what it is painted in.
COLOURS = {
    "plain": "#f0c27b",
    "by hand": "#e08e2b",
    "bare": "#f0c27b",
    "bare tuned": "#e08e2b",
    "ours": "#1b6ca8",
    "mirrored": "#1b6ca8",
    "naive": "#b0b0b0",
}


@dataclass
class Panel:
    """One picture of the plot: groups of bars, with a bar for each kind in each group."""

    title: str
    unit: str
    #: By group and kind. A group without a kind has no bar there.
    bars: dict[str, dict[str, float]]
    logarithmic: bool = False


def panels(raw: dict[str, Any]) -> list[Panel]:
    """A picture for each measure that was made and that has kinds to compare."""
    found = []
    shown = ["naive", "ours", "bare", "bare tuned"]
    places: dict[str, dict[str, dict[str, float]]] = {}
    for (where, shape, latency), who in cells(raw.get("rate", [])).items():
        if shape == "8 × 8":
            heights = {kind: median([run["rate"] for run in who[kind]]) for kind in shown if kind in who}
            places.setdefault(where, {})[f"{1000 * latency:.0f} ms"] = heights
    found += [Panel(f"pushes: {where}", "per second", bars) for where, bars in places.items()]
    if saves := raw.get("save"):
        kinds = ("plain", "ours", "naive")
        bars = {f"{save['where']}, {save['what']}": {kind: 1000 * save[kind] for kind in kinds} for save in saves}
        bars |= {
            f"{save['where']}, after quiet seconds": {kind: 1000 * save[kind] for kind in kinds}
            for save in raw.get("lone save", [])
        }
        found.append(Panel("median save()", "ms", bars))
    if latencies := raw.get("latency"):
        bars = {one["short"]: {kind: one[kind] for kind in ("ours", "naive")} for one in latencies}
        found.append(Panel("from save() to 2Checkout, or to the synced row", "ms", bars, logarithmic=True))
    if jobs := raw.get("jobs"):
        grouped: dict[str, dict[str, list[float]]] = {}
        for run in jobs:
            group = f"{run['shape']}, {1000 * run['latency']:.0f} ms"
            grouped.setdefault(group, {}).setdefault(run["who"], []).append(run["rate"])
        bars = {group: {kind: median(rates) for kind, rates in kinds.items()} for group, kinds in grouped.items()}
        found.append(Panel("re-fetches by a job", "per second", bars))
    if saved := [one for one in raw.get("mirrors", []) if "times" in one]:
        found.append(Panel("median save() of a mirrored object", "ms", {one["what"]: one["times"] for one in saved}))
    if swept := [one for one in raw.get("mirrors", []) if "rates" in one]:
        found.append(Panel("mirrored by a sweep", "objects per second", {one["what"]: one["rates"] for one in swept}))
    return found


def plot(path: Path, raw: dict[str, Any]) -> None:
    try:
        import matplotlib as mpl
    except ImportError:
        return
    mpl.use("Agg")
    from matplotlib import pyplot

    pictures = panels(raw)
    if not pictures:
        return
    columns = min(len(pictures), 3)
    lines = math.ceil(len(pictures) / columns)
    figure, axes = pyplot.subplots(lines, columns, figsize=(5 * columns, 4.5 * lines), squeeze=False)
    for axis in axes.flat[len(pictures) :]:
        axis.remove()
    for panel, axis in zip(pictures, axes.flat, strict=False):
        kinds = list(dict.fromkeys(kind for heights in panel.bars.values() for kind in heights))
        width = 0.8 / len(kinds)
        for number, kind in enumerate(kinds):
            heights = [heights.get(kind, 0.0) for heights in panel.bars.values()]
            places = [group + width * number for group in range(len(heights))]
            axis.bar(places, heights, 0.95 * width, label=kind, color=COLOURS[kind])
        middle = width * (len(kinds) - 1) / 2
        crowded = max(map(len, panel.bars)) > 12
        axis.set_xticks(
            [group + middle for group in range(len(panel.bars))],
            list(panel.bars),
            fontsize=7 if crowded else 9,
            rotation=90 if crowded else 0,
        )
        if panel.logarithmic:
            axis.set_yscale("log")
        axis.set_title(panel.title, fontsize=10)
        axis.set_ylabel(panel.unit)
        axis.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
