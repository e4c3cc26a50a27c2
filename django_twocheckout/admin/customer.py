"""The admin of customers, the main page for ``sync``: who may do what, the form, and the views of Django and ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.utils import flatten_fieldsets, unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..exceptions import AccountIsFixed
from ..flows.erase import erasure_under_way
from ..mirrors.overview import Owner, owner_of
from ..models import Customer
from . import accounts, content
from .actions import choose_cards, erase, push_now, refetch, retry_failed
from .base import Page, outside_transactions
from .customer_list import CustomerList
from .display.fields import value
from .display.state_summary import ago
from .excluded import fieldsets_without_excluded
from .form import CustomerForm
from .index import show_on_index
from .pages import AccountPage, AddPage, CardsPage, ComparePage, ErasePage, LinkPage, PushAndPull, StatusPage
from .waiting import first_look, is_on_its_way


class CustomerAdmin(CustomerList):
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
    # Named, and not at Django's default places: every other admin of this model would find them there.
    change_list_template = "twocheckout/admin/customer/change_list.html"
    change_form_template = "twocheckout/admin/customer/change_form.html"
    object_history_template = "twocheckout/admin/customer/object_history.html"
    delete_confirmation_template = "twocheckout/admin/customer/delete_confirmation.html"
    delete_selected_confirmation_template = "twocheckout/admin/customer/delete_selected_confirmation.html"
    actions = [push_now, retry_failed, refetch, choose_cards, erase]
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

    # Fields of the form that are only read.

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

    # The form, Django's views, and the addresses of all pages.

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

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, object] | None = None) -> HttpResponse:
        shown = content.of_list(self, request)
        vars(request)["stopped_accounts"] = shown.pop("stopped_accounts")  # for the rows
        return super().changelist_view(request, {**shown, **(extra_context or {})})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, object] | None = None
    ) -> HttpResponse:
        shown = content.of_form(self, request, self.get_object(request, object_id))
        return super().change_view(request, object_id, form_url, {**shown, **(extra_context or {})})

    def history_content(self, request: HttpRequest, object_id: str) -> dict[str, object]:
        """The attempts with this customer, for the page that also has Django's own log of changes here."""
        return content.of_history(self, self.get_object(request, unquote(object_id)))
