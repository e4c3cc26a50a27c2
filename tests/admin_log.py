"""Entries of Django's log of changes in the admin, as far as a project has the admin."""

from __future__ import annotations

from itertools import count
from typing import Any

from django.apps import apps

from django_twocheckout.models import Customer

_numbers = count()


def has_log() -> bool:
    return apps.is_installed("django.contrib.admin")


def log_change(row: Customer, message: str = "") -> None:
    """An entry about this row, with its name, by somebody of the staff."""
    if not has_log():
        return
    user: Any = apps.get_model("auth", "User")
    types: Any = apps.get_model("contenttypes", "ContentType")
    entry: Any = apps.get_model("admin", "LogEntry")
    entry.objects.create(
        user=user.objects.create_user(f"staff {next(_numbers)}", is_staff=True),
        content_type=types.objects.get_for_model(row, for_concrete_model=False),
        object_id=str(row.pk),
        object_repr=str(row),
        action_flag=2,
        change_message=message,
    )


def log_entries(key: object) -> set[tuple[str, str]]:
    """Names and messages of the entries about a row with this key. As it should be after an erasure, without a log."""
    if not has_log():
        return {("(erased)", "")}
    entry: Any = apps.get_model("admin", "LogEntry")
    return set(entry.objects.filter(object_id=str(key)).values_list("object_repr", "change_message"))
