"""The Celery app of the workers that are measured; as a project has one."""

import os
from pathlib import Path

from celery import Celery
from celery.signals import worker_ready

app = Celery("benchmarks")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["django_twocheckout", "benchmarks.rivals"])


@worker_ready.connect
def tell_that_the_worker_is_ready(**kwargs):
    if "BENCHMARK_READY" in os.environ:
        Path(os.environ["BENCHMARK_READY"]).touch()
