"""Notifications of 2Checkout: stored by the endpoint, then turned into asks for pulls by the sweep.

The endpoint does one INSERT and waits for nobody. Many notifications of one customer are one ask.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, router
from django.db.models import Q, QuerySet
from django.urls import NoReverseMatch, reverse

from ..conf import DEFAULT_ACCOUNT, conf
from ..engine import admission, circuit_breaker
from ..engine.asks import ask
from ..engine.clients import sending_is_off
from ..engine.database import retry_lost_connection
from ..engine.history import delete_in_portions
from ..engine.records import Key
from ..engine.retry import is_account_failure, is_no_answer
from ..exceptions import AlreadyAdded, NotFound, SendingStopped, TwoCheckoutError
from ..models import (
    Account,
    Customer,
    Notification,
    NotificationKind,
    NotificationOutcome,
    Source,
    Verb,
    database_now,
    read_clock,
)
from ..redaction import redacted_repr
from .account import current_accounts
from .add import add

logger = logging.getLogger("twocheckout")

#: Notifications applied together.
PORTION = 1000
#: Forged requests are stored up to this number, so that nobody can fill the database. The sweep deletes those of
#: yesterday.
MOST_FORGED = 10_000
FORGED_KEPT = timedelta(days=1)
#: Waiting notifications are kept so long in any case. Nobody waits for longer.
WAITING_KEPT = timedelta(days=7)
#: An unknown customer that cannot be fetched is given up after this time, as 2Checkout gives up a notification.
LONGEST_RETRY = timedelta(days=2)
#: Seconds of a sweep for unknown customers, after all else that is due.
ADD_SECONDS = 20.0

_WAITING = (NotificationOutcome.NEW, NotificationOutcome.TO_ADD)


def database_of_notifications() -> str:
    """The database in which the endpoint stores them."""
    return router.db_for_write(Notification)


@retry_lost_connection
def store(
    database: str,
    account: str,
    kind: NotificationKind,
    outcome: NotificationOutcome,
    customer_reference: str = "",
    external_customer_reference: str = "",
) -> None:
    """Store one notification, in one INSERT. Raises a database error if it is not stored."""
    Notification.objects.using(database).create(
        account=account,
        kind=kind,
        outcome=outcome,
        received_at=database_now(),
        customer_reference=customer_reference,
        external_customer_reference=external_customer_reference,
    )


def count_forged(account: str, kind: NotificationKind) -> None:
    """Store that a forged request came, unless there are :data:`MOST_FORGED`. A failing database is logged."""
    database = database_of_notifications()
    try:
        forged = Notification.objects.using(database).filter(outcome=NotificationOutcome.FORGED).order_by()
        if not forged[MOST_FORGED - 1 : MOST_FORGED].exists():
            store(database, account, kind, NotificationOutcome.FORGED)
    except DatabaseError as error:
        logger.warning("a forged notification is not counted: %s", type(error).__name__)


def customer_of(account: str, customer_reference: str, external_customer_reference: str) -> Customer | None:
    """The row that a notification is about, by either reference. 2Checkout's own one wins."""
    rows = Customer.objects.using(database_of_notifications()).filter(account=account)
    for name, reference in (
        ("customer_reference", customer_reference),
        ("external_customer_reference", external_customer_reference),
    ):
        if reference and (row := rows.filter(**{name: reference}).first()):
            return row
    return None


def of_customer(customer: Customer) -> QuerySet[Notification]:
    """The notifications of this customer, also those that the sweep has not applied yet."""
    references = Q()
    for name in ("customer_reference", "external_customer_reference"):
        if reference := getattr(customer, name):
            references |= Q(**{name: reference})
    mine = Q(customer=customer.pk)
    if references:
        mine |= Q(references, outcome=NotificationOutcome.NEW, account=customer.account)
    return Notification.objects.using(customer._state.db).filter(mine).order_by("-received_at", "-pk")


# The sweep.


def apply(database: str) -> None:
    """Ask for a pull of each customer that 2Checkout notified of. Notes the others as unknown, or as to be added."""
    for account in conf.aliases():
        new = Notification.objects.using(database).filter(outcome=NotificationOutcome.NEW, account=account)
        while some := list(new.order_by("pk")[:PORTION]):
            _apply(database, account, some)
        if received_at := _last_received(database, account):
            Account.objects.note_notification(database, account, received_at)


