"""Pushes customers for the doors: one now, the due rows at a wake-up, or many given ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from ..engine import asks, claims
from ..engine.batch import ROUNDS, Batch, run_one
from ..engine.clients import current_client, sending_is_off
from ..engine.records import Key
from ..engine.sources import DueRows
from ..engine.summary import Summary, sooner
from ..merge import changed_fields
from ..models import Customer, CustomerQuerySet, Source, SyncState, Verb
from ..wire import to_wire, wire_names
from . import one
from .many import OnBacklog, OnSettled, in_turn, run_each

#: Rows compared together.
PORTION = 1000


def push(customer: Customer, *, source: Source = Source.CODE, user: object = "") -> Customer:
    """Push this customer now, in any state: create it at 2Checkout, or update the differences.

    The row holds the result (``sync_state``, ``sync_error``), and the instance is reloaded. Assigned and unsaved fields
    stay. The push goes out even while the account is paused, because it is as good a trial as any. If another worker
    has claimed the row, that worker pushes it. *source* and *user* (a primary key) are for the history. Raises no
    TwoCheckoutError but SendingStopped and BeingErased. Raises ConfigurationError for a wrong setting, DoesNotExist for
    a deleted row, and RuntimeError inside a transaction.

    https://docs.2checkout.com/api-reference/reference/customers
    """
    for _ in range(ROUNDS):
        claimed = one.claim(customer, Verb.PUSH, source, user)
        if claimed is None or not run_one(*claimed)[0].changed:
            break
    return one.reload(customer)


def push_due(
    pk: Key, *, database: str | None = None, seconds: float | None = None, on_backlog: OnBacklog = None
) -> Summary:
    """Push this row if it is due, and all other due rows: the work of a wake-up.

    *seconds*: claim no rows after so long. *on_backlog*: called once if there is work for another worker. Raises
    ConfigurationError.
    """
    return run_due(one.customers_in(database), first=pk, seconds=seconds, on_backlog=on_backlog)


def push_each(
    pks: Iterable[Key],
    *,
    database: str | None = None,
    source: Source = Source.CODE,
    user: object = "",
    limit: int | None = None,
    seconds: float | None = None,
    on_backlog: OnBacklog = None,
    on_settled: OnSettled = None,
) -> Summary:
    """Push these rows in any state, side by side, while the account is not paused.

    *limit*: the most rows. *seconds*: claim no rows after so long. *on_backlog*: called once if there is work for
    another worker. *on_settled*: called now and then with the settled rows. Raises ConfigurationError, or RuntimeError
    inside a transaction.
    """
    return run_each(
        Verb.PUSH,
        pks,
        database=database,
        source=source,
        user=user,
        limit=limit,
        seconds=seconds,
        on_backlog=on_backlog,
        on_settled=on_settled,
    )


def run_due(
    customers: CustomerQuerySet,
    *,
    first: Key | None = None,
    account: str | None = None,
    source: Source | None = None,
    limit: int | None = None,
    seconds: float | None = None,
    on_backlog: OnBacklog = None,
    on_settled: OnSettled = None,
) -> Summary:
    """Do what is due in each account: push the due rows, the *first* one before all others, then what was asked for.

    *account*: only in this one. Sends nothing if ENABLED is False.
    """
    if sending_is_off():
        return Summary()
    run = partial(_run_account, customers, first, source, on_backlog=on_backlog, on_settled=on_settled)
    return in_turn(run, limit=limit, seconds=seconds, account=account)


def _run_account(
    customers: CustomerQuerySet, first: Key | None, source: Source | None, account: str, **options: Any
) -> Summary:
    """Do what is due in this account."""
    client, customers = current_client(account), customers.filter(account=account)
    wait = _due_in(customers, account)
    if wait is None or wait > 0:
        return Summary(due_in=wait)
    rows = DueRows(customers, account, first=first, source=source, retries_first=source is Source.SWEEP)
    summary = Batch(rows, client, customers.db, account, **options).run()
    summary.due_in = _due_in(customers, account)
    return summary


def _due_in(customers: CustomerQuerySet, account: str) -> float | None:
    """Seconds until something is due, 0 if something is due now. None if nothing is to come."""
    push = claims.due_in(customers)
    if push == 0:
        return push
    return sooner(push, asks.due_in(customers.db, account))


def unmarked_changes(customers: CustomerQuerySet) -> Iterator[Key]:
    """The keys of synced rows with values that 2Checkout never acknowledged, for example after raw SQL."""
    last, synced = None, customers.filter(sync_state=SyncState.SYNCED, erased=False).order_by("pk")
    names = ["pk", "acknowledged", *Customer.PUSHED_FIELDS]
    while rows := list((synced if last is None else synced.filter(pk__gt=last)).values(*names)[:PORTION]):
        for row in rows:
            # Without acknowledged values, the project added the row as synced: 2Checkout has the row's values.
            if row["acknowledged"] and changed_fields(to_wire(row), wire_names(row["acknowledged"])):
                yield row["pk"]
        last = rows[-1]["pk"]
