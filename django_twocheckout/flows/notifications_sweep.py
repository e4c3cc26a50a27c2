"""Turns stored notifications into asks for pulls, for the sweep, and deletes the old ones.

Many notifications of one customer are one ask.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from ..conf import conf
from ..engine import admission, circuit_breaker
from ..engine.asks import ask
from ..engine.clients import sending_is_off
from ..engine.database import retry_lost_connection
from ..engine.history import delete_in_portions
from ..engine.records import Key
from ..engine.retry import is_account_failure, is_no_answer
from ..exceptions import AlreadyAdded, NotFound, SendingStopped, TwoCheckoutError, WasErased
from ..models import (
    Account,
    Customer,
    Erasure,
    Notification,
    NotificationOutcome,
    Source,
    Verb,
    database_now,
    read_clock,
)
from .add import add
from .references import rows_with

logger = logging.getLogger("twocheckout")

#: Notifications applied together.
PORTION = 1000
#: Forged ones are counted for so long.
FORGED_KEPT = timedelta(days=1)
#: Waiting notifications are kept so long in any case. Nobody waits for longer.
WAITING_KEPT = timedelta(days=7)
#: An unknown customer that cannot be fetched is given up after this time, as 2Checkout gives up a notification.
LONGEST_RETRY = timedelta(days=2)
#: Seconds of a sweep for unknown customers, after all else that is due.
ADD_SECONDS = 20.0

_APPLIED = ["outcome", "customer", "customer_reference", "external_customer_reference"]
#: The outcomes of notifications that a sweep still has to deal with.
WAITING = (NotificationOutcome.NEW, NotificationOutcome.TO_ADD)


def has_work(database: str) -> bool:
    """Whether any notification waits, or is to be deleted. One short statement: mostly there is none."""
    return Notification.objects.using(database).filter(Q(outcome__in=WAITING) | _old()).exists()


def apply(database: str) -> None:
    """Ask for a pull of each customer that 2Checkout notified of. Notes the others as unknown, or as to be added."""
    for account in conf.aliases():
        new = Notification.objects.using(database).filter(outcome=NotificationOutcome.NEW, account=account)
        while some := list(new.order_by("pk")[:PORTION]):
            _apply(database, account, some)
        if received_at := last_received(database, account):
            Account.objects.note_notification(database, account, received_at)


@retry_lost_connection
def _apply(database: str, account: str, some: list[Notification]) -> None:
    rows = list(
        rows_with(
            Customer.objects.using(database).filter(account=account),
            {one.customer_reference for one in some},
            {one.external_customer_reference for one in some},
        )
    )
    internal = {row.customer_reference: row.pk for row in rows}
    external = {row.external_customer_reference: row.pk for row in rows}
    unknown = NotificationOutcome.TO_ADD if conf.of(account).IMPORT_UNKNOWN else NotificationOutcome.UNKNOWN
    asked: set[Key] = set()
    references = {name for one in some for name in (one.customer_reference, one.external_customer_reference)}
    erased = Erasure.objects.among(database, account, references - internal.keys() - external.keys())
    for one in some:
        # Where the references are of two rows, both are pulled.
        found = [internal.get(one.customer_reference), external.get(one.external_customer_reference)]
        pks = [pk for pk in found if pk is not None]
        asked.update(pks)
        one.outcome = NotificationOutcome.ASKED if pks else unknown
        one.customer_id = pks[0] if pks else None
        if not pks and erased & {one.customer_reference, one.external_customer_reference}:
            forget(one)
    # Asked first: a worker that is killed between the two statements asks once more.
    ask(Verb.PULL, Customer.objects.using(database), sorted(asked), source=Source.NOTIFIED)
    Notification.objects.using(database).bulk_update(some, _APPLIED, batch_size=PORTION)


def forget(one: Notification) -> None:
    """Leave this notification of an erased customer aside, without its references."""
    one.outcome = NotificationOutcome.ERASED
    one.customer_reference = one.external_customer_reference = ""


def last_received(database: str, account: str) -> datetime | None:
    """When the last genuine one came that is still stored."""
    genuine = Notification.objects.using(database).exclude(outcome=NotificationOutcome.FORGED)
    return genuine.filter(account=account).order_by("-pk").values_list("received_at", flat=True).first()


def add_unknown(
    database: str, accounts: Sequence[str], *, limit: int | None = None, seconds: float | None = None
) -> None:
    """Fetch these accounts' customers to be added, and make rows of them. Ends early if 2Checkout gives no answer."""
    until = time.monotonic() + min(ADD_SECONDS, ADD_SECONDS if seconds is None else seconds)
    for account in accounts:
        by_reference: dict[tuple[str, str], list[Notification]] = defaultdict(list)
        waiting = Notification.objects.using(database).filter(outcome=NotificationOutcome.TO_ADD, account=account)
        for one in waiting.order_by("pk")[:PORTION]:
            key = one.customer_reference, "" if one.customer_reference else one.external_customer_reference
            by_reference[key].append(one)
        if not by_reference or sending_is_off():
            continue
        for some in list(by_reference.values())[:limit]:
            if time.monotonic() > until or not _add(database, account, some):
                break