@retry_lost_connection
def _apply(database: str, account: str, some: list[Notification]) -> None:
    internal = _keys(database, account, "customer_reference", {one.customer_reference for one in some})
    external = _keys(
        database, account, "external_customer_reference", {one.external_customer_reference for one in some}
    )
    unknown = NotificationOutcome.TO_ADD if conf.of(account).IMPORT_UNKNOWN else NotificationOutcome.UNKNOWN
    asked: set[Key] = set()
    for one in some:
        # Where the references are of two rows, both are pulled.
        found = [internal.get(one.customer_reference), external.get(one.external_customer_reference)]
        pks = [pk for pk in found if pk is not None]
        asked.update(pks)
        one.outcome = NotificationOutcome.ASKED if pks else unknown
        one.customer_id = pks[0] if pks else None
    # Asked first: a worker that is killed between the two statements asks once more.
    ask(Verb.PULL, Customer.objects.using(database), sorted(asked), source=Source.NOTIFIED)
    Notification.objects.using(database).bulk_update(some, ["outcome", "customer"], batch_size=PORTION)


def _keys(database: str, account: str, name: str, references: set[str]) -> dict[str, Key]:
    """The primary keys of the rows with these references."""
    rows = Customer.objects.using(database).filter(account=account, **{f"{name}__in": references - {""}})
    return dict(rows.values_list(name, "pk"))


def _last_received(database: str, account: str) -> datetime | None:
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
    rows.update(outcome=outcome, customer=pk)


def purge(database: str) -> None:
    """Delete the notifications older than HISTORY_DAYS, in portions, and the forged ones of yesterday."""
    now, kept = database_now(), timedelta(days=conf.HISTORY_DAYS)
    ended = [one for one in NotificationOutcome if one not in (*_WAITING, NotificationOutcome.FORGED)]
    old = Notification.objects.using(database).filter(
        Q(outcome__in=ended, received_at__lt=now - kept)
        | Q(outcome__in=_WAITING, received_at__lt=now - max(kept, WAITING_KEPT))
        | Q(outcome=NotificationOutcome.FORGED, received_at__lt=now - FORGED_KEPT)
    )
    delete_in_portions(old.order_by())


# For people.


@dataclass(frozen=True)
class Notifications:
    """What came of late to one account's addresses."""

    account: str
    #: When the last genuine one came.
    last: datetime | None
    #: Forged requests in the last day, :data:`MOST_FORGED` at the most.
    forged: int
    #: Genuine ones that wait for the sweep.
    waiting: int
    #: The paths to enter at 2Checkout. Empty if the project does not include our urls.
    addresses: list[str]

    __repr__ = redacted_repr

    @property
    def are_expected(self) -> bool:
        """Whether there is anything to say about them."""
        return bool(self.addresses or self.last or self.forged)


def addresses(account: str) -> list[str]:
    """The paths of this account's addresses for notifications. None without our urls in the project's."""
    args = [] if account == DEFAULT_ACCOUNT else [account]
    try:
        return [reverse(f"twocheckout:{kind}", args=args) for kind in NotificationKind.values]
    except NoReverseMatch:
        return []


def overview(account: str | None = None, *, database: str | None = None) -> list[Notifications]:
    """What came of late, for each account or for this one."""
    database = database or database_of_notifications()
    aliases = conf.aliases() if account is None else [account]
    noted = {state.alias: state.notified_at for state in current_accounts(database, aliases)}
    shown = []
    for alias in aliases:
        mine = Notification.objects.using(database).filter(account=alias).order_by()
        forged = mine.filter(outcome=NotificationOutcome.FORGED, received_at__gt=database_now() - FORGED_KEPT)
        times = filter(None, [noted.get(alias), _last_received(database, alias)])
        waiting = mine.filter(outcome__in=_WAITING).count()
        shown.append(Notifications(alias, max(times, default=None), forged.count(), waiting, addresses(alias)))
    return shown
