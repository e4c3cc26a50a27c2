"""Where a customer stands, in a person's words: what, why, since when, what comes next, and what would mend it.

Read by the list's badges and by the panel above the form.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ..conf import conf
from ..models import Account, Attempt, Customer, SyncState
from .pages import ICONS
from .paging import count_up_to

#: Above the list it says "more than" so many.
MANY = 1_000


@dataclass(frozen=True)
class Standing:
    """What the panel above the form says."""

    state: str
    headline: str
    #: In 2Checkout's words, or ours.
    reason: str = ""
    since: datetime | None = None
    next: str = ""
    #: Names of fields that changed on both sides when it was last talked about.
    conflicts: tuple[str, ...] = ()


def badge(customer: Customer) -> str:
    """The state as an icon and a word on a colour of its own, with the reason as its tooltip."""
    state = SyncState(customer.sync_state)
    return _badge(state, str(state.label), customer.sync_error or next_step(customer))


def _badge(state: SyncState, words: str, title: str = "") -> str:
    return format_html(
        '<span class="tco-state tco-state-{}" title="{}"><span aria-hidden="true">{}</span> {}</span>',
        state.value, title, ICONS[state], words,
    )  # fmt: skip


def not_in_step(customers: QuerySet[Customer]) -> list[tuple[str, str]]:
    """The states in which somebody is not in step, each with how many these are, as a badge."""
    failed = count_up_to(MANY, customers.filter(sync_state=SyncState.FAILED))
    pending = count_up_to(MANY, customers.filter(sync_state=SyncState.PENDING))
    words = [
        (SyncState.FAILED, failed, ngettext("%(count)s failed", "%(count)s failed", failed)),
        (SyncState.PENDING, pending, ngettext("%(count)s pending", "%(count)s pending", pending)),
    ]
    return [(state.value, _badge(state, text % {"count": _told(count)})) for state, count, text in words if count]


def _told(count: int) -> str:
    return number_format(count) if count <= MANY else f"> {number_format(MANY)}"


def ago(moment: datetime | None) -> str:
    """How long ago that was, with the moment itself as its tooltip."""
    if moment is None:
        return _("never")
    words = _("%(time)s ago") % {"time": roughly(moment, timezone.now())}
    exact = timezone.localtime(moment) if timezone.is_aware(moment) else moment
    shown = date_format(exact, "DATETIME_FORMAT")
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), shown, words)


def span(since: datetime, until: datetime) -> str:
    """How long this is, in words: two units at the most, and no “0 minutes”."""
    return timesince(since, until) if (until - since).total_seconds() >= 60 else _("less than a minute")


def roughly(since: datetime, until: datetime) -> str:
    """The same in its greater unit alone."""
    return span(since, until).partition(",")[0]


def standing(customer: Customer, account: Account | None, attempt: Attempt | None) -> Standing:
    """Where this customer stands; *attempt*: the last push of it."""
    conflicts = tuple(attempt.conflicts.split()) if attempt else ()
    at = attempt.at if attempt else None
    if customer.sync_state == SyncState.FAILED:
        headline = _("2Checkout does not have what you see here, and it is not tried again by itself.")
        return Standing("failed", headline, customer.sync_error, at, next_step(customer), conflicts)
    if customer.sync_state == SyncState.PENDING:
        headline = (
            _("2Checkout does not have this customer yet.")
            if customer.customer_reference is None
            else _("2Checkout does not have the last change yet.")
        )
        coming = next_step(customer)
        if account and account.paused_until:
            coming = _("When the account is no longer paused.")
        return Standing("pending", headline, customer.sync_error, customer.pending_since, coming, conflicts)
    return Standing("synced", _("2Checkout has what you see here."), "", customer.pushed_at, "", conflicts)


def next_step(customer: Customer) -> str:
    """What happens next by itself, and when."""
    if customer.sync_state == SyncState.FAILED:
        return _("Correct what is wrong and save, or push once more.")
    if customer.sync_state == SyncState.SYNCED:
        return ""
    now: Any = timezone.now()
    if customer.lease_until and customer.lease_until > now:
        return _("A worker is talking to 2Checkout about it right now.")
    if not customer.tries:
        return _("As soon as a worker is free.")
    times = {"tries": customer.tries, "most": conf.MAX_ATTEMPTS}
    if customer.next_try_at <= now:
        return _("Tried %(tries)d of %(most)d times; the next try is due now.") % times
    wait = span(now, customer.next_try_at)
    return _("Tried %(tries)d of %(most)d times; the next try is in %(time)s.") % {**times, "time": wait}


def next_try(customer: Customer) -> str:
    """The same in the fewest words, for the list; nothing if there will be none."""
    if customer.sync_state != SyncState.PENDING:
        return ""
    now: Any = timezone.now()
    if not customer.tries or customer.next_try_at <= now:
        return _("next try now")
    return _("next try in %(time)s") % {"time": roughly(now, customer.next_try_at)}
