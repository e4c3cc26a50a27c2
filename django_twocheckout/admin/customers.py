"""The list and form of customers: where each stands with 2Checkout, and the actions that mend it."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.text import Truncator
from django.utils.timesince import timeuntil
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from .. import sync, tasks
from ..exceptions import TwoCheckoutError
from ..models import Customer, SyncState
from .cards import CardsPage

ICONS = {SyncState.PENDING: "◷", SyncState.SYNCED: "✓", SyncState.FAILED: "✗"}


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


class CustomerAdmin(CardsPage):
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
    #: Up to so many rows are worked on while the person waits; more go to Celery.
    in_request = 10

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

    # Who may do what.

    def has_push_permission(self, request: HttpRequest, obj: Customer | None = None) -> bool:
        return request.user.has_perm("twocheckout.push_customer")

    def has_pull_permission(self, request: HttpRequest, obj: Customer | None = None) -> bool:
        return request.user.has_perm("twocheckout.pull_customer")

    # What can be done.

    @admin.action(description=gettext_lazy("Push now"), permissions=["push"])
    def push_now(self, request: HttpRequest, queryset: QuerySet[Customer]) -> None:
        self._work(request, queryset, self._push, tasks.push_customer, _("Pushed to 2Checkout."))

    @admin.action(description=gettext_lazy("Re-fetch from 2Checkout"), permissions=["pull"])
    def refetch(self, request: HttpRequest, queryset: QuerySet[Customer]) -> None:
        self._work(request, queryset, self._pull, tasks.pull_customer, _("Re-fetched from 2Checkout."))

    @staticmethod
    def _push(customer: Customer) -> str:
        """Push; return why it did not succeed, or nothing."""
        sync.push(customer)
        return (
            "" if customer.sync_state == SyncState.SYNCED else customer.sync_error or _("It is being pushed right now.")
        )

    @staticmethod
    def _pull(customer: Customer) -> str:
        """Pull; return why it did not succeed, or nothing."""
        try:
            sync.pull(customer)
        except TwoCheckoutError as error:
            return error.words
        return ""

    def _work(
        self,
        request: HttpRequest,
        queryset: QuerySet[Customer],
        work: Callable[[Customer], str],
        task: Any,
        done: str,
    ) -> None:
        """Do it now for a few rows, or hand it to Celery for many; one message tells what came of it."""
        if queryset.count() > self.in_request:
            return self._hand_over(request, queryset, task)
        reasons, customers = [], list(queryset)
        for customer in customers:
            if reason := work(customer):
                reasons.append(reason)
            else:
                self.log_change(request, customer, done)
        self._report(request, done, len(customers) - len(reasons), reasons)
        return None

    def _hand_over(self, request: HttpRequest, queryset: QuerySet[Customer], task: Any) -> None:
        pks = list(queryset.values_list("pk", flat=True))
        if task is tasks.push_customer:
            # The rows themselves are the queue: once they are marked, one wake-up serves them all.
            Customer.objects.using(queryset.db).filter(pk__in=pks).mark_pending()
            woken = tasks.enqueue(tasks.push_pending, database=queryset.db)
        else:
            woken = all(tasks.enqueue(task, pk, database=queryset.db) for pk in pks)
        words = ngettext(
            "%(count)d customer was handed to the workers.", "%(count)d customers were handed to the workers.", len(pks)
        )
        words %= {"count": len(pks)}
        if not woken:
            words += " " + _("The broker does not answer, so it may take until the next sweep.")
        self.message_user(request, words, messages.SUCCESS if woken else messages.WARNING)

    def _report(self, request: HttpRequest, done: str, succeeded: int, reasons: list[str]) -> None:
        if not reasons and succeeded == 1:
            return self.message_user(request, done, messages.SUCCESS)
        parts = []
        if succeeded:
            parts.append(
                ngettext("%(count)d customer done.", "%(count)d customers done.", succeeded) % {"count": succeeded}
            )
        if reasons:
            failed = ngettext("%(count)d customer not done:", "%(count)d customers not done:", len(reasons))
            parts.append(failed % {"count": len(reasons)})
            parts.append("; ".join(dict.fromkeys(reasons)))
        level = messages.SUCCESS if not reasons else messages.WARNING if succeeded else messages.ERROR
        return self.message_user(request, " ".join(parts), level)

    # The same as buttons on the form. Each is a POST to an address of its own, which works alike on every Django.

    def get_urls(self) -> list[Any]:
        buttons = [
            path(
                "<path:object_id>/push/",
                self._button(self.push_now, self.has_push_permission),
                name="twocheckout_customer_push",
            ),
            path(
                "<path:object_id>/refetch/",
                self._button(self.refetch, self.has_pull_permission),
                name="twocheckout_customer_refetch",
            ),
            path("cards/", self._outside_transaction(self.cards_view), name="twocheckout_customer_cards"),
        ]
        return buttons + super().get_urls()

    def _button(
        self, action: Callable[[HttpRequest, QuerySet[Customer]], None], permission: Callable[[HttpRequest], bool]
    ) -> Callable[..., HttpResponse]:
        @require_POST
        def view(request: HttpRequest, object_id: str) -> HttpResponse:
            customer = self.get_object(request, unquote(object_id))
            if customer is None:
                raise Http404
            if not (permission(request) and self.has_view_permission(request, customer)):
                raise PermissionDenied
            action(request, self.get_queryset(request).filter(pk=customer.pk))
            return redirect(reverse("admin:twocheckout_customer_change", args=[customer.pk]))

        return self._outside_transaction(view)

    def _outside_transaction(self, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        """The admin's wrapping, and no transaction around the talk with 2Checkout where ATOMIC_REQUESTS would open
        one."""

        def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            return self.admin_site.admin_view(view)(request, *args, **kwargs)

        return transaction.non_atomic_requests(update_wrapper(wrapper, view))

    @transaction.non_atomic_requests
    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return super().changelist_view(request, extra_context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        allowed = {
            "may_push": self.has_push_permission(request),
            "may_pull": self.has_pull_permission(request),
            "may_delete_cards": self.has_delete_card_permission(request),
        }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **allowed})
