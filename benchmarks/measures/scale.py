"""What is done in a million rows, over the same in ten thousand. PostgreSQL.

Finding due work, the admin's list and its page of one customer must take as long in the large table as in the small
one. Marking rows, and looking through all of them, must take as long for each row.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..child import Child
from ..lab import Lab
from ..report import Row, median

NAMES = {
    "due": "finding the next hundred due rows",
    "listed": "the admin's list of customers",
    "compared": "the admin's page that compares one customer with 2Checkout",
}
BOUNDS = ("≤ 2", "≤ 1.2")


def run(lab: Lab) -> Iterator[Row]:
    small, large = 10_000, 100_000 if lab.quick else 1_000_000
    some = large // 10
    lab.vendor.ask("/latency", 0.0)
    lab.vendor.ask("/forget")
    children = {count: lab.child(f"rows-{count}", "redis") for count in (small, large)}
    for count, child in children.items():
        lab.log(f"filling a table with {count} rows: {child.call('scale.fill', count=count, timeout=1200):.0f} s")
    lab.vendor.ask("/reset")
    for what, name in NAMES.items():
        yield compared(lab, children, what, f"{name}, in {large} rows over {small}")
    if lab.vendor.ask("/counts")["GET"] < 2 * pages(lab):
        raise RuntimeError("the page compared with nothing: 2Checkout was not asked")
    for count, child in children.items():
        lab.texts[f"Finding due work in {count} rows"] = child.call("scale.explain")
    lab.texts[f"The admin's list of {large} rows: its statements and their seconds"] = "\n".join(
        " ".join(line)[:200] for line in children[large].call("scale.list_statements")
    )
    yield from verified(lab, children)
    yield from marked(lab, children, {small: small, large: some})
    for count, child in children.items():
        lab.note("mark_all", rows=count, seconds=child.call("scale.mark_all", timeout=1200))
    yield compared(
        lab, children, "due", f"{NAMES['due']} where one statement has marked every row, in {large} rows over {small}"
    )
    lab.texts[f"Finding due work in {large} rows, all marked by one statement"] = children[large].call("scale.explain")
    for child in children.values():
        child.close()
    lab.purge("redis")


def compared(lab: Lab, children: dict[int, Child], what: str, measure: str) -> Row:
    times: dict[int, list[float]] = {count: [] for count in children}
    for number in range(pages(lab)):
        for count, child in children.items():
            seconds = child.call(f"scale.{what}")
            if number > 1:  # the first ones fill caches
                times[count].append(seconds)
    small, large = (median(seconds) for seconds in times.values())
    lab.note("scale", what=measure, small=small, large=large)
    lab.log(f"{measure}: {1000 * small:.2f} and {1000 * large:.2f} ms")
    return Row(measure, large / small, f"{1000 * small:.2f} ms and {1000 * large:.2f} ms", *BOUNDS)


def pages(lab: Lab) -> int:
    """How often each is done in each table."""
    return 12 if lab.quick else 25


def verified(lab: Lab, children: dict[int, Child]) -> Iterator[Row]:
    """Looking for changes without a mark, row by row."""
    (small, few), (large, many) = (
        (count, child.call("scale.verify", timeout=1800)) for count, child in children.items()
    )
    lab.note("verify", small={"rows": small, **few}, large={"rows": large, **many})
    per_row = [1e6 * few["seconds"] / small, 1e6 * many["seconds"] / large]
    lab.log(f"--verify: {per_row[0]:.1f} and {per_row[1]:.1f} µs for a row")
    yield Row(
        f"time per row of `twocheckout_push --verify`, in {large} rows over {small}",
        per_row[1] / per_row[0],
        f"{per_row[0]:.1f} µs and {per_row[1]:.1f} µs; {many['seconds']:.1f} s for all {large}",
        *BOUNDS,
    )
    yield Row(
        f"the same in {large} rows, over only reading the columns that it compares",
        many["seconds"] / many["bare"],
        f"reading {1e6 * many['bare'] / large:.1f} µs per row",
    )
    yield Row(f"the command's memory during this in {large} rows, more by", many["memory"], "", "", "", " MB")


def marked(lab: Lab, children: dict[int, Child], numbers: dict[int, int]) -> Iterator[Row]:
    """Marking rows by one statement, as ``mark_pending()`` does."""
    (small, few), (large, many) = (
        (count, child.call("scale.mark_some", count=numbers[count], timeout=1800)) for count, child in children.items()
    )
    lab.note("marking", small={"rows": small, **few}, large={"rows": large, **many})
    per_row = [1e6 * few["seconds"] / numbers[small], 1e6 * many["seconds"] / numbers[large]]
    lab.log(f"marking: {per_row[0]:.1f} and {per_row[1]:.1f} µs for a row")
    yield Row(
        f"time per row of marking {numbers[large]} of {large} rows as pending, over {numbers[small]} of {small}",
        per_row[1] / per_row[0],
        f"{per_row[0]:.1f} µs and {per_row[1]:.1f} µs; {few['seconds']:.2f} s and {many['seconds']:.2f} s",
        *BOUNDS,
    )
    more = f"the caller's memory while {numbers[large]} rows are marked, more by"
    yield Row(more, many["memory"], "", "", "≤ 1.0 MB", " MB")
