"""Reads the state of all customers for the doors: counts, waiting rows, pause, sweep, and the last hour."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import router
from django.db.models import Case, Count, IntegerField, Value, When

from ..conf import Conf, ConfigurationError
from ..engine.records import Key
from ..exceptions import AnotherMerchantCode
from ..models import (
    AccountState,
    Attempt,
    AttemptOutcome,
    Customer,
    CustomerQuerySet,
    Presence,
    SyncState,
    database_now,
    read_clock,
)
from ..redaction import redacted_repr
from .account import chosen_accounts, current_accounts, now_at
from .standstill import LATE, standstill

#: The last hour has so many slots of this length.
SLOTS = 12
SLOT = timedelta(minutes=5)


@dataclass(frozen=True)
class AccountStatus:
    """One account and its customers."""

    alias: str
    #: Customers by state, without those that are gone.
    counts: dict[str, int]
    gone: int
    paused_since: datetime | None = None
    paused_until: datetime | None = None
    #: Whether the pause still lasts. After it, the next worker tries one customer.
    paused_now: bool = False
    #: Why nothing is sent: of the pause, or that a person has to confirm the merchant code.
    reason: str = ""
    #: Whether its customers were acknowledged under another merchant code. They wait for a person.
    to_confirm: bool = False
    swept_at: datetime | None = None
    worked_at: datetime | None = None

    __repr__ = redacted_repr

    @property
    def is_stopped(self) -> bool:
        return self.to_confirm or self.paused_until is not None


@dataclass(frozen=True)
class Status:
    """The state of all customers and their accounts at one moment, or of one account."""

    now: datetime
    #: Each account in the settings. None of them while a setting is wrong.
    accounts: list[AccountStatus]
    #: Customers by state, without those that are gone.
    counts: dict[str, int]
    #: Customers that 2Checkout does not have any more.
    gone: int
    #: Customers that could be claimed now.
    due: int
    #: Customers that a worker has claimed.
    in_flight: int
    oldest_pending: datetime | None
    #: The primary key of the customer with the longest time pending.
    oldest_pending_pk: Key | None
    #: Failed customers by 2Checkout's code, or our error's name.
    failures: dict[str, int]
    paused_since: datetime | None
    paused_until: datetime | None
    #: Whether the pause still lasts. After it, the next worker tries one customer.
    paused_now: bool
    pause_reason: str
    #: The account of these words. Blank without a pause.
    paused_account: str
    #: Accounts with customers that were acknowledged under another merchant code. They wait for a person.
    to_confirm: list[str]
    #: Customers by accounts that the settings do not have.
    unknown_accounts: dict[str, int]
    #: Whether anything is sent at all: the setting ENABLED.
    enabled: bool
    swept_at: datetime | None
    #: When a worker or a command was last seen at work.
    worked_at: datetime | None
    #: Whether something has been due for long, and nobody was seen since.
    standstill: bool

    __repr__ = redacted_repr

    @property
    def oldest_pending_seconds(self) -> float | None:
        if self.oldest_pending is None:
            return None
        # The host that saved it may have a clock ahead of the database's.
        return max((self.now - self.oldest_pending).total_seconds(), 0.0)

    @property
    def sweep_is_late(self) -> bool:
        return self.swept_at is None or self.now - self.swept_at > LATE

    def as_dict(self) -> dict[str, Any]:
        """All fields for JSON, with ``oldest_pending_seconds`` and ``sweep_is_late``."""
        age = {"oldest_pending_seconds": self.oldest_pending_seconds, "sweep_is_late": self.sweep_is_late}
        return {**asdict(self), **age}


def status(
    account: str | None = None, *, database: str | None = None, customers: CustomerQuerySet | None = None
) -> Status:
    """Read the state of all customers and accounts, or of one account.

    It takes six queries, or seven without an account's row. Of several pauses, the first account's is told here, and
    each in ``accounts``. *swept_at* is the oldest last sweep. *customers*: count these alone. Raises ConfigurationError
    for an account that the settings do not have.
    """
    # Counting reads each row: 0.3 s for a million customers on PostgreSQL, most of it for the rows in flight.
    database = database or router.db_for_write(Customer)
    customers = (Customer.objects if customers is None else customers).using(database)
    if account is not None:
        chosen_accounts(account)
        customers = customers.filter(account=account)
    accounts = current_accounts(database, None if account is None else [account])
    paused = next((state for state in accounts if state.open_until), None)
    to_confirm = [state.alias for state in accounts if state.code_differs]
    swept = [state.swept_at for state in accounts if state.swept_at]
    worked = [state.worked_at for state in accounts if state.worked_at]
    now = now_at(next(iter(accounts), None), database)
    by_account, configured = _counts(customers), _configured(account)
    counts = _sum(by_account.values())
    oldest_pk, oldest_since = _oldest_pending(customers)
    return Status(
        now=now,
        accounts=[_account(alias, accounts, by_account.get(alias, Counter())) for alias in configured],
        gone=counts.pop("gone"),
        counts=counts,
        due=_of_accounts(customers.due(), configured).order_by().count(),
        in_flight=customers.filter(lease_expires_at__gt=database_now()).count(),
        oldest_pending=oldest_since,
        oldest_pending_pk=oldest_pk,
        failures=_failures(customers),
        paused_since=paused.opened_at if paused else None,
        paused_until=paused.open_until if paused else None,
        paused_now=paused.is_open if paused else False,
        pause_reason=AnotherMerchantCode().words if to_confirm else paused.reason if paused else "",
        paused_account=to_confirm[0] if to_confirm else paused.alias if paused else "",
        to_confirm=to_confirm,
        unknown_accounts=_unknown(by_account, configured),
        enabled=Conf.ENABLED.raw() is not False,
        swept_at=min(swept, default=None),
        worked_at=max(worked, default=None),
        standstill=standstill(database, accounts) is not None,
    )


def _unknown(by_account: Mapping[str, Counter[str]], configured: Sequence[str]) -> dict[str, int]:
    """The number of customers by account that the settings do not have. Empty if these cannot be read."""
    return {alias: some.total() for alias, some in by_account.items() if configured and alias not in configured}


def _failures(customers: CustomerQuerySet) -> dict[str, int]:
    """The number of failed customers by code, the most frequent first."""
    failed = customers.filter(presence=Presence.THERE, sync_state=SyncState.FAILED).order_by().values_list("error_code")
    return dict(failed.annotate(count=Count("pk")).order_by("-count", "error_code"))


def _oldest_pending(customers: CustomerQuerySet) -> tuple[Key | None, datetime | None]:
    """The customer that waits for longest, and since when."""
    pending = customers.filter(presence=Presence.THERE, sync_state=SyncState.PENDING)
    oldest = pending.order_by("pending_since", "pk").values_list("pk", "pending_since")
    return oldest.first() or (None, None)


def failed_keys(most: int, account: str | None = None, *, database: str | None = None) -> Iterator[Key]:
    """The primary keys of failed customers, the latest failures first, at most *most*."""
    customers = Customer.objects.using(database or router.db_for_write(Customer))
    if account is not None:
        customers = customers.filter(account=account)
    failed = customers.filter(sync_state=SyncState.FAILED, presence=Presence.THERE)
    return failed.order_by("-failing_since", "-pk").values_list("pk", flat=True)[:most].iterator()


def _of_accounts(customers: CustomerQuerySet, configured: list[str]) -> CustomerQuerySet:
    """Without the customers of accounts that the settings do not have: no worker claims them."""
    return customers.filter(account__in=configured) if configured else customers


def _configured(account: str | None) -> list[str]:
    """This account, or all in the settings. None of them while a setting is wrong."""
    try:
        return chosen_accounts(account)
    except ConfigurationError:
        return []


def _counts(customers: CustomerQuerySet) -> dict[str, Counter[str]]:
    """Customers by account, and by state or gone."""
    by_account: dict[str, Counter[str]] = defaultdict(Counter)
    shown = Case(When(presence=Presence.GONE, then=Value("gone")), default="sync_state")
    for account, state, count in customers.order_by().values_list("account", shown).annotate(Count("pk")):
        by_account[account][state] += count
    return by_account


def _sum(counts: Iterable[Counter[str]]) -> dict[str, int]:
    """The number for each state, also without a customer, and under “gone”."""
    total = sum(counts, Counter[str]())
    return {state: total[state] for state in [*SyncState.values, "gone"]}


def _account(alias: str, states: Iterable[AccountState], counts: Counter[str]) -> AccountStatus:
    by_state = _sum([counts])
    gone, state = by_state.pop("gone"), next((one for one in states if one.alias == alias), None)
    if state is None:
        return AccountStatus(alias, by_state, gone)
    return AccountStatus(
        alias,
        by_state,
        gone,
        paused_since=state.opened_at if state.open_until else None,
        paused_until=state.open_until,
        paused_now=state.is_open,
        reason=AnotherMerchantCode().words if state.code_differs else state.reason if state.open_until else "",
        to_confirm=state.code_differs,
        swept_at=state.swept_at,
        worked_at=state.worked_at,
    )


@dataclass(frozen=True)
class Slot:
    """The results of the attempts in a few minutes."""

    start: datetime
    end: datetime
    #: Done, or in step already.
    done: int = 0
    #: To be tried again.
    retry: int = 0
    failed: int = 0

    __repr__ = redacted_repr

    @property
    def total(self) -> int:
        return self.done + self.retry + self.failed


def throughput(database: str | None = None, *, now: datetime | None = None) -> list[Slot]:
    """The attempts of the last hour, the oldest slot first, in one query with few result lines.

    *now*: the database's clock if it was read already, otherwise one query more.
    """
    database = database or router.db_for_write(Attempt)
    now = now or read_clock(database)
    edges = [now - SLOT * number for number in range(SLOTS, -1, -1)]
    # By comparison, not by truncation: MariaDB may lack the time zone, and SQLite calls Python for each row. The last
    # slot includes attempts that are written meanwhile. 0.3 s for a million attempts on
    # PostgreSQL.
    slot = Case(
        *(When(at__lt=edge, then=Value(number)) for number, edge in enumerate(edges[1:-1])),
        default=Value(SLOTS - 1),
        output_field=IntegerField(),
    )
    attempts = Attempt.objects.using(database).filter(at__gte=edges[0]).order_by()
    counts: list[dict[str, int]] = [{} for _ in range(SLOTS)]
    for number, outcome, count in attempts.annotate(slot=slot).values_list("slot", "outcome").annotate(Count("pk")):
        counts[number][outcome] = count
    return [
        Slot(
            start,
            end,
            done=ended.get(AttemptOutcome.DONE, 0) + ended.get(AttemptOutcome.AGREED, 0),
            retry=ended.get(AttemptOutcome.RETRY, 0),
            failed=ended.get(AttemptOutcome.FAILED, 0),
        )
        for start, end, ended in zip(edges, edges[1:], counts, strict=False)
    ]
