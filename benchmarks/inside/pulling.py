"""Asks for re-fetches of many customers by a job, as the admin's action does, and waits for its end."""

from __future__ import annotations

import time

from django_twocheckout.flows import jobs
from django_twocheckout.models import Ask, Customer, Job, Verb

#: Seconds after which a job is taken to have stopped.
LONGEST = 60.0


def begin(count: int) -> dict[str, float]:
    """A job that re-fetches the first customers; how long storing it takes."""
    keys = list(Customer.objects.order_by("pk").values_list("pk", flat=True)[:count])
    Customer.objects.update_unmarked(pulled_at=None)
    begun = time.perf_counter()
    job = jobs.begin(Verb.PULL, keys)
    return {"job": job.pk, "seconds": time.perf_counter() - begun}


def await_end(job: int, count: int) -> None:
    """Once 2Checkout has answered all: wait until every row has what it answered, and forget the job."""
    begun = time.monotonic()
    while (progress := jobs.progress(Job.objects.get(pk=job))).remaining and time.monotonic() - begun < LONGEST:
        time.sleep(0.1)
    assert (progress.done, progress.total) == (count, count), f"the job of {count} stands at {progress.done} done"
    pulled = Customer.objects.filter(pulled_at__isnull=False).count()
    assert pulled == count, f"{pulled} of {count} rows were re-fetched"
    Ask.objects.all().delete()
    Job.objects.all().delete()
