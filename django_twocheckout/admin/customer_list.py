"""The list of customers in the admin: its columns, filters, order and search."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..countries import country_name
from ..models import Customer, SyncState
from . import accounts
from .accounts import AccountFilter
from .composed import ComposedAdmin
from .display.conflicts import last_conflicts
from .display.failures import reason
from .display.state_summary import ago, badge, failing_for, next_try
from .excluded import without_excluded
from .filters import CardsFilter, ConflictFilter, CountryFilter, PresenceFilter, ReasonFilter, StaleFilter
from .paging import CappedPaginator


class CustomerList(ComposedAdmin):
    """The base of the customers' admin that makes its list: each row with its sync state, and the reason."""

    paginator = CappedPaginator
    list_display = [
        "name",
        "state_and_reason",
        "pushed",
        "email_and_company",
        "country",
        "references",
    ]
    list_display_links = ["name"]
    list_filter = [
        "sync_state",
        ("presence", PresenceFilter),
        ReasonFilter,
        ConflictFilter,
        StaleFilter,
        CardsFilter,
        "enabled",
        "trial",
        CountryFilter,
    ]
    # Those with an index to follow: any other order would sort a million rows for one page.
    sortable_by = ["name", "state_and_reason", "email_and_company", "country"]
    ordering = ["-pk"]
    search_fields = ["customer_reference", "external_customer_reference", "first_name", "last_name", "email", "company"]
    search_help_text = gettext_lazy("Search by reference, name, e-mail or company.")
    show_full_result_count = False

    # Columns.

    @admin.display(description=gettext_lazy("name"), ordering="last_name")
    def name(self, customer: Customer) -> str:
        return str(customer)

    @admin.display(description=gettext_lazy("state"), ordering="sync_state")
    def state_and_reason(self, customer: Customer) -> str:
        words = reason(customer).removesuffix(f"({customer.error_code})")
        failing = "" if getattr(customer, "has_failing_column", False) else failing_for(customer)
        paused = customer.account in getattr(customer, "stopped_accounts", ())
        lines = [Truncator(words).chars(90), failing, next_try(customer, paused=paused)]
        shown = format_html_join("", '<div class="tco-reason">{}</div>', [(line,) for line in lines if line])
        return format_html("{}{}{}", badge(customer), shown, self._conflict(customer))

    def _conflict(self, customer: Customer) -> str:
        """A link to the page that compares, for a row with an undecided conflict."""
        conflict = getattr(customer, "conflict", None)
        if conflict is None or not conflict.open:
            return ""
        words = _("Changed on both sides: %(fields)s") % {"fields": conflict.open}
        link = '<div class="tco-reason"><span aria-hidden="true">⚡</span> <a href="{}">{}</a></div>'
        return format_html(link, self.address("differences", customer.pk), words)

    @admin.display(description=gettext_lazy("failing since"), ordering="failing_since")
    def failing(self, customer: Customer) -> str:
        return ago(customer.failing_since) if customer.failing_since else "-"

    @admin.display(description=gettext_lazy("e-mail, company"), ordering="email")
    def email_and_company(self, customer: Customer) -> str:
        # The address may break before its "@": whole addresses would push the last columns out of the window.
        name, at, host = customer.email.partition("@")
        return format_html('{}<wbr>{}{}<div class="tco-reason">{}</div>', name, at, host, customer.company)

    @admin.display(description=gettext_lazy("country"), ordering="country_code")
    def country(self, customer: Customer) -> str:
        # The name would push the last column out of the window.
        return format_html('<abbr title="{}">{}</abbr>', country_name(customer.country_code), customer.country_code)

    @admin.display(description=gettext_lazy("account"))
    def account_name(self, customer: Customer) -> str:
        return accounts.label(customer.account)

    @admin.display(description=gettext_lazy("references"))
    def references(self, customer: Customer) -> str:
        theirs = customer.customer_reference or _("not at 2Checkout yet")
        return format_html('{}<div class="tco-reason">{}</div>', theirs, customer.external_customer_reference or "")

    @admin.display(description=gettext_lazy("pushed"))
    def pushed(self, customer: Customer) -> str:
        return ago(customer.pushed_at)

    # What is shown of them, and which rows.

    def get_list_filter(self, request: HttpRequest) -> Any:
        filters = without_excluded(super().get_list_filter(request))
        shows = accounts.are_several() or AccountFilter.parameter_name in request.GET
        return [AccountFilter, *filters] if shows else filters

    @staticmethod
    def _shows_failed(request: HttpRequest) -> bool:
        """Whether the list has failed rows alone. They are few enough to be sorted without an index."""
        return request.GET.get("sync_state__exact") == SyncState.FAILED

    def get_list_display(self, request: HttpRequest) -> Any:
        columns = super().get_list_display(request)
        if accounts.are_several() and accounts.NAME not in columns:
            columns = [*columns, accounts.NAME]
        failed = self._shows_failed(request)
        return ["failing" if failed and column == "pushed" else column for column in columns]

    def get_sortable_by(self, request: HttpRequest) -> Any:
        columns = list(super().get_sortable_by(request))
        return [*columns, "failing"] if self._shows_failed(request) else columns

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changes = super().get_changelist_instance(request)
        conflicts = last_conflicts(one for one in changes.result_list if one.sync_state != SyncState.SYNCED)
        for customer in changes.result_list:
            customer.conflict = conflicts.get(customer.row_key)
            customer.has_failing_column = self._shows_failed(request)
            customer.stopped_accounts = getattr(request, "stopped_accounts", ())
        return changes

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Customer], search_term: str
    ) -> tuple[QuerySet[Customer], bool]:
        """Find a whole reference or e-mail address by its index. Search every row only for other terms."""
        term = search_term.strip()
        exact = Q(customer_reference=term) | Q(external_customer_reference=term) | Q(email=term)
        if term and queryset.filter(exact).exists():
            return queryset.filter(exact), False
        return super().get_search_results(request, queryset, search_term)
