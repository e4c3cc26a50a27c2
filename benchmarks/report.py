"""What was measured, as a table in Markdown, a plot, and JSON with every raw figure."""

from __future__ import annotations

import json
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
    lines = ["# What was measured", "", *(f"- {name}: {value}" for name, value in facts.items()), ""]
    lines += ["| measure | must | aim | measured | rival's figure | verdict |", "| --- | --- | --- | --- | --- | --- |"]
    lines += [
        f"| {row.measure} | {row.must} | {row.aim} | {row.measured} | {row.rival} | {row.verdict} |" for row in rows
    ]
    if rates := raw.get("rate"):
        lines += ["", "## Pushes per second", "", *rate_table(rates)]
    for title, text in texts.items():
        lines += ["", f"## {title}", "", "```", text, "```"]
    (directory / "results.md").write_text("\n".join(lines) + "\n")
    if rates:
        plot(directory / "rate.png", rates, raw.get("save", []))


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


def plot(path: Path, rates: list[dict[str, Any]], saves: list[dict[str, Any]]) -> None:
    try:
        import matplotlib as mpl
    except ImportError:
        return
    mpl.use("Agg")
    from matplotlib import pyplot

    found = {key: who for key, who in cells(rates).items() if key[1] == "8 × 8"}
    places = list(dict.fromkeys(key[0] for key in found))
    shown = ["naive", "ours", "bare", "bare tuned"]
    colours = dict(zip(shown, ["#b0b0b0", "#1b6ca8", "#f0c27b", "#e08e2b"], strict=True))
    columns = len(places) + bool(saves)
    figure, axes = pyplot.subplots(1, columns, figsize=(4.2 * columns, 4), squeeze=False)
    for place, axis in zip(places, axes[0], strict=False):
        latencies = [key[2] for key in found if key[0] == place]
        for offset, who in enumerate(shown):
            heights = [
                median([run["rate"] for run in found[key].get(who, [])] or [0.0]) for key in found if key[0] == place
            ]
            axis.bar([x + 0.2 * offset for x in range(len(latencies))], heights, 0.19, label=who, color=colours[who])
        axis.set_xticks([x + 0.3 for x in range(len(latencies))], [f"{1000 * latency:.0f} ms" for latency in latencies])
        axis.set_title(place, fontsize=10)
        axis.set_ylabel("pushes per second")
    axes[0][0].legend(fontsize=8)
    if saves:
        axis = axes[0][-1]
        names = [f"{save['where']}\n{save['what']}" for save in saves]
        for offset, (kind, colour) in enumerate([("plain", "#f0c27b"), ("ours", "#1b6ca8"), ("naive", "#b0b0b0")]):
            heights = [1000 * save[kind] for save in saves]
            axis.bar([x + 0.27 * offset for x in range(len(names))], heights, 0.25, label=kind, color=colour)
        axis.set_xticks([x + 0.27 for x in range(len(names))], names, fontsize=6, rotation=60)
        axis.set_title("median save()", fontsize=10)
        axis.set_ylabel("ms")
        axis.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
