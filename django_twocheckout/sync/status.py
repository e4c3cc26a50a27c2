"""How things stand: counts by state, what waits and why, the pause, the last sweep. For commands and the admin."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Min
from django.utils import timezone

from ..managers import database_now
from ..models import Customer, SyncState
from . import gate

#: Without a sweep for so long, nobody seems to run it.
LATE = timedelta(minutes=15)


@dataclass(frozen=True)
class Status:
    """One look at all customers and the account."""

    now: datetime
    #: Customers by state.
    counts: dict[str, int]
    #: Customers that could be taken now.
    due: int
    #: Customers in the hands of a worker.
    in_flight: int
    oldest_pending: datetime | None
    #: Failed customers by 2Checkout's code, or our error's name.
    failures: dict[str, int]
    paused_since: datetime | None
    paused_until: datetime | None
    pause_reason: str
    swept_at: datetime | None

    @property
    def oldest_pending_seconds(self) -> float | None:
        return (self.now - self.oldest_pending).total_seconds() if self.oldest_pending else None

    @property
    def sweep_is_late(self) -> bool:
        return self.swept_at is None or self.now - self.swept_at > LATE

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        age = {"oldest_pending_seconds": self.oldest_pending_seconds, "sweep_is_late": self.sweep_is_late}
        return {**asdict(self), **age}


def status(database: str) -> Status:
    """Look at all customers and the account, in five queries."""
    customers = Customer.objects.using(database)
    account = gate.look(database)
    by_state = customers.order_by().values_list("sync_state").annotate(count=Count("pk"))
    counts = dict.fromkeys(SyncState.values, 0) | dict(by_state)
    failed = customers.filter(sync_state=SyncState.FAILED).order_by().values_list("error_code")
    failures = dict(failed.annotate(count=Count("pk")).order_by("-count", "error_code"))
    return Status(
        now=timezone.now(),
        counts=counts,
        due=customers.due().order_by().count(),
        in_flight=customers.filter(lease_until__gt=database_now()).count(),
        oldest_pending=customers.filter(sync_state=SyncState.PENDING).aggregate(at=Min("pending_since"))["at"],
        failures=failures,
        paused_since=account.paused_since if account else None,
        paused_until=account.paused_until if account else None,
        pause_reason=account.reason if account else "",
        swept_at=account.swept_at if account else None,
    )
