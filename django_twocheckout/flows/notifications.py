"""Stores what 2Checkout notified us of, for the endpoint: one INSERT, which waits for nobody.

:mod:`.notifications_sweep` applies it, and :mod:`.notifications_overview` shows it to people.
"""

from __future__ import annotations

import logging

from django.db import DatabaseError, DataError, router

from ..engine.database import data_errors, retry_lost_connection
from ..models import Customer, Notification, NotificationKind, NotificationOutcome, database_now
from .references import rows_with

logger = logging.getLogger("twocheckout")

#: Forged requests are stored up to this number, so that nobody can fill the database. The sweep deletes those of
#: yesterday.
MOST_FORGED = 10_000


class NotStorable(ValueError):
    """The database cannot keep the references of a notification."""


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
    """Store one notification, in one INSERT.

    Raises NotStorable for references with characters that the database does not have, or a database error.
    """
    try:
        with data_errors():
            Notification.objects.using(database).create(
                account=account,
                kind=kind,
                outcome=outcome,
                received_at=database_now(),
                customer_reference=customer_reference,
                external_customer_reference=external_customer_reference,
            )
    except (DataError, ValueError):
        raise NotStorable from None


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
    found = next(rows_with(rows, [customer_reference], [external_customer_reference]), None)
    return rows.filter(pk=found.pk).first() if found else None
