"""Imports the vendor's customers, as ``twocheckout_import`` does in a shell."""

from __future__ import annotations

import time

from django.core.management import call_command

from benchmarks.inside.rows import memory_from_now_on, peak_memory_of_this, tidy
from django_twocheckout.models import Account, Ask, Attempt, Customer

#: Seconds after which a worker is taken to have stopped.
LONGEST = 500.0


def begin_anew() -> None:
    """Delete all rows. In a process of its own, for what it takes is no memory of an import."""
    for model in (Attempt, Ask, Customer, Account):
        model.objects.all().delete()
    tidy()


def take_over(count: int, pull: bool = True) -> dict[str, float]:
    """Import all of them, and pull them or let a worker do so.

    Returns the seconds until the last one is pulled, and this process's CPU seconds and peak memory in MB.
    """
    memory_from_now_on()
    begun, cpu = time.perf_counter(), time.process_time()
    call_command("twocheckout_import", verbosity=0, no_pull=not pull)
    while Ask.objects.exists() and time.perf_counter() - begun < LONGEST:
        time.sleep(0.05)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    pulled = Customer.objects.filter(pulled_at__isnull=False, email__contains="@").count()
    assert pulled == count, f"{pulled} of {count} were imported and pulled"
    assert not Ask.objects.exists()
    assert not Customer.objects.exclude(sync_state="synced").exists()
    return {"seconds": seconds, "cpu": cpu, "memory": peak_memory_of_this()}
