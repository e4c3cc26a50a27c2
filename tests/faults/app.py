"""The Celery app of the project under fault, with the engine's constants shortened."""

from __future__ import annotations

import os
from typing import Any

import django
from celery import Celery

from . import constants

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.faults.settings")

app = Celery("faults", set_as_current=True)
app.config_from_object("django.conf:settings", namespace="CELERY")
django.setup()
app.autodiscover_tasks(force=True)
constants.shorten()

#: A publish of the tests' own must not hang while the broker is away.
_BOUNDS: dict[str, dict[str, Any]] = {
    "redis": {"socket_timeout": 1, "socket_connect_timeout": 1, "max_retries": 0},
    "amqp": {"read_timeout": 1, "write_timeout": 1, "connect_timeout": 1, "max_retries": 0},
}


def publish(*tasks: tuple[str, list[Any]]) -> bool:
    """Send these tasks over a connection of its own; False if the broker does not take them."""
    try:
        with app.connection_for_write(connect_timeout=1) as connection:
            bounds = _BOUNDS[connection.get_transport_cls().driver_type]
            connection.transport_options = {**(connection.transport_options or {}), **bounds}
            producer = app.amqp.Producer(connection)
            for name, arguments in tasks:
                app.send_task(name, arguments, producer=producer, retry=False)
    except Exception:  # the broker is away, in any of the ways in which its library may say so
        return False
    return True
