"""Hears that rows were saved, and asks for a wake-up once the transaction is committed. Connected in ``apps.py``."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Model

from . import tasks
from .conf import conf
from .models import Customer, SyncState


def push_saved_customer(sender: type[Model], instance: Model, using: str, **kwargs: Any) -> None:
    """After ``save()``. Nothing for fixtures, nor for a save that changed nothing that 2Checkout has."""
    # Proxies and subclasses of Customer send in their own name, so every model's save comes by here.
    if not isinstance(instance, Customer) or not instance.was_marked:
        return
    if instance.sync_state == SyncState.PENDING and conf.PUSH_ON_SAVE:
        transaction.on_commit(partial(tasks.wake, instance.pk, database=using), using=using, robust=True)


def push_marked_customers(sender: type[Model], using: str, **kwargs: Any) -> None:
    """After a bulk write, which is committed already."""
    if conf.PUSH_ON_SAVE:
        tasks.wake(database=using)


def push_what_waited(sender: Any, **kwargs: Any) -> None:
    """When a worker has started: what was saved while none was there."""
    tasks.enqueue(tasks.push_pending)
