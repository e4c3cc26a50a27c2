"""Shows people what 2Checkout notified us of: on a customer's history, and for each account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet
from django.urls import NoReverseMatch, reverse

from ..conf import DEFAULT_ACCOUNT, conf
from ..models import Customer, Notification, NotificationKind, NotificationOutcome, database_now
from ..redaction import redacted_repr
from .account import current_accounts
from .notifications import database_of_notifications
from .notifications_sweep import FORGED_KEPT, WAITING, last_received


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


@dataclass(frozen=True)
class Notifications:
    """What came of late to one account's addresses."""

    account: str
    #: When the last genuine one came.
    last: datetime | None
    #: Forged requests in the last day, :data:`.notifications.MOST_FORGED` at the most.
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
        times = filter(None, [noted.get(alias), last_received(database, alias)])
        waiting = mine.filter(outcome__in=WAITING).count()
        shown.append(Notifications(alias, max(times, default=None), forged.count(), waiting, addresses(alias)))
    return shown
