"""Lets the times pass that the engine waits for, without waiting. Also sets the project's zones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models.expressions import Combinable
from django.test import override_settings

from django_twocheckout.models import Ask, Customer, database_now

#: A project's settings of time: USE_TZ, TIME_ZONE, and the database's own TIME_ZONE.
ZONES = {
    "aware": (True, "UTC", None),
    "naive": (False, "Europe/Bucharest", None),
    "naive-west": (False, "America/Los_Angeles", None),
    "database-zone": (True, "Europe/Bucharest", "Europe/Berlin"),
}


def overdue() -> Combinable:
    """A moment that has just passed, by the database's clock."""
    return database_now() - timedelta(seconds=1)


def retries_come_due() -> None:
    """Let the time of every next attempt come."""
    Customer.objects.update_unmarked(next_attempt_at=overdue())


def leases_expire() -> None:
    """Let every lease run out, as if the workers had died."""
    Customer.objects.update_unmarked(lease_expires_at=overdue())


def asks_come_due() -> None:
    """Let the leases and the next attempts of all open asks come to their time."""
    Ask.objects.filter(due_at__isnull=False).update(due_at=overdue())


@contextmanager
def in_zone(name: str) -> Iterator[None]:
    """A project with these settings of time, see ``ZONES``."""
    use_tz, zone, database_zone = ZONES[name]
    connection = connections[DEFAULT_DB_ALIAS]  # not its proxy, whose attributes are not those that are remembered
    before = connection.settings_dict["TIME_ZONE"]
    if connection.vendor == "postgresql":
        database_zone = None  # it keeps the moment, in no zone
    connection.settings_dict["TIME_ZONE"] = database_zone
    try:
        with override_settings(USE_TZ=use_tz, TIME_ZONE=zone):  # forgets the connection's zone at both ends
            yield
    finally:
        connection.settings_dict["TIME_ZONE"] = before
        for remembered in ("timezone", "timezone_name"):
            vars(connection).pop(remembered, None)


def replicas_catch_up() -> None:
    """Let the minute pass in which a read may show what was overwritten."""
    for pk, written in Customer.objects.values_list("pk", "written"):
        for write in written.values():
            if write:
                write["old"] = dict.fromkeys(write["old"], 1.0)
        Customer.objects.filter(pk=pk).update_unmarked(written=written)
