"""How things stand: counts by state, what waits and why, the pause, the sweep, the last hour; for people and monitors.

Beside the way of a save: it only looks.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import router
from django.db.models import Case, Count, IntegerField, Value, When
from django.utils import timezone

from ..managers import database_now
from ..models import Attempt, Customer, SyncState
from ..models.attempt import Outcome
from . import gate

#: Without a sweep for so long, nobody seems to run it.
LATE = timedelta(minutes=15)
#: The last hour is told in so many slots of so long.
SLOTS = 12
SLOT = timedelta(minutes=5)


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
    #: The primary key of the one that has been pending for longest.
    oldest_pending_pk: Any
    #: Failed customers by 2Checkout's code, or our error's name.
    failures: dict[str, int]
    paused_since: datetime | None
    paused_until: datetime | None
    #: Whether the pause lasts still; when it is over, the next worker tries one customer.
    paused_now: bool
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


def status(database: str | None = None) -> Status:
    """Look at all customers and the account, in six queries whatever their number."""
    # Counting is a look at each row: 0.3 s for a million customers on PostgreSQL, most of it for those in flight.
    database = database or router.db_for_write(Customer)
    customers = Customer.objects.using(database)
    account = gate.look(database)
    by_state = customers.order_by().values_list("sync_state").annotate(count=Count("pk"))
    counts = dict.fromkeys(SyncState.values, 0) | dict(by_state)
    failed = customers.filter(sync_state=SyncState.FAILED).order_by().values_list("error_code")
    failures = dict(failed.annotate(count=Count("pk")).order_by("-count", "error_code"))
    oldest = customers.filter(sync_state=SyncState.PENDING).order_by("pending_since", "pk")
    oldest_pk, oldest_since = oldest.values_list("pk", "pending_since").first() or (None, None)
    return Status(
        now=timezone.now(),
        counts=counts,
        due=customers.due().order_by().count(),
        in_flight=customers.filter(lease_until__gt=database_now()).count(),
        oldest_pending=oldest_since,
        oldest_pending_pk=oldest_pk,
        failures=failures,
        paused_since=account.paused_since if account else None,
        paused_until=account.paused_until if account else None,
        paused_now=account.paused_now if account else False,
        pause_reason=account.reason if account else "",
        swept_at=account.swept_at if account else None,
    )


@dataclass(frozen=True)
class Slot:
    """How the attempts of a few minutes ended."""

    start: datetime
    end: datetime
    #: Done, or found to be in step already.
    done: int = 0
    #: To be tried again.
    retry: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        return self.done + self.retry + self.failed


def throughput(database: str | None = None) -> list[Slot]:
    """The attempts of the last hour, the oldest slot first, in one query that brings a few lines at the most."""
    now = timezone.now()
    edges = [now - SLOT * number for number in range(SLOTS, -1, -1)]
    # By comparison and not by truncation, for which MariaDB may lack the time zone and SQLite calls Python on each row.
    # What another machine's clock wrote a moment ahead of ours belongs to the last slot. 0.3 s for a million attempts
    # on PostgreSQL.
    slot = Case(
        *(When(at__lt=edge, then=Value(number)) for number, edge in enumerate(edges[1:-1])),
        default=Value(SLOTS - 1),
        output_field=IntegerField(),
    )
    attempts = Attempt.objects.using(database or router.db_for_write(Attempt)).filter(at__gte=edges[0]).order_by()
    counts: list[dict[str, int]] = [{} for _ in range(SLOTS)]
    for number, outcome, count in attempts.annotate(slot=slot).values_list("slot", "outcome").annotate(Count("pk")):
        counts[number][outcome] = count
    return [
        Slot(
            start,
            end,
            done=ended.get(Outcome.DONE, 0) + ended.get(Outcome.AGREED, 0),
            retry=ended.get(Outcome.RETRY, 0),
            failed=ended.get(Outcome.FAILED, 0),
        )
        for start, end, ended in zip(edges, edges[1:], counts, strict=False)
    ]
