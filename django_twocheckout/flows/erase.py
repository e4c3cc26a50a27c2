"""Erases a customer here and at 2Checkout: begun here, done by any worker, and recorded without values.

The erasure is a row of its own, with an ask in the one queue. So a killed worker loses nothing: the ask stays until the
same transaction has deleted the customer's row and closed the erasure.
"""

from __future__ import annotations

import logging

from django.utils import timezone

from ..client import TwoCheckoutClient
from ..engine import asks, circuit_breaker, rate_limit, report
from ..engine.database import durable
from ..engine.subscriptions import has_active
from ..exceptions import ActiveSubscription, BeingErased, CustomerBusy, TransientError, UnreadableAnswer
from ..models import (
    Ask,
    AskOutcome,
    Customer,
    Erasure,
    ErasureState,
    Source,
    SyncState,
    Verb,
    customers_marked,
    erasure_words,
    key_name,
    reference_hash,
    update_free,
)
from ..redaction import redact_frames
from . import one

logger = logging.getLogger("twocheckout")


@redact_frames
def erase(
    customer: Customer,
    *,
    with_active_subscriptions: bool = False,
    source: Source = Source.CODE,
    user: object = "",
) -> Erasure:
    """Begin to erase this customer, here and at 2Checkout. Returns its record; workers do the rest.

    They delete the cards, push placeholders under the same references, and try again until 2Checkout acknowledges them.
    Then they delete the row and its history, overwrite its names in the admin's log, and send ``customer_erased``.
    2Checkout keeps its orders and invoices. From now on the project's writes to the row raise BeingErased, or leave it
    out if they are bulk writes, and nothing else is sent. Where the project's own rows protect the row, it is emptied.

    Called again, it returns the erasure that is under way. *with_active_subscriptions*: not refused while a
    subscription is active. *source* and *user* (a primary key) are for the record.

    Raises ActiveSubscription, CustomerBusy if a transaction of the project holds the row, SendingStopped,
    ConfigurationError, DoesNotExist for a row that is gone, or RuntimeError inside a transaction. If 2Checkout does not
    say now whether a subscription is active, the workers ask again before they do anything, and may refuse then.
    """
    database = one.database_of(customer)
    with durable(database):  # refused inside a transaction, before anything is sent
        row = one.row_of(customer).get()
    client = one.confirmed_client(database, row.account)
    if not (with_active_subscriptions or row.erased):
        _refuse_active(database, row, client)
    erasure = _begin(database, row, with_active_subscriptions, source, str(getattr(user, "pk", user))[:64])
    customers_marked.send_robust(sender=Customer, using=database)
    return erasure


def erasure_of(customer: Customer) -> Erasure | None:
    """The last erasure of this row, with its words. None if none was begun."""
    return (
        Erasure.objects.using(one.database_of(customer)).filter(customer__pk=customer.row_key).order_by("-pk").first()
    )


def erasure_under_way(customer: Customer) -> Erasure | None:
    """The erasure of this row that has not ended. None without one."""
    return Erasure.objects.under_way(one.database_of(customer)).filter(customer__pk=customer.row_key).first()


def reason_of(customer: Customer) -> str:
    """Why the erasure that is under way did not work so far, in 2Checkout's own words. Blank if nothing went wrong."""
    mine = Ask.objects.using(one.database_of(customer)).filter(customer__pk=customer.row_key, verb=Verb.ERASE)
    return mine.filter(outcome=AskOutcome.OPEN).values_list("reason", flat=True).first() or ""


def repair(database: str) -> None:
    """Announce the ends that killed workers did not. End the erasures whose rows somebody deleted by other means."""
    for erasure in Erasure.objects.left_behind(database):
        if erasure.state == ErasureState.UNDER_WAY:
            logger.warning("erasure %s: its row is gone", erasure.pk, extra={"action": "erase.lost"})
            erasure.state, erasure.words, erasure.ended_at = ErasureState.KEPT, erasure_words.LOST, timezone.now()
            erasure.save(using=database, update_fields=["state", "words", "ended_at"])
        report.announce(erasure, database)


def _refuse_active(database: str, row: Customer, client: TwoCheckoutClient) -> None:
    """Raise ActiveSubscription if 2Checkout says so now. No answer is no reason to refuse: the workers ask again."""
    state = circuit_breaker.confirmed_state(database, row.account)
    if row.customer_reference is None or (state is not None and state.open_until):
        return
    before = client.requests_sent
    try:
        with one.fetching(client, database, row.account):
            active = has_active(client, row.customer_reference)
        if active:
            raise ActiveSubscription
    except (TransientError, UnreadableAnswer) as error:
        logger.info("customer %s: subscriptions not told: %s", row.pk, error, extra={"action": "erase.unasked"})
    finally:
        rate_limit.reserve(database, row.account, client.requests_sent - before)


def _begin(database: str, row: Customer, with_active: bool, source: Source, user: str) -> Erasure:
    """Block the row, and store the erasure and its ask, in one transaction. What else was asked about it ends."""
    with durable(database):
        free = Customer.objects.using(database).filter(pk=row.pk, erased=False)
        # Changed: a worker that pushes it right now must not settle its state any more.
        columns = {"sync_state": SyncState.SYNCED, "sync_error": "", "error_code": "", "failed_attempts": 0}
        if not update_free(free, erased=True, changed_since_claim=True, **columns):
            return _begun_already(database, row, with_active)
        erasure = Erasure.objects.using(database).create(
            account=row.account,
            customer_id=row.pk,
            source=source,
            user=user,
            with_active_subscriptions=with_active,
            reference_hash=reference_hash(row.customer_reference),
            external_reference_hash=reference_hash(row.external_customer_reference),
            key_name=key_name(),
        )
        asks.ask(Verb.ERASE, Customer.objects.using(database), [row.pk], source=source)
        asks.call_off(database, row.pk, BeingErased().words)
    facts = {"action": "erase.begun", "customer": row.pk, "asked_by": source}
    logger.info("customer %s: to be erased", row.pk, extra=facts)
    return erasure


def _begun_already(database: str, row: Customer, with_active: bool) -> Erasure:
    """The erasure that was begun before. Raises CustomerBusy without one: the project holds the row."""
    mine = Erasure.objects.using(database).filter(customer=row.pk).exclude(state=ErasureState.REFUSED)
    erasure = mine.order_by("-pk").first()
    if erasure is None or not Customer.objects.using(database).filter(pk=row.pk, erased=True).exists():
        Customer.objects.using(database).get(pk=row.pk)
        raise CustomerBusy
    if with_active and not erasure.with_active_subscriptions:
        mine.filter(pk=erasure.pk).update(with_active_subscriptions=True)
        erasure.with_active_subscriptions = True
    return erasure
