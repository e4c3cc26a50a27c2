"""Hears that rows were saved, and asks for a wake-up once the transaction is committed. Connected in ``apps.py``."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from django.db import transaction

from . import tasks
from .conf import conf
from .models import Customer, SyncState


def push_saved_customer(
    sender: type[Customer],
    instance: Customer,
    raw: bool,
    using: str,
    update_fields: Iterable[str] | None,
    **kwargs: Any,
) -> None:
    """After ``save()``. Nothing for fixtures (``raw``), nor for a save that changed nothing that 2Checkout has."""
    marked = update_fields is None or "sync_state" in update_fields
    if marked and not raw and instance.sync_state == SyncState.PENDING and conf.PUSH_ON_SAVE:
        wake = partial(tasks.enqueue, tasks.push_customer, instance.pk, database=using)
        transaction.on_commit(wake, using=using, robust=True)


def push_marked_customers(sender: type[Customer], using: str, **kwargs: Any) -> None:
    """After a bulk write, which is committed already."""
    if conf.PUSH_ON_SAVE:
        tasks.enqueue(tasks.push_pending, database=using)


def push_what_waited(sender: Any, **kwargs: Any) -> None:
    """When a worker has started: what was saved while none was there."""
    tasks.enqueue(tasks.push_pending)
