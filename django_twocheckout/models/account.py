"""The row with the workers' shared state of a merchant account: circuit, recent requests, sweep, merchant code.

The admission reads it before rows are claimed. The engine alone writes it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext_lazy as _

from ..conf import conf
from ..redaction import redacted_repr
from .clock import UTCDateTimeField, clock_of, database_now, with_clock
from .locks import update_free

#: Seconds for which a worker that was seen is not noted again.
SEEN_SECONDS = 30.0


@dataclass(frozen=True)
class AccountState:
    """An account's row as read, with the database's clock at that moment."""

    pk: int
    alias: str
    #: The code under which 2Checkout acknowledged this account's rows. Blank before the first acknowledgement.
    merchant_code: str
    #: Whether the settings have another code: the database is a copy, or the setting was changed.
    code_differs: bool
    opened_at: datetime | None
    open_until: datetime | None
    #: Why it was opened, in words.
    reason: str
    error_code: str
    times_opened: int
    unanswered: int
    suspect: str
    window: list[list[int]]
    version: int
    wakeup_at: datetime | None
    swept_at: datetime | None
    #: The day up to which an import has walked 2Checkout's subscriptions.
    imported_until: date | None
    notified_at: datetime | None
    #: When a worker, or a command, last claimed rows or ended a sweep.
    worked_at: datetime | None
    now: datetime

    __repr__ = redacted_repr

    @property
    def is_open(self) -> bool:
        """Whether no rows may be claimed right now. After ``open_until`` one customer is tried."""
        return self.seconds_left > 0

    @property
    def seconds_left(self) -> float:
        """Seconds until a trial. 0 for a closed circuit, or once its time is over."""
        return max((self.open_until - self.now).total_seconds(), 0.0) if self.open_until else 0.0


class AccountManager(models.Manager["Account"]):
    def named(self, database: str, account: str) -> models.QuerySet[Account]:
        """The row of the account with this alias."""
        return self.using(database).filter(alias=account)

    def current(self, database: str, account: str) -> AccountState | None:
        """The account, with the database's clock. None while it has no row."""
        row = with_clock(self.named(database, account)).first()
        return None if row is None else row.state()

    def all_current(self, database: str, accounts: Collection[str]) -> list[AccountState]:
        """These accounts, as far as they have rows, with the database's clock."""
        rows = with_clock(self.using(database).filter(alias__in=accounts).order_by("alias"))
        return [row.state() for row in rows]

    def current_or_new(self, database: str, account: str) -> AccountState:
        """The same as :meth:`current`, after inserting a missing row."""
        state = self.current(database, account)
        if state is None:
            try:
                with transaction.atomic(using=database):
                    self.using(database).create(alias=account)
            except IntegrityError:
                pass  # another worker was faster
            state = with_clock(self.named(database, account)).get().state()
        return state

    def note_sweep(self, database: str, account: str) -> None:
        """Store that a sweep has run."""
        times = {"swept_at": database_now(), "worked_at": database_now()}
        if not update_free(self.named(database, account), **times):
            self.current_or_new(database, account)
            update_free(self.named(database, account), **times)

    def note_worker(self, database: str, account: str, state: AccountState | None) -> None:
        """Store that a worker is at work, unless *state*, the row as just read, has it from a moment ago."""
        if state is None:
            state = self.current_or_new(database, account)
        if state.worked_at is None or state.now - state.worked_at > timedelta(seconds=SEEN_SECONDS):
            update_free(self.named(database, account).filter(worked_at=state.worked_at), worked_at=database_now())

    def note_notification(self, database: str, account: str, received_at: datetime) -> None:
        """Store when the last genuine notification came."""
        self.current_or_new(database, account)
        earlier = models.Q(notified_at__isnull=True) | models.Q(notified_at__lt=received_at)
        update_free(self.named(database, account).filter(earlier), notified_at=received_at)

    def note_code(self, database: str, account: str) -> None:
        """Store the merchant code under which 2Checkout acknowledges the rows, unless one is stored."""
        self.current_or_new(database, account)
        unnoted = self.named(database, account).filter(merchant_code="")
        update_free(unnoted, merchant_code=conf.of(account).MERCHANT_CODE)


class Account(models.Model):
    """One row for each account in use so far."""

    alias = models.CharField(_("name"), max_length=64, unique=True, help_text=_("Its name in the settings."))
    merchant_code = models.CharField(
        _("merchant code"),
        max_length=128,
        blank=True,
        default="",
        help_text=_("The code under which 2Checkout acknowledged the customers."),
    )
    opened_at = UTCDateTimeField(_("paused since"), null=True, blank=True)
    open_until = UTCDateTimeField(
        _("paused until"), null=True, blank=True, help_text=_("Then one customer is tried, and if that works, all.")
    )
    reason = models.TextField(_("reason"), blank=True, default="")
    error_code = models.CharField(_("code"), max_length=64, blank=True, default="")
    times_opened = models.PositiveIntegerField(default=0, help_text=_("How often in a row it was paused."))
    unanswered = models.PositiveIntegerField(
        default=0, help_text=_("Customers that got no answer since 2Checkout last answered.")
    )
    suspect = models.CharField(
        max_length=64, blank=True, default="", help_text=_("The customer at whom 2Checkout refused the account.")
    )
    window = models.JSONField(default=list, blank=True, help_text=_("Requests of late, by slice of time."))
    version = models.PositiveBigIntegerField(default=0)
    wakeup_at = UTCDateTimeField(null=True, blank=True, help_text=_("A worker has been asked to come back then."))
    swept_at = UTCDateTimeField(_("last sweep"), null=True, blank=True)
    imported_until = models.DateField(
        null=True, blank=True, help_text=_("The day up to which customers were imported.")
    )
    notified_at = UTCDateTimeField(
        _("last notification"), null=True, blank=True, help_text=_("Of the last one that a sweep has applied.")
    )
    worked_at = UTCDateTimeField(_("a worker last seen"), null=True, blank=True)

    objects = AccountManager()

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        default_permissions = ()

    __repr__ = redacted_repr

    def __str__(self) -> str:
        return self.alias

    def state(self) -> AccountState:
        """The row as read, frozen. Raises ConfigurationError for an account without a merchant code in the settings."""
        return AccountState(
            pk=self.pk,
            alias=self.alias,
            merchant_code=self.merchant_code,
            code_differs=self.merchant_code not in ("", conf.of(self.alias).MERCHANT_CODE),
            opened_at=self.opened_at,
            open_until=self.open_until,
            reason=self.reason,
            error_code=self.error_code,
            times_opened=self.times_opened,
            unanswered=self.unanswered,
            suspect=self.suspect,
            window=self.window,
            version=self.version,
            wakeup_at=self.wakeup_at,
            swept_at=self.swept_at,
            imported_until=self.imported_until,
            notified_at=self.notified_at,
            worked_at=self.worked_at,
            now=clock_of(self),
        )
