"""The list and form of customers: where each stands with 2Checkout, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import sync
from ..models import Attempt, Customer, Job, Verb
from .actions import PushAndPull
from .adding import AddingPage
from .cards import CardsPage
from .differences import DifferencesPage
from .filters import CardsFilter, CountryFilter, ReasonFilter, StaleFilter
from .jobs import under_way
from .pages import people
from .paging import CappedPaginator
from .standing import ago, badge, next_try, not_in_step, standing
from .status import StatusPage

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Customer]
else:
    ModelForm = forms.ModelForm

#: Lines of the history on its page; the rest is told by their number.
HISTORY_LINES = 200


class CustomerForm(ModelForm):
    """Asks for what 2Checkout requires, although a row may have been filled with less by 2Checkout itself.

    Only what the person changed is assigned: what was pulled while the form stood open is not put back.
    """

    class Meta:
        model = Customer
        fields = "__all__"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in Customer.REQUIRED_FIELDS:
            if name in self.fields:
                self.fields[name].required = True
        for field in self.fields.values():
            field.show_hidden_initial = self.instance.pk is not None

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        for name in cleaned.keys() - set(self.changed_data):
            if self.add_initial_prefix(name) in self.data:
                cleaned[name] = getattr(self.instance, name)
        return cleaned

    def clean_country_code(self) -> str:
        return str(self.cleaned_data["country_code"]).upper()

    def clean_language(self) -> str:
        return str(self.cleaned_data["language"]).lower()


class CustomerAdmin(PushAndPull, CardsPage, DifferencesPage, StatusPage, AddingPage):
    """Our fields are editable, 2Checkout's own are shown; saving pushes."""

    form = CustomerForm
    paginator = CappedPaginator
    # Named, so that a proxy's admin finds them too.
    change_list_template = "admin/twocheckout/customer/change_list.html"
    change_form_template = "admin/twocheckout/customer/change_form.html"
    object_history_template = "admin/twocheckout/customer/object_history.html"
    delete_confirmation_template = "admin/twocheckout/customer/delete_confirmation.html"
    delete_selected_confirmation_template = "admin/twocheckout/customer/delete_selected_confirmation.html"
    actions = ["push_now", "retry_failed", "refetch", "choose_cards"]
    list_display = [
        "name",
        "state_and_reason",
        "pushed",
        "email_and_company",
        "country_code",
        "references",
    ]
    list_display_links = ["name"]
    list_filter = ["sync_state", ReasonFilter, StaleFilter, CardsFilter, "enabled", "trial", CountryFilter]
    # Those that the database can follow an index for; any other order would sort a million rows for one page.
    sortable_by = ["name", "state_and_reason", "email_and_company", "country_code"]
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
    def state_and_reason(self, customer: Customer) -> str:
        lines = [Truncator(customer.sync_error).chars(90), next_try(customer)]
        shown = format_html_join("", '<div class="tco-reason">{}</div>', [(line,) for line in lines if line])
        return format_html("{}{}", badge(customer), shown)

    @admin.display(description=gettext_lazy("e-mail, company"), ordering="email")
    def email_and_company(self, customer: Customer) -> str:
        # The address may be broken before its "@": whole addresses would push the last columns out of the window.
        name, at, host = customer.email.partition("@")
        return format_html('{}<wbr>{}{}<div class="tco-reason">{}</div>', name, at, host, customer.company)

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

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        content = {
            "account": sync.look(),
            "under_way": under_way() if self.sister(Job) else [],
            "not_in_step": not_in_step(self.get_queryset(request)),
            "may_push": self.has_push_permission(request),
            "may_add": self.has_add_remote_permission(request),
            "job_opts": jobs.opts if (jobs := self.sister(Job)) else None,
        }
        return super().changelist_view(request, {**content, **(extra_context or {})})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        customer = self.get_object(request, object_id)
        content: dict[str, Any] = {
            "may_push": self.has_push_permission(request, customer),
            "may_pull": self.has_pull_permission(request, customer),
            "may_delete_cards": self.has_delete_card_permission(request, customer),
        }
        if customer is not None:
            account = sync.look(customer._state.db)
            attempt = customer.attempts.filter(verb=Verb.PUSH).order_by("-at", "-pk").first()
            content |= {"account": account, "standing": standing(customer, account, attempt), "badge": badge(customer)}
        return super().change_view(request, object_id, form_url, {**content, **(extra_context or {})})

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """What was tried with this customer, above Django's own log of who did what here."""
        attempts: list[Attempt] = []
        customer = self.get_object(request, object_id)
        if customer is not None:
            attempts = list(customer.attempts.order_by("-at", "-pk")[: HISTORY_LINES + 1])
        names = people(attempt.user for attempt in attempts)
        for attempt in attempts:
            attempt.person = names.get(attempt.user, "")  # type: ignore[attr-defined]
        content = {
            "attempts": attempts[:HISTORY_LINES],
            "more_attempts": len(attempts) > HISTORY_LINES,
            "media": self.media,
        }
        return super().history_view(request, object_id, {**content, **(extra_context or {})})
