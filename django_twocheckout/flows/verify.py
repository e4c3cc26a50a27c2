"""Finds what was changed past the marks: customers and objects of the project that raw SQL has written."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import islice

from ..mirrors.portions import apply_all
from ..redaction import redacted_repr
from .one import customers_in
from .push import unmarked_changes


@dataclass(frozen=True)
class Found:
    """What was found, and is pending now."""

    #: Customers with values that 2Checkout never acknowledged.
    customers: int
    #: Objects whose customers had other values, or that had none.
    mirrored: int
    #: Objects whose mirror failed, or that a transaction has locked. They are marked for the sweep.
    failed: int

    __repr__ = redacted_repr


def verify(
    *,
    database: str | None = None,
    account: str | None = None,
    limit: int | None = None,
    seconds: float | None = None,
) -> Found:
    """Look through all synced customers, then all objects of mirrored models. What differs is made pending.

    *account*: only the customers of this one. *limit*: the most customers to be found. *seconds*: stop after so long;
    the next run begins anew. Reads every row once.
    """
    customers, began = customers_in(database), time.monotonic()
    if account is not None:
        customers = customers.filter(account=account)
    found = 0
    for pk in islice(unmarked_changes(customers), limit):
        found += customers.filter(pk=pk).mark_pending()
        if seconds is not None and time.monotonic() - began > seconds:
            break
    left = None if seconds is None else began + seconds - time.monotonic()
    applied = apply_all(customers.db, seconds=left)
    return Found(found, applied.made + applied.changed, len(applied.failed) + len(applied.busy))
