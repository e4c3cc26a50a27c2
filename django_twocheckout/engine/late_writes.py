"""After a worker lost its lease: keeps in doubt what it sent, for it may have arrived after another worker's update.

A process may be suspended at the very moment of sending. When it goes on, another worker may have updated the customer
and settled the row, and 2Checkout has no versions that would refuse the older update.
"""

from __future__ import annotations

import logging
import uuid

from ..models import Customer, Erasure, SyncState, has_row_locks, locking, mark
from .records import Claim

logger = logging.getLogger("twocheckout")


def keep_in_doubt(claim: Claim) -> bool:
    """Have the row looked up before its next push, with what was sent as older values of ours.

    Inside a transaction. Returns False if another transaction holds the row. A worker that is at the row right now
    loses its lease, for it may have fetched the customer before the late update came; the lease still runs out first.
    """
    rows = Customer.objects.using(claim.database).filter(pk=claim.pk)
    locked = locking(rows) if has_row_locks(claim.database) else rows
    row = locked.values("in_doubt", "sync_state", "erased").first()
    if row is None and rows.exists():
        return False
    extra = {"action": "settle", "customer": claim.pk}
    if row is None or row["erased"]:
        if row is not None or Erasure.objects.using(claim.database).filter(customer__pk=claim.pk).exists():
            words = "customer %s: an update was sent after the lease had ended, and it is erased: look at 2Checkout"
            logger.error(words, claim.pk, extra=extra)
        return True
    in_doubt = row["in_doubt"] if claim.values in row["in_doubt"] else [*row["in_doubt"], claim.values]
    due = mark() if row["sync_state"] == SyncState.SYNCED else {}
    rows.update_unmarked(lease=uuid.uuid4().hex, in_doubt=in_doubt, **due)
    logger.warning(
        "customer %s: an update was sent after the lease had ended, so it is looked up", claim.pk, extra=extra
    )
    return True
