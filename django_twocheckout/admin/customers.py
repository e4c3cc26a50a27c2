"""The list and form of customers: where each stands with 2Checkout, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.text import Truncator
from django.utils.timesince import timeuntil
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import sync
from ..models import Customer, SyncState
from .actions import PushAndPull
from .cards import CardsPage
from .pages import ICONS
from .status import StatusPage

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Customer]
else:
    ModelForm = forms.ModelForm


class CustomerForm(ModelForm):
    """Asks for what 2Checkout requires, although a row may have been filled with less by 2Checkout itself."""

    class Meta:
        model = Customer
        fields = "__all__"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in Customer.REQUIRED_FIELDS:
            if name in self.fields:
                self.fields[name].required = True

    def clean_country_code(self) -> str:
        return str(self.cleaned_data["country_code"]).upper()


class CustomerAdmin(PushAndPull, CardsPage, StatusPage):
    """Our fields are editable, 2Checkout's own are shown; saving pushes."""

    form = CustomerForm
    actions = ["push_now", "refetch", "choose_cards"]
    list_display = [
        "__str__",
        "standing_and_reason",
        "customer_reference",
        "email",
        "company",
        "country_code",
        "pushed_at",
    ]
    list_filter = ["sync_state", "enabled", "trial"]
    ordering = ["-pk"]
    search_fields = ["customer_reference", "external_customer_reference", "first_name", "last_name", "email", "company"]
    search_help_text = gettext_lazy("Search by reference, name, e-mail or company.")
    show_full_result_count = False
    readonly_fields = [
        "customer_reference", "enabled", "trial", "cards_on_file", "credit", "standing", "sync_error", "next_try",
        "pushed_at", "pulled_at", "saved_at",
    ]  # fmt: skip
    fieldsets = [
        (None, {"fields": ["standing", "sync_error", "next_try"]}),
        (
            gettext_lazy("Customer"),
            {"fields": [("first_name", "last_name"), "email", ("company", "fiscal_code"), "language"]},
        ),
        (
            gettext_lazy("Address"),
            {"fields": ["address1", "address2", ("zip", "city"), ("state", "country_code"), ("phone", "fax")]},
        ),
        (
            gettext_lazy("At 2Checkout"),
            {
                "fields": [
                    ("external_customer_reference", "customer_reference"),
                    ("enabled", "trial"),
                    ("cards_on_file", "credit"),
                    "pushed_at",
                    "pulled_at",
                    "saved_at",
                ]
            },
        ),
    ]

    class Media:
        css = {"all": ["twocheckout/admin.css"]}

    # What is shown.

    @admin.display(description=gettext_lazy("sync state"), ordering="sync_state")
    def standing(self, customer: Customer) -> str:
        state = SyncState(customer.sync_state)
        return format_html(
            '<span class="tco-state tco-state-{}" title="{}"><span aria-hidden="true">{}</span> {}</span>',
            state.value, customer.sync_error, ICONS[state], state.label,
        )  # fmt: skip

    @admin.display(description=gettext_lazy("sync state"), ordering="sync_state")
    def standing_and_reason(self, customer: Customer) -> str:
        if not customer.sync_error:
            return self.standing(customer)
        reason = Truncator(customer.sync_error).chars(90)
        return format_html('{}<div class="tco-reason">{}</div>', self.standing(customer), reason)

    @admin.display(description=gettext_lazy("next try"))
    def next_try(self, customer: Customer) -> str:
        if customer.sync_state != SyncState.PENDING:
            return "-"
        wait = timeuntil(customer.next_try_at)
        return _("in %(time)s") % {"time": wait} if customer.tries else _("as soon as a worker is free")

    @admin.display(description=gettext_lazy("cards"))
    def cards_on_file(self, customer: Customer) -> str:
        cards = [
            (card.get("type") or _("Card"), card.get("last_digits") or "????", card.get("expiry") or "")
            for card in customer.existing_cards
        ]
        return format_html_join("", "<div>{} •••• {} {}</div>", cards) or _("none known")

    @admin.display(description=gettext_lazy("credit"))
    def credit(self, customer: Customer) -> str:
        if customer.credit_limit is None:
            return "-"
        values = {
            "remaining": customer.credit_remaining,
            "limit": customer.credit_limit,
            "currency": customer.credit_currency,
        }
        return _("%(remaining)s of %(limit)s %(currency)s") % values

    @transaction.non_atomic_requests
    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        self._tell_pause(request)
        return super().changelist_view(request, extra_context)

    def _tell_pause(self, request: HttpRequest) -> None:
        """Say above the page that nothing flows, why, and when it will be tried again."""
        account = sync.look()
        if request.method == "GET" and account and account.paused_until:
            words = _("2Checkout is not asked for now: %(reason)s It is tried again %(when)s.") % {
                "reason": account.reason.rstrip(".") + ".",
                "when": _("in %(time)s") % {"time": timeuntil(account.paused_until)}
                if account.paused_now
                else _("by the next worker"),
            }
            messages.warning(request, words)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        self._tell_pause(request)
        allowed = {
            "may_push": self.has_push_permission(request),
            "may_pull": self.has_pull_permission(request),
            "may_delete_cards": self.has_delete_card_permission(request),
        }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **allowed})
