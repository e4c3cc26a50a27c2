"""Rows of accounts that the settings do not have: found at each sweep, and told on the rows.

They stay pending and due. Nothing is sent for them, and they lose no tries. Once the settings have the account, the
next wake-up pushes them.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.db import transaction
from django.db.models import QuerySet

from ..conf import conf
from ..engine.database import lock_free
from ..models import Customer, CustomerQuerySet, SyncState

#: The code on these rows.
UNKNOWN_ACCOUNT = "UnknownAccount"
#: Rows told at one sweep and for one account. The next sweep tells the others.
PORTION = 1000


def tell(customers: CustomerQuerySet) -> None:
    """Write the reason on pending rows of accounts that the settings do not have."""
    configured = conf.aliases()
    for account in accounts_of(customers):
        if account in configured:
            continue
        words = f"The settings have no account {account!r}, so nothing is sent for this customer."
        rows = customers.filter(account=account, sync_state=SyncState.PENDING).unclaimed()
        untold = rows.exclude(error_code=UNKNOWN_ACCOUNT)
        with transaction.atomic(using=customers.db):
            pks = lock_free(untold, set(untold.values_list("pk", flat=True)[:PORTION]))
            untold.filter(pk__in=pks).update_unmarked(sync_error=words, error_code=UNKNOWN_ACCOUNT)


def accounts_of(customers: QuerySet[Customer]) -> Iterator[str]:
    """The accounts of all rows. One short look into the index for each of them."""
    last = ""
    while found := customers.filter(account__gt=last).order_by("account").values_list("account", flat=True).first():
        yield found
        last = found
