"""The list and form of customers, with each row's sync state and its reason: the admin's main page for ``sync``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.utils import flatten_fieldsets, unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils.html import format_html, format_html_join
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..countries import country_name
from ..exceptions import AccountIsFixed
from ..flows.erase import erasure_under_way
from ..flows.notifications_overview import of_customer
from ..mirrors.overview import Owner, owner_of
from ..models import Attempt, Customer, Job, SyncState, Verb
from . import accounts
from .accounts import AccountFilter
from .actions import choose_cards, erase, push_now, refetch, retry_failed
from .base import Page, banner, outside_transactions, user_names
from .composed import HISTORY_LINES, ComposedAdmin
from .display.conflicts import last_conflict, last_conflicts
from .display.failures import in_words, reason
from .display.fields import value
from .display.history import Line, refusal
from .display.mirrors import source
from .display.state_summary import MANY, ago, badge, failing_for, next_try, not_in_step, state_summary
from .excluded import fieldsets_without_excluded, without_excluded
from .filters import CardsFilter, ConflictFilter, CountryFilter, PresenceFilter, ReasonFilter, StaleFilter
from .form import CustomerForm
from .index import show_on_index
from .job import under_way
from .links import links_of
from .pages import AccountPage, AddPage, CardsPage, ComparePage, ErasePage, LinkPage, PushAndPull, StatusPage
from .pages.account import ACCOUNT_PAGES
from .pages.push_pull import with_reason
from .paging import CappedPaginator, count_up_to
from .waiting import Waiting, first_look, is_on_its_way


class CustomerAdmin(ComposedAdmin):
    """Our fields are editable, 2Checkout's own are shown. Saving pushes."""

    #: Our pages beside Django's own.
    pages: ClassVar[Sequence[type[Page]]] = [
        PushAndPull,
        CardsPage,
        ComparePage,
        StatusPage,
        AddPage,
        LinkPage,
        AccountPage,
        ErasePage,
    ]
    #: The most rows done while the person waits. More become a job.
    in_request = 10
    #: Seconds that a person and the web server may wait for them.
    seconds_in_request = 15

    form = CustomerForm
    paginator = CappedPaginator
    # Named, and not at Django's default places: every other admin of this model would find them there.
    change_list_template = "twocheckout/admin/customer/change_list.html"
    change_form_template = "twocheckout/admin/customer/change_form.html"
    object_history_template = "twocheckout/admin/customer/object_history.html"
    delete_confirmation_template = "twocheckout/admin/customer/delete_confirmation.html"
    delete_selected_confirmation_template = "twocheckout/admin/customer/delete_selected_confirmation.html"
    actions = [push_now, retry_failed, refetch, choose_cards, erase]
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
    readonly_fields = [
        "customer_reference",
        "is_enabled",
        "is_trial",
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
                "fields": [
                    "customer_reference",
                    ("is_enabled", "is_trial"),
                    ("cards_on_file", "credit"),
                    "pushed",
                    "pulled",
                ],
            },
        ),
    ]

    class Media:
        css = {"all": ["twocheckout/themes.css", "twocheckout/admin.css"]}

    # Rights.

    def has_push_permission(self, request: HttpRequest, obj: Customer | None = None) -> bool:
        return request.user.has_perm("twocheckout.push_customer")

    def has_pull_permission(self, request: HttpRequest, obj: Customer | None = None) -> bool:
        return request.user.has_perm("twocheckout.pull_customer")

    def has_delete_card_permission(self, request: HttpRequest, obj: Customer | None = None) -> bool:
        return request.user.has_perm("twocheckout.delete_card")

    def has_open_account_permission(self, request: HttpRequest, obj: Customer | None = None) -> bool:
        """Who may open it is signed in as the shopper, so this is for those who may change the data and the cards."""
        return self.has_change_permission(request, obj) and self.has_delete_card_permission(request, obj)

    def has_erase_permission(self, request: HttpRequest, obj: Customer | None = None) -> bool:
        return request.user.has_perm("twocheckout.erase_customer")

    def has_change_permission(self, request: HttpRequest, obj: Customer | None = None) -> bool:
        return super().has_change_permission(request, obj) and not (obj is not None and obj.erased)

    def has_delete_permission(self, request: HttpRequest, obj: Customer | None = None) -> bool:
        kept = obj is not None and obj.erased and erasure_under_way(obj) is not None
        return super().has_delete_permission(request, obj) and not kept

    def has_add_remote_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request) and self.has_pull_permission(request)

    def customer_or_404(self, request: HttpRequest, object_id: str) -> Customer:
        """The customer in this address. Raises PermissionDenied for a person without the right to see it."""
        customer: Customer | None = self.get_object(request, unquote(object_id))
        if customer is None:
            raise Http404
        if not self.has_view_permission(request, customer):
            raise PermissionDenied
        return customer

    def owner(self, request: HttpRequest, customer: Customer | None) -> Owner | None:
        """The project's object that sets fields of this customer. Read once for each request."""
        if customer is None:
            return None
        owners: dict[object, Owner | None] = vars(request).setdefault("customers_owners", {})
        if customer.pk not in owners:
            owners[customer.pk] = owner_of(customer)
        return owners[customer.pk]

    def get_readonly_fields(self, request: HttpRequest, obj: Customer | None = None) -> Any:
        """Also those that a mirror sets: an edit here would not reach the project's object."""
        fields, owner = super().get_readonly_fields(request, obj), self.owner(request, obj)
        if owner is not None:
            fields = [*fields, *sorted(owner.fields)]
        account = accounts.form_field(self, request, obj)
        return [*fields, account] if account == accounts.NAME else fields

    # Columns and fields.

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

    @admin.display(description=gettext_lazy("re-fetched"))
    def pulled(self, customer: Customer) -> str:
        return ago(customer.pulled_at)

    # In words: a red cross would alarm where nothing is wrong.

    @admin.display(description=gettext_lazy("enabled"))
    def is_enabled(self, customer: Customer) -> str:
        return value("enabled", customer.enabled)

    @admin.display(description=gettext_lazy("trial"))
    def is_trial(self, customer: Customer) -> str:
        return value("trial", customer.trial)

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

    # The list, the form, the history, and the addresses of all pages.

    def get_urls(self) -> list[URLPattern]:
        show_on_index(self.admin_site)  # here all apps are ready, so that templates can be loaded
        patterns = super().get_urls()
        for pattern in patterns:
            if pattern.name in self._that_push:
                pattern.callback = outside_transactions(pattern.callback)
        return [url for page in self.pages for url in page(self).urls()] + patterns

    def get_fieldsets(self, request: HttpRequest, obj: Customer | None = None) -> Any:
        fieldsets = fieldsets_without_excluded(super().get_fieldsets(request, obj))
        return accounts.with_account(fieldsets, accounts.form_field(self, request, obj))

    def get_form(self, request: HttpRequest, obj: Customer | None = None, change: bool = False, **options: Any) -> Any:
        form = super().get_form(request, obj, change=change, **options)
        # Declared, so Django leaves it in each form. Without fields, Django is finding out which there are.
        shown = options["fields"] if "fields" in options else flatten_fieldsets(self.get_fieldsets(request, obj))
        if accounts.CHOICE not in (shown or []):
            form.base_fields.pop(accounts.CHOICE, None)
        return form

    def get_list_filter(self, request: HttpRequest) -> Any:
        filters = without_excluded(super().get_list_filter(request))
        shows = accounts.are_several() or AccountFilter.parameter_name in request.GET
        return [AccountFilter, *filters] if shows else filters

    def _retry(self, request: HttpRequest) -> dict[str, object] | None:
        """The button for all that failed for the reason by which the list is filtered."""
        code = request.GET.get(ReasonFilter.parameter_name, "")
        if not code or not self.has_push_permission(request):
            return None
        rows = with_reason(self.get_queryset(request), code)
        count, example = count_up_to(MANY, rows), rows.values_list("sync_error", flat=True).first()
        if example is None:
            return None
        return {"code": code, "count": count if count <= MANY else 0, "words": in_words(code, example)}

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

    @property
    def _that_push(self) -> set[str]:
        """Django's addresses from which something is sent: the list's actions, and *Save and push*."""
        return {self.address_name(page) for page in ("changelist", "change", "add")}

    def response_add(self, request: HttpRequest, obj: Customer, post_url_continue: str | None = None) -> HttpResponse:
        return self._after_save(request, obj, super().response_add(request, obj, post_url_continue))

    def response_change(self, request: HttpRequest, obj: Customer) -> HttpResponse:
        return self._after_save(request, obj, super().response_change(request, obj))

    def _after_save(self, request: HttpRequest, customer: Customer, response: HttpResponse) -> HttpResponse:
        if "_push" in request.POST:
            vars(request)["to_push"] = customer  # once the transaction of the save is over
        elif "_continue" in request.POST and is_on_its_way(customer):
            return redirect(first_look(self.address("change", customer.pk)))
        return response

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, object] | None = None,
    ) -> HttpResponse:
        try:
            response = super().changeform_view(request, object_id, form_url, extra_context)
        except AccountIsFixed:  # a worker was faster
            words = _("Not saved: 2Checkout may know this customer by now, so it stays in its account.")
            self.message_user(request, words, messages.ERROR)
            return redirect(request.get_full_path())
        saved: Customer | None = vars(request).get("to_push")
        if saved is not None and self.has_push_permission(request, saved):
            return PushAndPull(self).push_saved(request, saved)
        return response

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **options: Any) -> HttpResponse:
        context.setdefault("may_push", self.has_push_permission(request))
        return super().render_change_form(request, context, *args, **options)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Customer], search_term: str
    ) -> tuple[QuerySet[Customer], bool]:
        """Find a whole reference or e-mail address by its index. Search every row only for other terms."""
        term = search_term.strip()
        exact = Q(customer_reference=term) | Q(external_customer_reference=term) | Q(email=term)
        if term and queryset.filter(exact).exists():
            return queryset.filter(exact), False
        return super().get_search_results(request, queryset, search_term)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, object] | None = None) -> HttpResponse:
        content = banner()
        vars(request)["stopped_accounts"] = content.pop("stopped_accounts")  # for the rows
        content |= {
            "under_way": under_way() if self.sibling_admin(Job) else [],
            "not_in_step": not_in_step(self.get_queryset(request)),
            "may_push": self.has_push_permission(request),
            "retry": self._retry(request),
            "may_add": self.has_add_remote_permission(request),
            "job_opts": jobs.opts if (jobs := self.sibling_admin(Job)) else None,
        }
        return super().changelist_view(request, {**content, **(extra_context or {})})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, object] | None = None
    ) -> HttpResponse:
        customer = self.get_object(request, object_id)
        content: dict[str, object] = {
            "may_push": self.has_push_permission(request, customer),
            "may_pull": self.has_pull_permission(request, customer),
            "may_change": self.has_change_permission(request, customer),
            "may_delete_cards": self.has_delete_card_permission(request, customer),
            "account_pages": ACCOUNT_PAGES if self.has_open_account_permission(request, customer) else {},
            "may_erase": self.has_erase_permission(request, customer),
            "may_export": self.has_pull_permission(request, customer),
        }
        if customer is not None and customer.erased:
            content |= dict.fromkeys(["may_push", "may_pull", "may_change", "may_delete_cards", "may_erase"], False)
        if customer is not None:
            above = banner(customer._state.db, [customer.account])
            account = above["account"]
            stopped = bool(above["stopped_accounts"] or above["standstill"])
            attempt = customer.attempts.filter(verb=Verb.PUSH).order_by("-at", "-pk").first()
            owner = self.owner(request, customer)
            content |= {
                **above,
                "source": source(self, request, owner) if owner else None,
                "state_summary": state_summary(
                    customer,
                    account,
                    attempt,
                    may_change=self.has_change_permission(request, customer),
                    may_push=self.has_push_permission(request, customer),
                    owner=owner,
                ),
                "unknown_account": accounts.is_unknown(customer.account),
                "badge": badge(customer),
                "conflict": last_conflict(customer),
                "links": links_of(self, request, customer),
                "waiting": Waiting.of(request, customer, stopped=stopped),
            }
        return super().change_view(request, object_id, form_url, {**content, **(extra_context or {})})

    def history_content(self, request: HttpRequest, object_id: str) -> dict[str, object]:
        """The attempts with this customer, for the page that also has Django's own log of changes here."""
        attempts: list[Attempt] = []
        customer = self.get_object(request, unquote(object_id))
        if customer is not None:
            attempts = list(customer.attempts.order_by("-at", "-pk")[: HISTORY_LINES + 1])
        names = user_names(attempt.user for attempt in attempts)
        why = refusal(customer, attempts) if customer is not None else {}
        return {
            "attempts": [Line.of(attempt, names, why.get(attempt.pk, "")) for attempt in attempts[:HISTORY_LINES]],
            "more_attempts": len(attempts) > HISTORY_LINES,
            "notifications": of_customer(customer)[:HISTORY_LINES] if customer is not None else [],
            "media": self.media,
        }
