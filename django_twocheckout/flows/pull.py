"""Pulls customers for the doors: fetches 2Checkout's values into our rows, one or many."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from types import MappingProxyType

from django.db.models import F, Q
from django.utils import timezone

from ..engine import asks, reconcile
from ..engine.batch import Batch, run_one
from ..engine.clients import current_client
from ..engine.operations import PULL
from ..engine.records import Choices, Key, Result
from ..engine.sources import AskedPulls
from ..engine.summary import Summary
from ..merge import Winner
from ..models import Ask, AskOutcome, Customer, CustomerQuerySet, Presence, Source, Verb
from ..redaction import redact_frames
from . import one
from .many import OnBacklog, OnSettled, in_turn, run_each


@redact_frames
def pull(customer: Customer, *, source: Source = Source.CODE, user: object = "") -> Customer:
    """Fetch this customer from 2Checkout into our row. A change only here stays pending.

    Reloads the instance. Wakes no worker. *source* and *user* (a primary key) are for the history. Raises CustomerBusy
    if another worker has claimed the row, NotFound for a customer unknown to 2Checkout, another TwoCheckoutError,
    ConfigurationError, or RuntimeError inside a transaction.

    https://docs.2checkout.com/api-reference/reference/customers
    """
    pull_with(customer, {}, source, user)
    return one.reload(customer)


def pull_with(customer: Customer, choices: Choices, source: Source, user: object) -> Result:
    """Pull the row. *choices*: the winners of single fields. Raises the errors of :func:`pull`."""
    claimed, client = one.claim_or_busy(customer, Verb.PULL, source, user)
    chosen = partial(reconcile.pull, choices=MappingProxyType(dict(choices)))
    result = run_one(claimed, client, replace(PULL, reconcile=chosen) if choices else PULL)[1]
    if result.error:
        raise result.error
    return result


def pull_each(
    pks: Iterable[Key],
    *,
    database: str | None = None,
    source: Source = Source.CODE,
    user: object = "",
    conflict: Winner | None = None,
    limit: int | None = None,
    seconds: float | None = None,
    on_backlog: OnBacklog = None,
    on_settled: OnSettled = None,
) -> Summary:
    """Pull these rows side by side, while the account is not paused.

    Failures are logged, and leave the rows as they were. *conflict*: who wins in fields that changed on both sides,
    instead of the setting CONFLICT. For the arguments see :func:`.push_each`. Raises ConfigurationError, or
    RuntimeError inside a transaction.
    """
    return run_each(
        Verb.PULL,
        pks,
        database=database,
        source=source,
        user=user,
        limit=limit,
        seconds=seconds,
        on_backlog=on_backlog,
        on_settled=on_settled,
        operation=replace(PULL, reconcile=partial(reconcile.pull, conflict=conflict)) if conflict else None,
    )


def ask_pulls(pks: Iterable[Key], *, database: str | None = None, source: Source = Source.CODE) -> int:
    """Ask for a pull of these rows. Any worker that is woken, and the sweep, do it. Returns the number of rows."""
    return asks.ask(Verb.PULL, one.customers_in(database), pks, source=source)


def pull_asked(
    source: Source,
    *,
    database: str | None = None,
    account: str | None = None,
    limit: int | None = None,
    on_settled: OnSettled = None,
) -> Summary:
    """Do the pulls that *source* asked for and that are due. *account*: only in this one.

    Raises ConfigurationError, or SendingDisabled.
    """
    customers = one.customers_in(database)

    def run(account: str, *, limit: int | None, seconds: float | None) -> Summary:
        rows, client = AskedPulls(customers, account, source), current_client(account)
        return Batch(rows, client, customers.db, account, limit=limit, seconds=seconds, on_settled=on_settled).run()

    return in_turn(run, limit=limit, seconds=None, account=account)


def not_pulled(customers: CustomerQuerySet) -> CustomerQuerySet:
    """Those of the customers whose last pull that was asked for failed for good."""
    failed = Ask.objects.using(customers.db).filter(verb=Verb.PULL, outcome=AskOutcome.FAILED)
    return customers.filter(pk__in=failed.values("customer"))


def stale(customers: CustomerQuerySet, seconds: float) -> CustomerQuerySet:
    """Those of the customers that 2Checkout has and that were not pulled for so long."""
    before = timezone.now() - timedelta(seconds=seconds)
    known = customers.exclude(customer_reference=None).filter(presence=Presence.THERE)
    return known.filter(Q(pulled_at=None) | Q(pulled_at__lt=before))


def ask_stale(seconds: float, every: float, *, database: str | None = None) -> int:
    """Ask for pulls of the stalest rows, so many that all have their turn within *seconds*.

    *every*: the seconds between two calls. Returns the number of rows.
    """
    customers = one.customers_in(database)
    known = customers.exclude(customer_reference=None).filter(presence=Presence.THERE)
    share = math.ceil(known.count() * min(every / seconds, 1.0))
    # What failed for good waits for a person, and must not keep the others from their turn.
    turn = known.exclude(pk__in=not_pulled(customers).values("pk"))
    turn = turn.order_by(F("pulled_at").asc(nulls_first=True), "pk")
    return ask_pulls(list(turn.values_list("pk", flat=True)[:share]), database=customers.db, source=Source.SWEEP)


def asked_pulls(source: Source, customers: CustomerQuerySet) -> CustomerQuerySet:
    """Those of the customers with a pull to come that *source* asked for."""
    asked = Ask.objects.using(customers.db).filter(verb=Verb.PULL, source=source, due_at__isnull=False)
    return customers.filter(pk__in=asked.values("customer"))
