"""Finding due work, and the admin's list, in a million rows over ten thousand. PostgreSQL."""

from __future__ import annotations

from ..child import Child
from ..lab import Lab
from ..report import Row, median

NAMES = {"due": "finding due work", "listed": "the admin's list"}


def run(lab: Lab) -> list[Row]:
    small, large = 10_000, 200_000 if lab.quick else 1_000_000
    children = {count: lab.child(f"rows-{count}", "redis") for count in (small, large)}
    for count, child in children.items():
        lab.log(f"filling a table with {count} rows: {child.call('scale.fill', count=count):.0f} s")
    rows = [compared(lab, children, what, f"{name}, {large} rows over {small}") for what, name in NAMES.items()]
    for count, child in children.items():
        lab.texts[f"Finding due work in {count} rows"] = child.call("scale.explain")
    lab.texts[f"The admin's list of {large} rows: its statements and their seconds"] = "\n".join(
        " ".join(line)[:200] for line in children[large].call("scale.list_statements")
    )
    for count, child in children.items():
        lab.note("mark_all", rows=count, seconds=child.call("scale.mark_all"))
    rows.append(
        compared(
            lab, children, "due", f"finding due work where every row was marked by one statement, {large} over {small}"
        )
    )
    lab.texts[f"Finding due work in {large} rows, all marked by one statement"] = children[large].call("scale.explain")
    for child in children.values():
        child.close()
    return rows


def compared(lab: Lab, children: dict[int, Child], what: str, measure: str) -> Row:
    times: dict[int, list[float]] = {count: [] for count in children}
    for number in range(12 if lab.quick else 25):
        for count, child in children.items():
            seconds = child.call(f"scale.{what}")
            if number > 1:  # the first ones fill caches
                times[count].append(seconds)
    small, large = (median(seconds) for seconds in times.values())
    lab.note("scale", what=measure, small=small, large=large)
    lab.log(f"{measure}: {1000 * small:.2f} and {1000 * large:.2f} ms")
    return Row(measure, large / small, f"{1000 * small:.2f} ms and {1000 * large:.2f} ms", "≤ 2", "≤ 1.2")
