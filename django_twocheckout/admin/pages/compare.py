"""The page with our row beside 2Checkout's object: a person chooses the winners, and ``sync.resolve`` carries it out.

The object is fetched live. The shown values travel signed in the form, so a choice counts for these values alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters

from ... import sync
from ...conf import conf
from ...exceptions import CustomerBusy, NotFound, TwoCheckoutError
from ...models import Customer, Source, SyncState
from ...redaction import redacted_repr
from ...sync import Winner
from ..base import Page
from ..display.conflicts import last_conflict
from ..display.failures import reason as reason_of
from ..display.failures import translated
from ..display.fields import label, labels, value

#: Seconds for which a choice is valid.
CHOICE_SECONDS = 60 * 60

_SALT = "twocheckout.compare"
_WINNERS: dict[str, Winner] = {"local": "local", "remote": "remote"}


@dataclass(frozen=True)
class Row:
    """A field as shown on the page."""

    label: str
    difference: sync.Difference
    #: The three sides' values in words; None for one that is not known.
    ours: str
    known: str | None
    theirs: str | None
    icon: str
    words: str
    #: The winner at the next push without a choice, selected beforehand.
    usual: str

    __repr__ = redacted_repr


class ComparePage(Page):
    """Compares a customer with 2Checkout, and carries out a person's choices."""

    def urls(self) -> list[URLPattern]:
        return [self.route("<path:object_id>/differences/", self.compare_view, "differences")]

    @method_decorator(sensitive_post_parameters("seen"))
    def compare_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """GET compares with 2Checkout as it is now. POST carries out the choices."""
        customer = self.admin.customer_or_404(request, object_id)
        if request.method != "POST":
            return self._compare(request, customer)
        if not self._may(request, customer, "remote"):
            raise PermissionDenied  # every choice begins with a re-fetch
        try:
            choices = self._choices(request, customer)
        except signing.BadSignature:
            self.admin.message_user(
                request, _("What you saw is too old. Look again, and choose anew."), messages.WARNING
            )
        else:
            self._check_allowed(request, customer, choices)
            self._resolve(request, customer, choices)
        return redirect(self.admin.address("differences", customer.pk))

    def _compare(self, request: HttpRequest, customer: Customer) -> HttpResponse:
        ask, problem = self.admin.has_pull_permission(request, customer), ""
        try:
            differences = sync.compare(customer, ask=ask)
        except TwoCheckoutError as error:
            never = isinstance(error, NotFound) and not customer.customer_reference
            ask, problem = False, "" if never else translated(error.words)
            differences = sync.compare(customer, ask=False)
        changed_fields = [difference for difference in differences if difference.changed]
        shown = differences if "all" in request.GET or not changed_fields else changed_fields
        allowed = {winner: self._may(request, customer, winner) for winner in _WINNERS}
        seen = {difference.name: [difference.ours, difference.theirs] for difference in changed_fields}
        return self.admin.page(
            request,
            "customer/compare.html",
            _("%(customer)s, here and at 2Checkout") % {"customer": customer},
            original=customer,
            asked=ask,
            problem=problem,
            rows=[_row(difference, conf.of(customer.account).CONFLICT) for difference in shown],
            changed_fields=len(changed_fields),
            hidden=len(differences) - len(shown),
            allowed=allowed,
            choosing=ask and bool(changed_fields) and allowed["remote"],
            seen=signing.dumps({"customer": str(customer.pk), "seen": seen}, salt=_SALT),
            nothing_known=not ask and all(difference.known is None for difference in differences),
            may_ask=self.admin.has_pull_permission(request, customer),
            conflict=last_conflict(customer),
            may_push=self.admin.has_push_permission(request, customer),
        )

    def _may(self, request: HttpRequest, customer: Customer, winner: str) -> bool:
        permission = self.admin.has_push_permission if winner == "local" else self.admin.has_pull_permission
        return permission(request, customer) and self.admin.has_change_permission(request, customer)

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
            return self.admin.message_user(request, _("Nothing was chosen, so nothing was done."), messages.INFO)
        try:
            resolution = sync.resolve(customer, choices, source=Source.USER, user=request.user.pk)
        except TwoCheckoutError as error:
            return self.admin.message_user(
                request, _("Not done: %(reason)s") % {"reason": translated(error.words)}, messages.ERROR
            )
        self._report_resolution(request, customer, resolution)
        return None

    def _report_resolution(self, request: HttpRequest, customer: Customer, resolution: sync.Resolution) -> None:
        parts, level = [], messages.SUCCESS
        if adopted := len(resolution.adopted):
            words = ngettext("%(count)d field taken over.", "%(count)d fields taken over.", adopted)
            parts.append(words % {"count": adopted})
            words = _("Took over from 2Checkout: %(fields)s.") % {"fields": labels(resolution.adopted)}
            self.admin.log_change(request, customer, words)
        if sent := len(resolution.to_send):
            if customer.sync_state == SyncState.SYNCED:
                words = ngettext("%(count)d field sent.", "%(count)d fields sent.", sent) % {"count": sent}
            else:
                reason = reason_of(customer) or translated(CustomerBusy().words)
                words, level = _("Not sent yet: %(reason)s") % {"reason": reason}, messages.WARNING
            parts.append(words)
            entry = _("Chose to send to 2Checkout: %(fields)s.") % {"fields": labels(resolution.to_send)}
            self.admin.log_change(request, customer, entry)
        if resolution.stale:
            level = messages.WARNING
            parts.append(
                _("Changed since you looked, so not done as chosen: %(fields)s. Look again.")
                % {"fields": labels(resolution.stale)}
            )
        self.admin.message_user(request, " ".join(parts), level)


def _row(difference: sync.Difference, conflict: Winner) -> Row:
    icon, words, usual = {
        "": ("=", _("the same"), ""),
        "here": ("→", _("changed here"), "local"),
        "there": ("←", _("changed at 2Checkout"), "remote"),
        "both": ("⚡", _("changed on both sides"), conflict),
    }[difference.changed]
    name = difference.attribute
    known, theirs = (None if side is None else value(name, side) for side in (difference.known, difference.theirs))
    return Row(label(name), difference, value(name, difference.ours), known, theirs, icon, words, usual)
