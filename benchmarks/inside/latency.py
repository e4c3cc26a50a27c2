"""Saves single rows while a worker is idle, and tells when each save began and when its row was synced.

The moments are of the monotonic clock, which all processes of a machine share: the vendor's arrivals are too.
"""

from __future__ import annotations

import random
import time
from typing import Any

from django.db import connection

from benchmarks.rivals.models import Naive
from benchmarks.rivals.tasks import push
from django_twocheckout import tasks
from django_twocheckout.models import Customer

MODELS: dict[str, Any] = {"ours": Customer, "naive": Naive}
#: Seconds between two looks at a row, and after which it is taken to be lost.
LOOK, LONGEST = 0.001, 20.0


def reference(number: int) -> str:
    return f"dj-benchmark-{number}"


def lone(numbers: dict[str, list[int]], pause: float) -> dict[str, list[dict[str, Any]]]:
    """Save these rows in turns, each once the one before is synced, after a pause.

    Returns for each kind its rows' references, when the save began, and how many seconds later the row was synced.
    """
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in numbers}
    for turn in zip(*numbers.values(), strict=True):
        for kind, number in zip(numbers, turn, strict=True):
            time.sleep(random.uniform(pause, 1.2 * pause))  # else it might always meet the same moment of a loop
            instance = changed(kind, number)
            begun = time.monotonic()
            instance.save()
            await_synced(kind, instance.pk, begun)
            found[kind].append({"reference": reference(number), "at": begun, "synced": time.monotonic() - begun})
    return found


def steady(kind: str, numbers: list[int], shortest: float, longest: float) -> list[dict[str, Any]]:
    """Save these rows one after the other, with such pauses, and wait for no push. When each save began."""
    found = []
    for number in numbers:
        time.sleep(random.uniform(shortest, longest))
        instance = changed(kind, number)
        found.append({"reference": reference(number), "at": time.monotonic()})
        instance.save()
    await_all_synced(kind)
    return found


def changed(kind: str, number: int) -> Any:
    """The row with another phone number, not saved yet."""
    instance = MODELS[kind].objects.get(external_customer_reference=reference(number))
    instance.phone = f"+44 {time.monotonic_ns()}"
    if kind == "naive":
        instance.sync_state = "pending"  # its task sets it back, with which ours begins by itself
    return instance


def await_synced(kind: str, key: int, begun: float) -> None:
    state = MODELS[kind].objects.filter(pk=key).values_list("sync_state", flat=True)
    while state.get() != "synced":
        if time.monotonic() - begun > LONGEST:
            raise RuntimeError(f"{kind}: a row is not synced after {LONGEST:.0f} s")
        time.sleep(LOOK)


def await_all_synced(kind: str) -> None:
    """Wait until no row is pending; the last one may wait for a wake-up that several saves share."""
    begun, pending = time.monotonic(), MODELS[kind].objects.filter(sync_state="pending")
    while pending.exists():
        if time.monotonic() - begun > LONGEST:
            raise RuntimeError(f"{kind}: rows are not synced after {LONGEST:.0f} s")
        time.sleep(0.05)


def statements(kind: str, number: int) -> list[str]:
    """The SQL of a worker's task for one saved row, which is run here."""
    seen: list[str] = []

    def note(execute: Any, sql: str, *arguments: Any) -> Any:
        seen.append(sql)
        return execute(sql, *arguments)

    instance = changed(kind, number)
    instance.save()
    with connection.execute_wrapper(note):
        {"ours": tasks.push_customer, "naive": push}[kind](instance.pk)
    instance.refresh_from_db()
    assert instance.sync_state == "synced", f"{kind}: the row is {instance.sync_state} after its task"
    return seen
