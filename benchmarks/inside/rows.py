"""Fills the tables, marks rows, queues the naive app's messages: what is there before something is measured."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.models import QuerySet
from django.test import override_settings

from benchmarks.celery import app
from benchmarks.customers import FIRST_REFERENCE, values
from benchmarks.rivals.models import Naive, Plain
from benchmarks.rivals.tasks import push
from benchmarks.worker import NODE, QUEUE, peak_memory
from django_twocheckout import tasks
from django_twocheckout.models import Customer


def migrate() -> None:
    call_command("migrate", verbosity=0)
    call_command("migrate", run_syncdb=True, verbosity=0)  # the rivals have no migrations, and refer to ours


def seed(count: int) -> None:
    """Begin anew with *count* customers in each table, which the vendor has too."""
    quiet = override_settings(TWOCHECKOUT={**settings.TWOCHECKOUT, "PUSH_ON_SAVE": False})
    with quiet:
        for model in (Plain, Naive, Customer):
            model.objects.all().delete()
            made = (
                model(
                    **values(number),
                    customer_reference=str(FIRST_REFERENCE + number),
                    sync_state="synced",
                    # As the engine leaves a row that it pushed.
                    **({"acknowledged": values(number)} if model is Customer else {}),
                )
                for number in range(count)
            )
            model.objects.bulk_create(made, batch_size=500)
    tidy()


def tidy() -> None:
    """Leave no cleaning up of ours to whatever is measured next."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


def mark(count: int, phone: str) -> dict[str, float]:
    """Change the first rows behind the app's back, as raw SQL would, and mark them: what the marking alone costs."""
    first = Customer.objects.order_by("pk").values_list("pk", flat=True)
    last = first[count - 1]
    # A plain queryset, so that this is not the marking.
    QuerySet(Customer).filter(pk__lte=last).update(phone=phone)
    QuerySet(Naive).filter(pk__lte=Naive.objects.order_by("pk").values_list("pk", flat=True)[count - 1]).update(
        phone=phone
    )
    tidy()
    before, at, begun = memory_from_now_on(), time.monotonic(), time.perf_counter()
    marked = Customer.objects.filter(pk__lte=last).mark_pending()
    seconds = time.perf_counter() - begun
    assert marked == count, f"{marked} rows were marked instead of {count}"
    return {"seconds": seconds, "memory": peak_memory_of_this() - before, "at": at}


def mark_all(count: int, phone: str) -> None:
    """The same where there are only our rows, and nothing is measured."""
    last = Customer.objects.order_by("pk").values_list("pk", flat=True)[count - 1]
    QuerySet(Customer).filter(pk__lte=last).update(phone=phone)
    Customer.objects.filter(pk__lte=last).mark_pending()
    tidy()


def memory_from_now_on() -> float:
    """This process's memory in MB, from which its peak counts from now on."""
    with contextlib.suppress(OSError):  # Linux only; elsewhere an earlier peak may hide what comes
        Path("/proc/self/clear_refs").write_text("5")
    return peak_memory_of_this()


def peak_memory_of_this() -> float:
    return peak_memory(os.getpid())


def wake(times: int) -> None:
    for _ in range(times):
        tasks.push_pending.delay()


def queue_naive(count: int) -> dict[str, float]:
    """One message per customer, which is the only way that the naive app knows."""
    keys = list(Naive.objects.order_by("pk").values_list("pk", flat=True)[:count])
    before, at, begun = memory_from_now_on(), time.monotonic(), time.perf_counter()
    for key in keys:
        push.delay(key)
    return {"seconds": time.perf_counter() - begun, "memory": peak_memory_of_this() - before, "at": at}


def save(kind: str, count: int, phone: str) -> float:
    """Change and save the first rows one by one; the seconds that it took."""
    model: Any = {"ours": Customer, "naive": Naive}[kind]
    begun = time.perf_counter()
    for customer in model.objects.order_by("pk")[:count]:
        customer.phone = phone
        customer.save()
    return time.perf_counter() - begun


def create(kind: str, first: int, customers: int, saves: int) -> None:
    """New customers, each saved so many times in a row."""
    model: Any = {"ours": Customer, "naive": Naive}[kind]
    for number in range(first, first + customers):
        customer = model.objects.create(**values(number) | {"external_customer_reference": f"dj-new-{kind}-{number}"})
        for again in range(saves - 1):
            customer.phone = f"+44 20 7946 {again}"
            customer.save()


def change(kind: str, customers: int, saves: int, token: str) -> None:
    """Existing customers, each saved so many times in a row."""
    model: Any = {"ours": Customer, "naive": Naive}[kind]
    for customer in model.objects.order_by("pk")[:customers]:
        for again in range(saves):
            customer.phone = f"{token} {again}"
            customer.save()


def unfinished() -> dict[str, int]:
    """How many of our rows wait, and how many failed."""
    return {state: Customer.objects.filter(sync_state=state).count() for state in ("pending", "failed")}


def settle_all() -> None:
    """Forget what is pending, so that one measurement's leftovers are not the next one's work."""
    QuerySet(Customer).exclude(sync_state="synced").update(sync_state="synced")


def begin() -> None:
    """Let the worker, which waits on an idle queue, at the real one."""
    for _ in range(3):  # on a busy machine the answer may come late
        if app.control.add_consumer(QUEUE, destination=[NODE], reply=True, limit=1, timeout=20):
            return
    raise RuntimeError("no worker took the queue")


def pause() -> None:
    """Let it wait on the idle queue again."""
    app.control.cancel_consumer(QUEUE, destination=[NODE], reply=True, limit=1, timeout=20)
