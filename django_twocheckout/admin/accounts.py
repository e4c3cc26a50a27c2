"""The merchant account of a customer in the list and the form: shown where the settings have more than one.

A row of an account that the settings do not have is told in words everywhere, because nothing is sent for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..conf import ConfigurationError, conf
from ..flows.unknown import accounts_of
from ..models import Customer

if TYPE_CHECKING:
    from .customer import CustomerAdmin

#: The form's field to choose an account. The model's own is in no form.
CHOICE = "merchant_account"
#: The method of the admin that shows its name.
NAME = "account_name"
_OURS = "external_customer_reference"


def aliases() -> list[str]:
    """The accounts in the settings. None of them while these are wrong."""
    try:
        return conf.aliases()
    except ConfigurationError:
        return []


def are_several() -> bool:
    """Whether an account has to be named, because there is more than one."""
    return len(aliases()) > 1


def is_unknown(account: str) -> bool:
    """Whether the settings do not have it. False while they are wrong: then nothing is known."""
    known = aliases()
    return bool(known) and account not in known


def label(account: str) -> str:
    """The account's name, and in words if the settings do not have it."""
    return _("%(account)s (not in the settings)") % {"account": account} if is_unknown(account) else account


def nothing_sent(customer: Customer) -> str:
    """Why nothing is sent for this customer, in words. Blank if the settings have its account."""
    if not is_unknown(customer.account):
        return ""
    words = _("The settings have no account “%(account)s”, so nothing is sent for this customer.")
    return words % {"account": customer.account}


def way_out(customer: Customer) -> str:
    """What helps a customer of an account that the settings do not have."""
    if customer.stays_in_its_account or customer.erased:
        return _("Those who run this site must add the account to the settings.")
    return _("Choose another account for it, or let those who run this site add the account to the settings.")


class AccountFilter(admin.SimpleListFilter):
    """By merchant account."""

    title = gettext_lazy("account")
    parameter_name = "account"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Customer]) -> list[tuple[str, str]]:
        known = aliases()
        used = accounts_of(model_admin.get_queryset(request))
        return [(alias, label(alias)) for alias in [*known, *(one for one in used if one not in known)]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Customer]) -> QuerySet[Customer]:
        return queryset.filter(account=self.value()) if self.value() else queryset


def choice_field(account: str = "") -> forms.ChoiceField:
    """A field to choose an account, beginning with this one, also if the settings do not have it."""
    known = aliases()
    offered = known if account in ("", *known) else [*known, account]
    return forms.ChoiceField(
        label=gettext_lazy("Account"),
        choices=[(alias, label(alias)) for alias in offered],
        initial=account or None,
        help_text=gettext_lazy("The merchant account at 2Checkout. It is fixed once 2Checkout may know the customer."),
    )


def form_field(admin: CustomerAdmin, request: HttpRequest, customer: Customer | None) -> str:
    """What the form shows of the account: the choice, or its name. Blank where there is one account alone.

    An account that a mirror sets is the project's object's to change.
    """
    if not (are_several() or (customer and is_unknown(customer.account))):
        return ""
    if customer is None:
        may_choose = admin.has_add_permission(request)
    else:
        # A choice that came too late is refused by the form, in words.
        offered = not customer.stays_in_its_account or CHOICE in request.POST
        owner = admin.owner(request, customer)
        mirrored = owner is not None and "account" in owner.fields
        may_choose = offered and not mirrored and admin.has_change_permission(request, customer)
    return CHOICE if may_choose and CHOICE in getattr(admin.form, "declared_fields", ()) else NAME


def with_account(fieldsets: list[tuple[Any, dict[str, Any]]], name: str) -> list[tuple[Any, dict[str, Any]]]:
    """The form's sections with this field, if any, before the reference of ours, or else first of all."""
    if not name:
        return fieldsets
    found = next((one for one, (_title, options) in enumerate(fieldsets) if _OURS in options["fields"]), 0)
    return [
        (title, {**options, "fields": [name, *options["fields"]]}) if number == found else (title, options)
        for number, (title, options) in enumerate(fieldsets)
    ]
