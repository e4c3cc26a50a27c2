"""What a project adds of its own: a proxy of the customers, and a database router."""

from __future__ import annotations

from typing import Any

from django_twocheckout.models import Customer


class Vip(Customer):
    """A proxy, as a project makes one for an admin of its own."""

    class Meta:
        proxy = True
        app_label = "twocheckout"


class ReadsFromReplica:
    """Reads come from the replica, writes go home."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return "replica"

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "default"

    def allow_relation(self, *objects: Any, **hints: Any) -> bool:
        return True
