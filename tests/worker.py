"""A Celery worker's application for the tests that start real ones: messages lie in a folder, so no broker is needed.

``celery -A tests.worker worker``; ``python -m tests.worker 30`` migrates if need be and saves so many customers.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import django
from celery import Celery

FOLDER = Path(os.environ["TEST_WORKER_FOLDER"])
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
os.environ["TEST_DATABASE_URL"] = f"sqlite:///{FOLDER / 'db.sqlite3'}"

messages = FOLDER / "messages"
for name in ("queue", "control"):
    (messages / name).mkdir(parents=True, exist_ok=True)

app = Celery("worker", broker="filesystem://")
app.conf.update(
    broker_transport_options={
        "data_folder_in": str(messages / "queue"),
        "data_folder_out": str(messages / "queue"),
        "control_folder": str(messages / "control"),
        "polling_interval": 0.1,
    },
    worker_enable_remote_control=False,
)
app.set_default()


def configure() -> None:
    from django.conf import settings

    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "BASE_URL": os.environ["TEST_WORKER_VENDOR"]}
    settings.DATABASES["default"]["OPTIONS"] = {"timeout": 20, "transaction_mode": "IMMEDIATE"}


configure()
app.autodiscover_tasks()


def main(count: int) -> None:
    django.setup()
    from django.core.management import call_command

    from django_twocheckout.models import Customer

    from .customers import ADA

    call_command("migrate", verbosity=0)
    for _ in range(count):
        Customer.objects.create(**ADA)


if __name__ == "__main__":
    main(int(sys.argv[1]))
