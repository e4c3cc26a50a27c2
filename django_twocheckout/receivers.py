"""Asks for a wake-up when rows were saved, and mirrors the project's objects. Connected in ``apps.py``."""

from __future__ import annotations

from django.db.models import Model

from . import dispatch, tasks
from .conf import conf
from .exceptions import BeingErased
from .mirrors.registry import mirror_of
from .mirrors.saving import follow_save
from .mirrors.transactions import forget_rolled_back
from .models import Customer, ErasureState, SyncState


def push_saved_customer(sender: type[Model], instance: Model, using: str, **kwargs: object) -> None:
    """After ``save()``: wake a worker once the transaction is committed.

    Not for fixtures, and not for a save without changes for 2Checkout.
    """
    # Proxies and subclasses of Customer send in their own name, so this receiver hears every model's saves.
    if not isinstance(instance, Customer) or not instance.was_marked:
        return
    if instance.sync_state == SyncState.PENDING and conf.PUSH_ON_SAVE and conf.ENABLED:
        instance.when_committed(wake_for_saved_customer, instance.row_key, using)


def wake_for_saved_customer(pk: int | str, using: str) -> None:
    """Once the save is committed."""
    dispatch.wake(tasks.push_customer, pk, database=using)


def push_marked_customers(sender: type[Model], using: str, **kwargs: object) -> None:
    """After a bulk write, once it is committed."""
    if conf.PUSH_ON_SAVE and conf.ENABLED:
        dispatch.wake(tasks.push_pending, database=using)


def keep_row_while_erased(
    sender: type[Model], instance: Customer, using: str, origin: object, **kwargs: object
) -> None:
    """Before a customer is deleted: refuse that while 2Checkout still has to be told, or nobody would tell it."""
    # Loaded perhaps before the erasure began. A queryset has just loaded its rows.
    if instance.erased or instance is origin:
        row = Customer.objects.using(using).filter(pk=instance.row_key, erased=True)
        if row.filter(erasures__state=ErasureState.UNDER_WAY).exists():
            raise BeingErased


def push_what_waited(sender: object, **kwargs: object) -> None:
    """When a worker has started: push the rows that were saved without a worker."""
    dispatch.enqueue(tasks.push_pending)


def prepare_mirrored_object(sender: type[Model], instance: Model, **kwargs: object) -> None:
    """Before ``save()`` of a mirrored object: its link may have been rolled back."""
    if mirror_of(sender) is not None:
        forget_rolled_back(instance)


def mirror_saved_object(
    sender: type[Model], instance: Model, using: str, created: bool, raw: bool, **kwargs: object
) -> None:
    """After ``save()`` of a mirrored object: make or change its customer."""
    mirror = mirror_of(sender)
    if mirror is not None:
        follow_save(mirror, instance, using, created=created, raw=raw)
