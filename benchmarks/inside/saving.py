"""Times ``save()`` of the three models in turns."""

from __future__ import annotations

import itertools
import os
import time
from typing import Any

from django.db import connection

from benchmarks.customers import values
from benchmarks.rivals.models import Naive, Plain
from django_twocheckout.models import Customer

MODELS: dict[str, Any] = {"plain": Plain, "ours": Customer, "naive": Naive}
#: Phone numbers of no other customer, in any process.
numbers = (f"{os.getpid()}x{number}" for number in itertools.count())


def create(kind: str) -> float:
    instance = MODELS[kind](**values(next(numbers)))
    begun = time.perf_counter()
    instance.save()
    return time.perf_counter() - begun


def update(kind: str, key: int) -> float:
    instance = MODELS[kind].objects.get(pk=key)
    instance.phone = f"+44 {time.perf_counter_ns()}"
    begun = time.perf_counter()
    instance.save()
    return time.perf_counter() - begun


def rounds(count: int, kinds: list[str]) -> dict[str, dict[str, list[float]]]:
    """Seconds of *count* creates and updates of each kind, in turns that shift."""
    keys = first_keys(kinds)
    times: dict[str, dict[str, list[float]]] = {what: {kind: [] for kind in kinds} for what in ("create", "update")}
    for number in range(count):
        for kind in shifted(kinds, number):
            times["create"][kind].append(create(kind))
            times["update"][kind].append(update(kind, keys[kind][number % len(keys[kind])]))
    return times


def lone(count: int, kinds: list[str], quiet: float) -> dict[str, list[float]]:
    """Seconds of *count* updates of each kind, in turns that shift, each after so many seconds without any save."""
    keys = first_keys(kinds)
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    for number in range(count):
        for kind in shifted(kinds, number):
            time.sleep(quiet)
            times[kind].append(update(kind, keys[kind][number % len(keys[kind])]))
    return times


def first_keys(kinds: list[str]) -> dict[str, list[int]]:
    return {kind: list(MODELS[kind].objects.order_by("pk").values_list("pk", flat=True)[:500]) for kind in kinds}


def shifted(kinds: list[str], number: int) -> list[str]:
    """Another one first each time."""
    shift = number % len(kinds)
    return kinds[shift:] + kinds[:shift]


def statements(kind: str) -> dict[str, list[str]]:
    """The SQL that one save is."""
    seen: list[str] = []

    def note(execute: Any, sql: str, *arguments: Any) -> Any:
        seen.append(sql)
        return execute(sql, *arguments)

    found = {}
    key = MODELS[kind].objects.order_by("pk").values_list("pk", flat=True)[0]
    instance = MODELS[kind].objects.get(pk=key)
    with connection.execute_wrapper(note):
        MODELS[kind](**values(next(numbers))).save()
        found["create"], seen = seen, []
    with connection.execute_wrapper(note):
        instance.phone = f"+44 {time.perf_counter_ns()}"
        instance.save()
        found["update"] = seen
    return found


def one(kind: str) -> dict[str, Any]:
    """One save, whatever comes of it."""
    instance = MODELS[kind](**values(next(numbers)))
    begun, raised = time.perf_counter(), ""
    try:
        instance.save()
    except Exception as error:
        raised = type(error).__name__
    return {"seconds": time.perf_counter() - begun, "raised": raised}
