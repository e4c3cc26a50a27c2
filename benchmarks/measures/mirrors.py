"""What a mirror costs: a project's own objects saved one by one and in bulk, whose customers follow. PostgreSQL, Redis.

Saved one by one, an object's customer is saved with it; that stands beside the same two rows saved by hand in one
transaction. Bulk writes only mark the objects, and the sweep makes and changes their customers in portions; that stands
beside bare bulk writes of as many customers' rows in portions of the same size, which read no object, compare nothing,
write no link, and mark nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..lab import Lab
from ..report import Row, median

SORTS = {
    "create": "saving a new mirrored object",
    "update": "saving a changed mirrored object",
    "other field": "saving a mirrored object whose change is not its customer's",
}


def run(lab: Lab) -> Iterator[Row]:
    few, many = (400, 10_000) if lab.quick else (2000, 100_000)
    child = lab.child("mirrors", "redis")
    lab.log(f"{few} objects saved one by one")
    yield from saved(lab, few, child.call("mirroring.rounds", count=few))
    lab.log(f"{many} objects made, marked and mirrored")
    child.call("mirroring.fill", count=many)
    yield in_bulk(lab, many, "made", child.call("mirroring.made", timeout=1200))
    for how in ("refresh", "update"):
        yield from marked(lab, many, how, child.call("mirroring.marked", how=how))
        yield in_bulk(lab, many, how, child.call("mirroring.applied", changed=how == "update", timeout=1200))
    child.close()
    lab.purge("redis")


def saved(lab: Lab, count: int, found: dict[str, dict[str, dict[str, list[float]]]]) -> Iterator[Row]:
    more: dict[str, str] = {}
    for sort, words in SORTS.items():
        times = {kind: 1000 * median(of["seconds"]) for kind, of in found[sort].items()}
        statements = {kind: median(of["statements"]) for kind, of in found[sort].items()}
        lab.note("mirrors", what=sort, count=count, times=times, statements=statements)
        more[sort] = f"{statements['mirrored']:.0f} and {statements['by hand']:.0f} ({sort})"
        yield Row(
            f"{words}, median of {count}: over saving the object, and its customer if that changes, by hand",
            times["mirrored"] / times["by hand"],
            f"by hand {times['by hand']:.2f} ms, mirrored {times['mirrored']:.2f} ms; the object alone without any "
            f"customer {times['plain']:.2f} ms",
        )
    extra = max(median(of["mirrored"]["statements"]) - median(of["by hand"]["statements"]) for of in found.values())
    yield Row("SQL statements of such a save, more than by hand at the most", extra, "; ".join(more.values()))


def marked(lab: Lab, count: int, how: str, took: dict[str, float]) -> Iterator[Row]:
    what = "`mirrors.refresh()`" if how == "refresh" else "`MirroredQuerySet.update()`"
    lab.note("mirrors", what=f"marked by {how}", count=count, **took)
    yield Row(
        f"{what} of {count} objects, which marks them for the sweep: over a bare `update()` of as many",
        took["seconds"] / took["bare"],
        f"bare {took['bare']:.2f} s, ours {took['seconds']:.2f} s",
    )
    yield Row("the caller's memory during this, more by", took["memory"], "", "", "≤ 1.0 MB", " MB")


def in_bulk(lab: Lab, count: int, how: str, took: dict[str, Any]) -> Row:
    words, bare = {
        "made": (f"making the customers of {count} objects (`twocheckout_push --mirrors`)", "`bulk_create()`"),
        "refresh": (f"the sweep mirroring {count} marked objects of which none has changed", "`bulk_update()`"),
        "update": (f"the sweep mirroring {count} marked objects which have all changed", "`bulk_update()`"),
    }[how]
    ours, rival = count / took["seconds"], count / took["bare"]
    what = {"made": "made", "refresh": "unchanged", "update": "changed"}[how]
    lab.note("mirrors", what=what, count=count, rates={"bare": rival, "ours": ours}, **took)
    lab.log(f"{words}: {ours:.0f}/s, bare {rival:.0f}/s")
    return Row(
        f"{words}: share of the rate of a bare {bare} of as many customers' rows",
        ours / rival,
        f"bare {rival:.0f} rows/s, ours {ours:.0f} objects/s; ours took {took['memory']:.1f} MB",
    )
