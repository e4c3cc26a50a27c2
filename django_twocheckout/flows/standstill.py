"""Tells whether something has been due for long and no worker was seen: none runs, or neither beat nor cron does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import router
from django.db.models import Q
from django.utils import timezone

from ..conf import Conf
from ..models import LONG_DUE, AccountState, Ask, AskOutcome, Customer, database_now
from ..redaction import redacted_repr
from .account import current_accounts

#: Without a worker or a sweep for so long, probably none runs.
LATE = timedelta(minutes=15)


@dataclass(frozen=True)
class Standstill:
    """What was last seen when. None for never."""

    worked_at: datetime | None
    swept_at: datetime | None

    __repr__ = redacted_repr


def standstill(database: str | None = None, accounts: Sequence[AccountState] | None = None) -> Standstill | None:
    """The standstill, if something has been due for :data:`LATE` and no worker was seen since. None if all goes on.

    While workers are seen it costs no statement beside the one for the *accounts*, which may be given.
    """
    database = database or router.db_for_write(Customer)
    accounts = current_accounts(database) if accounts is None else accounts
    worked_at = max((state.worked_at for state in accounts if state.worked_at), default=None)
    if (worked_at and accounts[0].now - worked_at <= LATE) or Conf.ENABLED.raw() is False:
        return None
    before = database_now() - LATE
    due = Customer.objects.using(database).due().filter(pending_since__lt=before, next_attempt_at__lt=before)
    # What was asked for just now has a time long past too, so its job's time counts instead, by the project's clock.
    long_asked = Q(due_at__gt=LONG_DUE) | Q(job__asked_at__lt=timezone.now() - LATE)
    asked = Ask.objects.using(database).filter(long_asked, outcome=AskOutcome.OPEN, due_at__lt=before)
    if not (due.exists() or asked.exists()):
        return None
    swept_at = max((state.swept_at for state in accounts if state.swept_at), default=None)
    return Standstill(worked_at, swept_at)
