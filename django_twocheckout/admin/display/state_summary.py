"""A customer's sync state in a person's words: what, why, since when, and what comes next.

The list's badges and the panel above the form show it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ...conf import Conf
from ...dispatch import wakes_workers
from ...flows.erase import erasure_under_way, reason_of
from ...mirrors.overview import Owner
from ...models import AccountState, Attempt, Customer, Presence, SyncState, utc_now
from ...redaction import redacted_repr
from ...spans import coarse, now_for, span
from .. import accounts
from ..base import ICONS
from ..paging import count_up_to
from .failures import advice, reason, translated

#: Above this number the list says "more than".
MANY = 1_000


@dataclass(frozen=True)
class StateSummary:
    """The words of the panel above the form."""

    state: str
    headline: str
    #: In 2Checkout's words, or ours.
    reason: str = ""
    since: datetime | None = None
    #: The first failure since 2Checkout last acknowledged the row.
    failing_since: datetime | None = None
    next: str = ""
    gone: bool = False

    __repr__ = redacted_repr


def badge(customer: Customer) -> str:
    """The state as an icon and a word on its own colour, with the reason as its tooltip."""
    if customer.erased:
        return _badge(SyncState.PENDING, _("Being erased") if customer.reference else _("Erased"), icon="⌫")
    if customer.presence == Presence.GONE:
        return _badge(SyncState.FAILED, _("Gone"), _("2Checkout does not have this customer any more."), icon="∅")
    state = SyncState(customer.sync_state)
    return _badge(state, str(state.label), reason(customer) or next_step(customer))


def _badge(state: SyncState, words: str, title: str = "", icon: str = "") -> str:
    return format_html(
        '<span class="tco-state tco-state-{}" title="{}"><span aria-hidden="true">{}</span> {}</span>',
        state.value, title, icon or ICONS[state], words,
    )  # fmt: skip


def not_in_step(customers: QuerySet[Customer]) -> list[tuple[str, str]]:
    """The states of customers that are not in step, each as a query of the list, and the number as a badge."""
    failed = count_up_to(MANY, customers.filter(sync_state=SyncState.FAILED))
    pending = count_up_to(MANY, customers.filter(sync_state=SyncState.PENDING))
    words = [
        (SyncState.FAILED, failed, ngettext("%(count)s failed", "%(count)s failed", failed)),
        (SyncState.PENDING, pending, ngettext("%(count)s pending", "%(count)s pending", pending)),
    ]
    return [(state.value, _badge(state, text % {"count": _capped(count)})) for state, count, text in words if count]


def _capped(count: int) -> str:
    return number_format(count) if count <= MANY else f"> {number_format(MANY)}"


def ago(moment: datetime | None) -> str:
    """The time since this moment, with the moment itself as its tooltip."""
    if moment is None:
        return _("never")
    words = _("%(time)s ago") % {"time": coarse(moment, now_for(moment))}
    exact = timezone.localtime(moment) if timezone.is_aware(moment) else moment
    shown = date_format(exact, "DATETIME_FORMAT")
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), shown, words)


def state_summary(
    customer: Customer,
    account: AccountState | None,
    attempt: Attempt | None,
    *,
    may_change: bool,
    may_push: bool,
    owner: Owner | None = None,
) -> StateSummary:
    """This customer's state, for a person with these rights. *attempt*: its last push."""
    if customer.erased:
        return _erased(customer)
    unknown = accounts.is_unknown(customer.account)
    at = attempt.at if attempt else None
    if customer.presence == Presence.GONE:
        headline = _("2Checkout does not have this customer any more.")
        coming = _("Re-fetch it in case it is there again, create it again, or link the row to another reference.")
        return StateSummary("failed", headline, reason(customer), at, customer.failing_since, coming, gone=True)
    if customer.sync_state == SyncState.FAILED:
        headline = _("2Checkout does not have what you see here, and it is not tried again by itself.")
        coming = advice(customer, may_change=may_change, may_push=may_push, owner=owner)
        coming = accounts.way_out(customer) if unknown else coming
        return StateSummary("failed", headline, reason(customer), at, customer.failing_since, coming)
    if customer.sync_state == SyncState.PENDING:
        headline = (
            _("2Checkout does not have this customer yet.")
            if customer.customer_reference is None
            else _("2Checkout does not have the last change yet.")
        )
        coming = next_step(customer)
        if account and account.open_until and not unknown:
            coming = _("When the account is no longer paused.")
        since = customer.failing_since if customer.sync_error else None
        return StateSummary("pending", headline, reason(customer), customer.pending_since, since, coming)
    words = accounts.nothing_sent(customer)
    return StateSummary("synced", _("2Checkout has what you see here."), words, customer.pushed_at)


def _erased(customer: Customer) -> StateSummary:
    """Of a row that is being erased, or that an erasure has emptied."""
    erasure = erasure_under_way(customer)
    if erasure is None:
        headline = _("This customer was erased. The row stays, emptied, because other rows need it.")
        return StateSummary("synced", headline)
    coming = _("It is tried again until 2Checkout acknowledges it. Nothing can be changed meanwhile.")
    if accounts.is_unknown(customer.account):
        coming = accounts.way_out(customer)
    headline = _("This customer is being erased, here and at 2Checkout.")
    return StateSummary("pending", headline, translated(reason_of(customer)), erasure.begun_at, None, coming)


def is_claimed(customer: Customer) -> bool:
    """Whether a worker is at it."""
    return customer.lease_expires_at is not None and customer.lease_expires_at > utc_now()


def next_step(customer: Customer) -> str:
    """The next step of a pending row, and its time."""
    if customer.sync_state != SyncState.PENDING:
        return ""
    if accounts.is_unknown(customer.account):
        return accounts.way_out(customer)
    now = utc_now()
    if is_claimed(customer):
        return _("A worker is talking to 2Checkout about it right now.")
    if not customer.failed_attempts:
        if customer.next_attempt_at <= now:
            return _("As soon as a worker is free.") if _wakes_on_save() else _("At the next sweep.")
        return _("The next try is in %(time)s.") % {"time": span(now, customer.next_attempt_at)}
    times = {"tries": customer.failed_attempts, "most": Conf.MAX_ATTEMPTS.raw(customer.account)}
    if customer.next_attempt_at <= now:
        return _("Tried %(tries)d of %(most)d times; the next try is due now.") % times
    wait = span(now, customer.next_attempt_at)
    return _("Tried %(tries)d of %(most)d times; the next try is in %(time)s.") % {**times, "time": wait}


def _wakes_on_save() -> bool:
    """Whether a save wakes a worker. Otherwise the sweep pushes it."""
    return Conf.PUSH_ON_SAVE.raw() is not False and wakes_workers()


def next_try(customer: Customer, *, paused: bool = False) -> str:
    """The same in the fewest words, for the list. Blank if no attempt will come. *paused*: whether its account is."""
    if customer.sync_state != SyncState.PENDING or customer.presence == Presence.GONE:
        return ""
    if accounts.is_unknown(customer.account):
        return ""  # the reason says it
    if paused:
        return _("next try after the pause")
    now = utc_now()
    if customer.next_attempt_at <= now:
        return _("waits for a worker") if _wakes_on_save() else _("waits for the sweep")
    return _("next try in %(time)s") % {"time": coarse(now, customer.next_attempt_at)}


def failing_for(customer: Customer) -> str:
    """How long 2Checkout has not had the row because of failures. Blank without one, or if none is known."""
    if not customer.sync_error or customer.failing_since is None:
        return ""
    return _("failing for %(time)s") % {"time": coarse(customer.failing_since, utc_now())}
