"""The page that answers "is it flowing?": in one sentence, then in numbers, with what holds it up and how to go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import router
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from .. import sync, tasks
from ..conf import ConfigurationError, conf
from ..exceptions import meaning_of
from ..models import Customer, SyncState
from . import chart, settings
from .pages import ICONS, CustomerPages
from .standing import span


@dataclass(frozen=True)
class Headline:
    """The answer: how grave it is (good, wait, bad), the icon that says so without colour, and the words."""

    level: str
    icon: str
    words: str


class StatusPage(CustomerPages):
    """The part of the customers' admin that tells how things stand as a whole."""

    def get_urls(self) -> list[Any]:
        return [
            path("status/", self.wrapped(self.status_view), name=self.address_name("status")),
            path("status/resume/", self._status_button(self._resume), name=self.address_name("resume")),
            path("status/push-due/", self._status_button(self._push_due), name=self.address_name("push_due")),
            *super().get_urls(),
        ]

    def status_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        may_push = self.has_push_permission(request)
        status, mistakes = sync.status(), settings.mistakes()
        return self.page(
            request,
            "customer/status.html",
            _("Sync status"),
            status=status,
            headline=headline(status, wrong_settings=any(message.is_serious() for message in mistakes)),
            states=_states(status),
            oldest_for=span(status.oldest_pending, status.now) if status.oldest_pending else "",
            swept_for=span(status.swept_at, status.now) if status.swept_at else "",
            failures=[(code, count, meaning_of(code)) for code, count in status.failures.items()],
            chart=chart.draw(sync.throughput()),
            keeps_history=bool(conf.HISTORY_DAYS),
            may_push=may_push,
            settings=list(settings.in_force()) if may_push else [],
            mistakes=mistakes if may_push else [],
        )

    def _status_button(self, act: Callable[[HttpRequest, str], None]) -> Callable[..., HttpResponse]:
        def view(request: HttpRequest) -> HttpResponse:
            if not (self.has_view_permission(request) and self.has_push_permission(request)):
                raise PermissionDenied
            try:
                act(request, router.db_for_write(Customer))
            except ConfigurationError as error:
                self.message_user(request, str(error), messages.ERROR)
            return redirect(self.address("status"))

        return self.button(view, back="status")

    def _resume(self, request: HttpRequest, database: str) -> None:
        account = sync.look(database)
        if account and sync.resume(database):
            self.log_change(request, account, _("Resumed."))
            self._wake(request, database, _("The account is resumed."))
        else:
            self.message_user(request, _("The account was not paused."), messages.INFO)

    def _push_due(self, request: HttpRequest, database: str) -> None:
        self._wake(request, database)

    def _wake(self, request: HttpRequest, database: str, done: str = "") -> None:
        if tasks.enqueue(tasks.push_pending, database=database):
            level, words = messages.SUCCESS, _("A worker was told to push what is due.")
        else:
            level, words = (
                messages.WARNING,
                _("The broker does not answer, so it may take until the next sweep."),
            )
        self.message_user(request, f"{done} {words}".strip(), level)


def headline(status: sync.Status, *, wrong_settings: bool = False) -> Headline:
    """What a person must know first; the gravest thing that holds customers up goes before all others."""
    pending, failed = status.counts[SyncState.PENDING], status.counts[SyncState.FAILED]
    if wrong_settings:
        return Headline("bad", "✗", _("Nothing flows: the settings are wrong."))
    if status.paused_until:
        return Headline("bad", "✗", _paused(status, status.paused_until))
    if status.sweep_is_late:
        return Headline("bad", "⚠", _no_sweep(status))
    if pending:
        return Headline("wait", ICONS[SyncState.PENDING], " ".join(filter(None, [_waiting(status), _failed(failed)])))
    if failed:
        return Headline("bad", ICONS[SyncState.FAILED], f"{_failed(failed)} {_('All others are in step.')}")
    if not any(status.counts.values()):
        return Headline("good", ICONS[SyncState.SYNCED], _("There are no customers yet."))
    return Headline("good", ICONS[SyncState.SYNCED], _("All customers are in step."))


def _paused(status: sync.Status, until: datetime) -> str:
    if status.paused_now:
        words = _("Nothing flows: the account is paused for another %(time)s.")
        return words % {"time": span(status.now, until)}
    return _("Nothing flows yet: the account was paused, and the next worker tries one customer.")


def _no_sweep(status: sync.Status) -> str:
    if status.swept_at is None:
        return _("No sweep has ever run: is Celery beat running?")
    return _("No sweep has run for %(time)s: is Celery beat running?") % {"time": span(status.swept_at, status.now)}


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


def grouped(count: int) -> str:
    return number_format(count, force_grouping=True)


def _states(status: sync.Status) -> list[dict[str, Any]]:
    return [{"state": state, "icon": ICONS[state], "count": status.counts[state]} for state in SyncState]
