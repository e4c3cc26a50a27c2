"""The list and form of customers: where each stands with 2Checkout, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.text import Truncator
from django.utils.timesince import timeuntil
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import sync
from ..models import Attempt, Customer, SyncState
from .actions import PushAndPull
from .adding import AddingPage
from .cards import CardsPage
from .differences import DifferencesPage
from .filters import CardsFilter, CountryFilter, ReasonFilter, StaleFilter
from .jobs import under_way
from .paging import CappedPaginator
from .standing import ago, badge, standing
from .status import StatusPage

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Customer]
else:
    ModelForm = forms.ModelForm

#: Lines of the history on its page; the rest is told by their number.
HISTORY_LINES = 200


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

    def clean_language(self) -> str:
        return str(self.cleaned_data["language"]).lower()


class CustomerAdmin(PushAndPull, CardsPage, DifferencesPage, StatusPage, AddingPage):
    """Our fields are editable, 2Checkout's own are shown; saving pushes."""

    form = CustomerForm
    paginator = CappedPaginator
    change_form_template = "admin/twocheckout/customer/change_form.html"
    actions = ["push_now", "retry_failed", "refetch", "choose_cards"]
    list_display = [
        "name",
        "standing_and_reason",
        "next_try",
        "email_and_company",
        "country_code",
        "references",
        "pushed",
    ]
    list_display_links = ["name"]
    list_filter = ["sync_state", ReasonFilter, StaleFilter, CardsFilter, "enabled", "trial", CountryFilter]
    # Those that the database can follow an index for; any other order would sort a million rows for one page.
    sortable_by = ["name", "standing_and_reason", "email_and_company", "country_code"]
    ordering = ["-pk"]
    search_fields = ["customer_reference", "external_customer_reference", "first_name", "last_name", "email", "company"]
    search_help_text = gettext_lazy("Search by reference, name, e-mail or company.")
    show_full_result_count = False
    readonly_fields = [
        "customer_reference",
        "enabled",
        "trial",
        "cards_on_file",
        "credit",
        "pushed",
        "pulled",
        "saved_at",
    ]
    fieldsets = [
        (
            gettext_lazy("Customer"),
            {"fields": [("first_name", "last_name"), "email", ("company", "fiscal_code"), "language"]},
        ),
        (
            gettext_lazy("Address"),
            {"fields": ["address1", "address2", ("zip", "city"), ("state", "country_code"), ("phone", "fax")]},
        ),
        (gettext_lazy("References"), {"fields": ["external_customer_reference"]}),
        (
            gettext_lazy("2Checkout's own"),
            {
                "description": gettext_lazy("Set by 2Checkout; shown as last re-fetched."),
                "fields": ["customer_reference", ("enabled", "trial"), ("cards_on_file", "credit"), "pushed", "pulled"],
            },
        ),
    ]

    class Media:
        css = {"all": ["twocheckout/themes.css", "twocheckout/admin.css"]}

    # What is shown.

    @admin.display(description=gettext_lazy("name"), ordering="last_name")
    def name(self, customer: Customer) -> str:
        return str(customer)

    @admin.display(description=gettext_lazy("state"), ordering="sync_state")
    def standing_and_reason(self, customer: Customer) -> str:
        if not customer.sync_error:
            return badge(customer)
        reason = Truncator(customer.sync_error).chars(90)
        return format_html('{}<div class="tco-reason">{}</div>', badge(customer), reason)

    @admin.display(description=gettext_lazy("next try"))
    def next_try(self, customer: Customer) -> str:
        if customer.sync_state != SyncState.PENDING:
            return "-"
        if not customer.tries:
            return _("now")
        return _("in %(time)s") % {"time": timeuntil(customer.next_try_at).partition(",")[0]}

    @admin.display(description=gettext_lazy("e-mail, company"), ordering="email")
    def email_and_company(self, customer: Customer) -> str:
        if not customer.company:
            return customer.email
        return format_html('{}<div class="tco-reason">{}</div>', customer.email, customer.company)

    @admin.display(description=gettext_lazy("references"))
    def references(self, customer: Customer) -> str:
        theirs = customer.customer_reference or _("not at 2Checkout yet")
        return format_html('{}<div class="tco-reason">{}</div>', theirs, customer.external_customer_reference)

    @admin.display(description=gettext_lazy("pushed"))
    def pushed(self, customer: Customer) -> str:
        return ago(customer.pushed_at)

    @admin.display(description=gettext_lazy("re-fetched"))
    def pulled(self, customer: Customer) -> str:
        return ago(customer.pulled_at)

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

    # The pages.

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Customer], search_term: str
    ) -> tuple[QuerySet[Customer], bool]:
        """A whole reference or e-mail address is found by its index; only what is none is looked for in every row."""
        term = search_term.strip()
        exact = Q(customer_reference=term) | Q(external_customer_reference=term) | Q(email=term)
        if term and queryset.filter(exact).exists():
            return queryset.filter(exact), False
        return super().get_search_results(request, queryset, search_term)

    @transaction.non_atomic_requests
    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        content = {
            "account": sync.look(),
            "under_way": under_way(),
            "may_push": self.has_push_permission(request),
            "may_add": self.has_add_permission(request) and self.has_pull_permission(request),
        }
        return super().changelist_view(request, {**content, **(extra_context or {})})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        content: dict[str, Any] = {
            "may_push": self.has_push_permission(request),
            "may_pull": self.has_pull_permission(request),
            "may_delete_cards": self.has_delete_card_permission(request),
        }
        customer = self.get_object(request, object_id)
        if customer is not None:
            account = sync.look(customer._state.db)
            attempt = customer.attempts.order_by("-at", "-pk").first()
            content |= {"account": account, "standing": standing(customer, account, attempt), "badge": badge(customer)}
        return super().change_view(request, object_id, form_url, {**content, **(extra_context or {})})

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """What was tried with this customer, above Django's own log of who did what here."""
        attempts: list[Attempt] = []
        customer = self.get_object(request, object_id)
        if customer is not None:
            attempts = list(customer.attempts.order_by("-at", "-pk")[: HISTORY_LINES + 1])
        pks = {attempt.user for attempt in attempts if attempt.user}
        users = (
            {str(user.pk): str(user) for user in get_user_model()._default_manager.filter(pk__in=pks)} if pks else {}
        )
        for attempt in attempts:
            attempt.person = users.get(attempt.user, "")  # type: ignore[attr-defined]
        content = {
            "attempts": attempts[:HISTORY_LINES],
            "more_attempts": len(attempts) > HISTORY_LINES,
            "media": self.media,
        }
        return super().history_view(request, object_id, {**content, **(extra_context or {})})
