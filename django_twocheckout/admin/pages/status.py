"""The status page, read from ``sync.status``: whether customers flow, in words and in numbers, and how to go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import router
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ... import sync, tasks
from ...conf import Conf, ConfigurationError
from ...dispatch import uses_celery
from ...exceptions import AnotherMerchantCode
from ...flows.account import current_account
from ...flows.notifications_overview import Notifications, overview
from ...flows.status import throughput
from ...mirrors.overview import overview as overview_of_mirrors
from ...models import Account, Customer, SyncState
from ...redaction import redacted_repr
from ...spans import span
from ..base import ICONS, Page, wake, woken
from ..display import chart, failures, settings
from ..display.mirrors import not_mirrored

#: After so long without a notification, the address is asked about.
SILENT = timedelta(days=7)


@dataclass(frozen=True)
class Headline:
    """The answer: its level (good, wait, bad), an icon, because colour alone is not enough, and the words."""

    level: str
    icon: str
    words: str

    __repr__ = redacted_repr


class StatusPage(Page):
    """Shows the state of all customers."""

    def urls(self) -> list[URLPattern]:
        return [
            self.route("status/", self.status_view, "status"),
            self.route("status/resume/", self._status_button(self._resume), "resume", button_on="status"),
            self.route("status/push-due/", self._status_button(self._push_due), "push_due", button_on="status"),
        ]

    def status_view(self, request: HttpRequest) -> HttpResponse:
        if not self.admin.has_view_permission(request):
            raise PermissionDenied
        may_push = self.admin.has_push_permission(request)
        customers: Any = self.admin.get_queryset(request)
        status, mistakes, mirrors = sync.status(customers=customers), settings.mistakes(), overview_of_mirrors()
        examples = failures.examples(customers.using(router.db_for_write(Customer))) if status.failures else {}
        return self.admin.page(
            request,
            "customer/status.html",
            _("Sync status"),
            status=status,
            headline=headline(
                status,
                wrong_settings=any(message.is_serious() for message in mistakes),
                not_mirrored=mirrors.failed,
            ),
            states=_states(status),
            oldest_for=span(status.oldest_pending, status.now) if status.oldest_pending else "",
            worked_for=span(status.worked_at, status.now) if status.worked_at else "",
            swept_for=span(status.swept_at, status.now) if status.swept_at else "",
            failures=[
                (code, count, failures.in_words(code, examples.get(code, "")), bool(failures.meaning(code)))
                for code, count in status.failures.items()
            ],
            stopped=[(one, failures.translated(one.reason)) for one in status.accounts if one.paused_until],
            several_accounts=len(status.accounts) > 1,
            accounts=[_account(one, status.now) for one in status.accounts],
            all_stopped=bool(status.accounts) and all(one.is_stopped for one in status.accounts),
            notified=_notified(status),
            mirrors=mirrors,
            not_mirrored=list(not_mirrored(self.admin, request, mirrors)),
            chart=chart.draw(throughput(now=status.now)),
            keeps_history=Conf.HISTORY_DAYS.raw() != 0,
            may_push=may_push,
            settings=list(settings.in_force()) if may_push else [],
            mistakes=mistakes if may_push else [],
        )

    def _status_button(self, act: Callable[[HttpRequest, str], None]) -> Callable[..., HttpResponse]:
        def view(request: HttpRequest) -> HttpResponse:
            if not (self.admin.has_view_permission(request) and self.admin.has_push_permission(request)):
                raise PermissionDenied
            try:
                act(request, router.db_for_write(Customer))
            except ConfigurationError as error:
                self.admin.message_user(request, str(error), messages.ERROR)
            return redirect(self.admin.address("status"))

        return view

    def _resume(self, request: HttpRequest, database: str) -> None:
        account = current_account(database, request.POST.get("account"))
        try:
            resumed = account and sync.resume(account.alias, confirm=request.POST.get("confirm"), database=database)
        except AnotherMerchantCode:
            words = _("Not resumed: this is not the merchant code in the settings.")
            return self.admin.message_user(request, words, messages.ERROR)
        if account and resumed:
            self.admin.log_change(request, Account.objects.using(database).get(pk=account.pk), _("Resumed."))
            self._wake(request, database, _("The account is resumed."))
        else:
            self.admin.message_user(request, _("The account was not paused."), messages.INFO)
        return None

    def _push_due(self, request: HttpRequest, database: str) -> None:
        self._wake(request, database)

    def _wake(self, request: HttpRequest, database: str, done: str = "") -> None:
        found = wake(tasks.push_pending, database=database)
        told = _("A worker was told to push what is due.")
        level, words = woken(found=found, database=database, done=done, words=told)
        self.admin.message_user(request, words, level)


def headline(status: sync.Status, *, wrong_settings: bool = False, not_mirrored: int = 0) -> Headline:
    """The first sentence for a person. The worst obstacle wins."""
    pending, failed = status.counts[SyncState.PENDING], status.counts[SyncState.FAILED]
    if wrong_settings:
        return Headline("bad", "✗", _("Nothing flows: the settings are wrong."))
    if not status.enabled:
        return Headline("wait", "⏸", _("Nothing flows: ENABLED is False in the settings."))
    if stopped := _some_stopped(status):
        return Headline("bad", "✗", stopped)
    if status.to_confirm:
        return Headline("bad", "✗", _("Nothing flows: a person must confirm the merchant code."))
    if status.paused_until:
        return Headline("bad", "✗", _paused(status, status.paused_until))
    if status.standstill:
        return Headline("bad", "⚠", _no_worker(status))
    if status.sweep_is_late:
        return Headline("bad", "⚠", _no_sweep(status))
    if pending:
        words = [_waiting(status), _failed(failed), _not_mirrored(not_mirrored)]
        return Headline("wait", ICONS[SyncState.PENDING], " ".join(filter(None, words)))
    if failed or status.gone or not_mirrored:
        words = [_failed(failed), _gone(status.gone), _not_mirrored(not_mirrored), _("All others are in step.")]
        return Headline("bad", ICONS[SyncState.FAILED], " ".join(filter(None, words)))
    if not any(status.counts.values()):
        return Headline("good", ICONS[SyncState.SYNCED], _("There are no customers yet."))
    return Headline("good", ICONS[SyncState.SYNCED], _("All customers are in step."))


def _some_stopped(status: sync.Status) -> str:
    """The words if some accounts are stopped, and others go on."""
    stopped = [one.alias for one in status.accounts if one.is_stopped]
    if not stopped or len(stopped) == len(status.accounts):
        return ""
    names = get_text_list([_("“%(account)s”") % {"account": alias} for alias in stopped], _("and"))
    words = ngettext(
        "Nothing flows in the account %(accounts)s. The others go on.",
        "Nothing flows in the accounts %(accounts)s. The others go on.",
        len(stopped),
    )
    return words % {"accounts": names}


def _account(one: sync.AccountStatus, now: datetime) -> dict[str, object]:
    """A line of the table of accounts."""
    if one.to_confirm:
        icon, words = "✗", _("waits for a person")
    elif one.paused_until:
        icon, words = ICONS[SyncState.PENDING], _("paused")
    else:
        icon, words = "✓", _("goes on")
    return {
        "alias": one.alias,
        "icon": icon,
        "words": words,
        "counts": [(state.value, one.counts[state]) for state in SyncState],
        "gone": one.gone,
        "swept_for": span(one.swept_at, now) if one.swept_at else "",
        "worked_for": span(one.worked_at, now) if one.worked_at else "",
    }


def _paused(status: sync.Status, until: datetime) -> str:
    if status.paused_now:
        words = _("Nothing flows: the account is paused, and goes on in %(time)s.")
        return words % {"time": span(status.now, until)}
    return _("Nothing flows yet: the account was paused, and the next worker tries one customer.")


def _no_worker(status: sync.Status) -> str:
    if status.worked_at is None:
        return _("No worker was ever seen: is a worker running? Is beat or cron running?")
    words = _("No worker was seen for %(time)s: is a worker running? Is beat or cron running?")
    return words % {"time": span(status.worked_at, status.now)}


def _no_sweep(status: sync.Status) -> str:
    celery = uses_celery()
    if status.swept_at is None:
        return (
            _("No sweep has ever run: is Celery beat running?")
            if celery
            else _("No sweep has ever run: does cron run “manage.py twocheckout_push”?")
        )
    words = _("No sweep has run for %(time)s: is Celery beat running?")
    words = words if celery else _("No sweep has run for %(time)s: does cron run “manage.py twocheckout_push”?")
    return words % {"time": span(status.swept_at, status.now)}


def _waiting(status: sync.Status) -> str:
    count = status.counts[SyncState.PENDING]
    words = ngettext(
        "%(count)s customer waits, for %(time)s.",
        "%(count)s customers wait; the oldest for %(time)s.",
        count,
    )
    return words % {"count": grouped(count), "time": span(status.oldest_pending or status.now, status.now)}


def _failed(count: int) -> str:
    if not count:
        return ""
    words = ngettext("%(count)s customer failed.", "%(count)s customers failed.", count)
    return words % {"count": grouped(count)}


def _gone(count: int) -> str:
    if not count:
        return ""
    words = ngettext("%(count)s customer is gone at 2Checkout.", "%(count)s customers are gone at 2Checkout.", count)
    return words % {"count": grouped(count)}


def _not_mirrored(count: int) -> str:
    if not count:
        return ""
    words = ngettext(
        "The customer of %(count)s object of the site could not be made or changed.",
        "The customers of %(count)s objects of the site could not be made or changed.",
        count,
    )
    return words % {"count": grouped(count)}


def grouped(count: int) -> str:
    return number_format(count, force_grouping=True)


def _notified(status: sync.Status) -> list[tuple[Notifications, str]]:
    """What came of late to each account's addresses for notifications, and the question if nothing did."""
    try:
        return [(one, _silence(one, status.now)) for one in overview() if one.are_expected]
    except ConfigurationError:
        return []


def _silence(one: Notifications, now: datetime) -> str:
    if one.last is None:
        return _("None has come yet: is the address entered at 2Checkout?")
    if now - one.last > SILENT:
        since = date_format(timezone.localtime(one.last), "DATETIME_FORMAT")
        return _("None since %(time)s: is the address entered at 2Checkout?") % {"time": since}
    return ""


def _states(status: sync.Status) -> list[dict[str, object]]:
    return [{"state": state, "icon": ICONS[state], "count": status.counts[state]} for state in SyncState]
