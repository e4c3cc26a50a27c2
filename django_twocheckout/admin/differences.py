"""The page on which our row and 2Checkout's object stand side by side, and a person says who is right.

Fetched live when it is looked at. What was seen travels signed in the form, so that a choice is carried out on these
values and no others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.decorators import method_decorator
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters

from .. import sync
from ..conf import conf
from ..exceptions import CustomerBusy, TwoCheckoutError
from ..merge import Winner
from ..models import Customer, Source, SyncState
from ..serializers import ATTRIBUTES
from .pages import CustomerPages

#: Seconds for which a choice is good.
CHOICE_SECONDS = 60 * 60

_SALT = "twocheckout.differences"
_WINNERS: dict[str, Winner] = {"local": "local", "remote": "remote"}


@dataclass(frozen=True)
class Row:
    """A field as the page shows it."""

    label: str
    difference: sync.Difference
    icon: str
    words: str
    #: Who wins by itself at the next push; chosen beforehand.
    usual: str


class DifferencesPage(CustomerPages):
    """The part of the customers' admin that compares."""

    def get_urls(self) -> list[Any]:
        view = self.wrapped(self.differences_view)
        return [
            path("<path:object_id>/differences/", view, name=self.address_name("differences")),
            *super().get_urls(),
        ]

    @method_decorator(sensitive_post_parameters("seen"))
    def differences_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """GET compares with 2Checkout as it is now; POST carries out what was chosen."""
        customer = self.customer_or_404(request, object_id)
        if request.method != "POST":
            return self._compare(request, customer)
        if not self._may(request, customer, "remote"):
            raise PermissionDenied  # carrying out any choice begins with a re-fetch
        try:
            choices = self._choices(request, customer)
        except signing.BadSignature:
            self.message_user(request, _("What you saw is too old. Look again, and choose anew."), messages.WARNING)
        else:
            self._check_allowed(request, customer, choices)
            self._resolve(request, customer, choices)
        return redirect(self.address("differences", customer.pk))

    def _compare(self, request: HttpRequest, customer: Customer) -> HttpResponse:
        ask, problem = self.has_pull_permission(request, customer), ""
        try:
            differences = sync.compare(customer, ask=ask)
        except TwoCheckoutError as error:
            ask, problem = False, error.words
            differences = sync.compare(customer, ask=False)
        differing = [difference for difference in differences if difference.changed]
        shown = differences if "all" in request.GET or not differing else differing
        allowed = {winner: self._may(request, customer, winner) for winner in _WINNERS}
        seen = {difference.name: [difference.ours, difference.theirs] for difference in differing}
        last = customer.attempts.exclude(conflicts="").order_by("-at", "-pk").first()
        return self.page(
            request,
            "customer/differences.html",
            _("%(customer)s, here and at 2Checkout") % {"customer": customer},
            original=customer,
            asked=ask,
            problem=problem,
            rows=[_row(difference) for difference in shown],
            differing=len(differing),
            hidden=len(differences) - len(shown),
            allowed=allowed,
            choosing=ask and bool(differing) and allowed["remote"],
            seen=signing.dumps({"customer": str(customer.pk), "seen": seen}, salt=_SALT),
            conflict=last,
            conflict_fields=_labels(last.conflicts.split()) if last else "",
        )

    def _may(self, request: HttpRequest, customer: Customer, winner: str) -> bool:
        permission = self.has_push_permission if winner == "local" else self.has_pull_permission
        return permission(request, customer) and self.has_change_permission(request, customer)

    @staticmethod
    def _choices(request: HttpRequest, customer: Customer) -> dict[str, sync.Choice]:
        facts = signing.loads(request.POST.get("seen", ""), salt=_SALT, max_age=CHOICE_SECONDS)
        if facts["customer"] != str(customer.pk):
            raise signing.BadSignature
        choices = {}
        for name, (ours, theirs) in facts["seen"].items():
            if winner := _WINNERS.get(request.POST.get(f"field-{name}", "")):
                choices[name] = sync.Choice(winner, ours, theirs)
        return choices

    def _check_allowed(self, request: HttpRequest, customer: Customer, choices: dict[str, sync.Choice]) -> None:
        for winner in {choice.winner for choice in choices.values()}:
            if not self._may(request, customer, winner):
                raise PermissionDenied

    def _resolve(self, request: HttpRequest, customer: Customer, choices: dict[str, sync.Choice]) -> None:
        if not choices:
            return self.message_user(request, _("Nothing was chosen, so nothing was done."), messages.INFO)
        try:
            resolution = sync.resolve(customer, choices, source=Source.USER, user=request.user.pk)
        except TwoCheckoutError as error:
            return self.message_user(request, _("Not done: %(reason)s") % {"reason": error.words}, messages.ERROR)
        self._tell(request, customer, resolution)
        return None

    def _tell(self, request: HttpRequest, customer: Customer, resolution: sync.Resolution) -> None:
        told, level = [], messages.SUCCESS
        if taken := len(resolution.taken):
            words = ngettext("%(count)d field taken over.", "%(count)d fields taken over.", taken)
            told.append(words % {"count": taken})
            self.log_change(request, customer, _("Took over from 2Checkout: %(fields)s.")
                            % {"fields": " ".join(sorted(resolution.taken))})  # fmt: skip
        if sent := len(resolution.to_send):
            if customer.sync_state == SyncState.SYNCED:
                words = ngettext("%(count)d field sent.", "%(count)d fields sent.", sent) % {"count": sent}
            else:
                reason = customer.sync_error or CustomerBusy().words
                words, level = _("Not sent yet: %(reason)s") % {"reason": reason}, messages.WARNING
            told.append(words)
            self.log_change(request, customer, _("Chose to send to 2Checkout: %(fields)s.")
                            % {"fields": " ".join(sorted(resolution.to_send))})  # fmt: skip
        if resolution.stale:
            level = messages.WARNING
            told.append(
                _("Changed since you looked, so not done as chosen: %(fields)s. Look again.")
                % {"fields": _labels(resolution.stale)}
            )
        self.message_user(request, " ".join(told), level)


def _labels(names: Iterable[str]) -> str:
    """The fields as the form calls them."""
    labels = [str(Customer._meta.get_field(ATTRIBUTES[name]).verbose_name) for name in sorted(names)]  # type: ignore[union-attr]
    return get_text_list(labels, _("and"))


def _row(difference: sync.Difference) -> Row:
    icon, words, usual = {
        "": ("=", _("the same"), ""),
        "here": ("→", _("changed here"), "local"),
        "there": ("←", _("changed at 2Checkout"), "remote"),
        "both": ("⚡", _("changed on both sides"), conf.CONFLICT),
    }[difference.changed]
    return Row(_labels([difference.name]), difference, icon, words, usual)
