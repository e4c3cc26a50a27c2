"""Imports the vendor's customers, as ``twocheckout_import`` does in a shell."""

from __future__ import annotations

import time

from django.core.management import call_command

from benchmarks.inside.rows import memory_from_now_on, peak_memory_of_this, tidy
from django_twocheckout.models import Account, Ask, Attempt, Customer


def begin_anew() -> None:
    for model in (Attempt, Ask, Customer, Account):
        model.objects.all().delete()
    tidy()


def take_over(count: int) -> dict[str, float]:
    """Import and pull all of them; the seconds of the whole command, and this process's peak memory in MB."""
    begin_anew()
    memory_from_now_on()
    begun = time.perf_counter()
    call_command("twocheckout_import", verbosity=0)
    seconds = time.perf_counter() - begun
    pulled = Customer.objects.filter(pulled_at__isnull=False, email__contains="@").count()
    assert pulled == count, f"{pulled} of {count} were imported and pulled"
    assert not Ask.objects.exists()
    assert not Customer.objects.exclude(sync_state="synced").exists()
    return {"seconds": seconds, "memory": peak_memory_of_this()}