def _add(database: str, account: str, some: list[Notification]) -> bool:
    """Add the customer of these notifications. Returns whether more may be tried now."""
    permit = admission.acquire(database, account, 1)
    admission.release(database, account, permit, 0)  # adding counts its own requests
    if permit.rows < 1:
        return False
    internal, external = some[0].customer_reference, some[0].external_customer_reference
    outcome, failure = NotificationOutcome.ADDED, None
    pk: Any = None
    try:
        pk = add(
            internal or external, account, source=Source.NOTIFIED, database=database, customer_reference=internal
        ).pk
    except AlreadyAdded as error:
        outcome, pk = NotificationOutcome.ASKED, error.pk
        ask(Verb.PULL, Customer.objects.using(database), [pk], source=Source.NOTIFIED)
    except NotFound:
        outcome = NotificationOutcome.UNKNOWN
    except WasErased:
        outcome = NotificationOutcome.ERASED
    except SendingStopped:
        return False
    except TwoCheckoutError as error:
        failure = error
    if failure is not None and (is_account_failure(failure) or is_no_answer(failure)):
        if is_account_failure(failure) or permit.trial:
            circuit_breaker.trip(database, account, failure, trial=permit.trial)
        return False
    if permit.trial:
        circuit_breaker.close(database, account)
    if failure is not None:
        logger.warning("account %s: a customer notified of is not added: %s", account, failure)
        if some[0].received_at > read_clock(database) - LONGEST_RETRY:
            return True
        outcome = NotificationOutcome.UNKNOWN
    _note(database, some, outcome, pk)
    return True


@retry_lost_connection
def _note(database: str, some: Iterable[Notification], outcome: NotificationOutcome, pk: Key | None) -> None:
    rows = Notification.objects.using(database).filter(pk__in=[one.pk for one in some])
    unnamed = {"customer_reference": "", "external_customer_reference": ""}
    rows.update(outcome=outcome, customer=pk, **(unnamed if outcome is NotificationOutcome.ERASED else {}))


def purge(database: str) -> None:
    """Delete the notifications older than HISTORY_DAYS, in portions, and the forged ones of yesterday."""
    delete_in_portions(Notification.objects.using(database).filter(_old()).order_by())


def _old() -> Q:
    """The notifications to be deleted."""
    now, kept = database_now(), timedelta(days=conf.HISTORY_DAYS)
    ended = [one for one in NotificationOutcome if one not in (*WAITING, NotificationOutcome.FORGED)]
    return (
        Q(outcome__in=ended, received_at__lt=now - kept)
        | Q(outcome__in=WAITING, received_at__lt=now - max(kept, WAITING_KEPT))
        | Q(outcome=NotificationOutcome.FORGED, received_at__lt=now - FORGED_KEPT)
    )
