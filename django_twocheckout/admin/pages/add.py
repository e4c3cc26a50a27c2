"""The page to add a customer from 2Checkout: asks for a reference, previews the customer, and calls ``sync.add``.

A reference may be an e-mail address, so it travels in forms alone, never in the page's address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, reverse
from django.utils.decorators import method_decorator
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters

from ... import sync
from ...conf import DEFAULT_ACCOUNT
from ...exceptions import AlreadyAdded, NotFound, TwoCheckoutError
from ...models import Customer, Source
from ...redaction import redacted_repr
from .. import accounts
from ..base import Page
from ..display.failures import translated
from ..display.fields import label, value
from ..excluded import without_excluded

#: Seconds for which a preview can be added.
PREVIEW_SECONDS = 60 * 60

_SALT = "twocheckout.add"

#: The preview's fields of 2Checkout's customer, in this order.
_SHOWN = """
    customer_reference external_customer_reference first_name last_name email company fiscal_code address1 address2 zip
    city state country_code phone fax language enabled trial
""".split()


class ReferenceForm(forms.Form):
    """Asks for the customer's reference."""

    required_css_class = "required"

    reference = forms.CharField(
        label=gettext_lazy("Reference at 2Checkout"),
        max_length=250,
        help_text=gettext_lazy("2Checkout's own customer reference, or the external customer reference given to it."),
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off", "spellcheck": "false"}),
    )


class AddForm(ReferenceForm):
    """Asks for the account too, where there are several."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if accounts.are_several():
            self.fields["account"] = accounts.choice_field()
            self.fields["account"].help_text = ""
            self.order_fields(["account", "reference"])

    @property
    def chosen_account(self) -> str:
        """The chosen account, or the only one."""
        return str(self.cleaned_data.get("account") or next(iter(accounts.aliases()), DEFAULT_ACCOUNT))


@dataclass(frozen=True)
class Line:
    """One line of the preview."""

    label: str
    value: str

    __repr__ = redacted_repr


class AddPage(Page):
    """Adds customers from 2Checkout."""

    def urls(self) -> list[URLPattern]:
        return [self.route("add-from-2checkout/", self.add_remote_view, "add_remote")]

    @method_decorator(sensitive_post_parameters("reference", "found"))
    def add_remote_view(self, request: HttpRequest) -> HttpResponse:
        """GET asks for a reference. POST of a reference previews the customer. POST of the preview adds it."""
        if not self.admin.has_add_remote_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return self._ask(request, AddForm())
        if "found" in request.POST:
            return self._add(request, request.POST["found"])
        form = AddForm(request.POST)
        if not form.is_valid():
            return self._ask(request, form)
        return self._preview(request, form)

    def _ask(self, request: HttpRequest, form: AddForm, **content: object) -> HttpResponse:
        return self.admin.page(
            request, "customer/add_remote.html", _("Add a customer from 2Checkout"), form=form, **content
        )

    def _preview(self, request: HttpRequest, form: AddForm) -> HttpResponse:
        try:
            found = sync.find(form.cleaned_data["reference"], form.chosen_account)
        except TwoCheckoutError as error:
            form.add_error("reference", _words(error))
            return self._ask(request, form)
        may_view_row = found.row is not None and self._may_view(request, found.row.pk)
        if found.row is not None and not may_view_row:
            form.add_error("reference", _("This customer has a row here already, which you may not see."))
            return self._ask(request, form)
        facts = {
            "reference": form.cleaned_data["reference"],
            "customer": found.theirs.reference,
            "account": form.chosen_account,
        }
        return self._ask(
            request,
            form,
            found=found,
            lines=lines_of(found),
            sealed=signing.dumps(facts, salt=_salt(request)),
        )

    def _add(self, request: HttpRequest, sealed: str) -> HttpResponse:
        try:
            facts = signing.loads(sealed, salt=_salt(request), max_age=PREVIEW_SECONDS)
        except signing.SignatureExpired:
            facts = signing.loads(sealed, salt=_salt(request))
            return self._ask_again(request, _("What you saw is more than an hour old. Please look once more."), **facts)
        except signing.BadSignature:
            return self._ask_again(request, _("This was not shown to you. Please look once more."))
        try:
            customer = sync.add(
                facts["reference"],
                facts["account"],
                customer_reference=facts["customer"],
                source=Source.USER,
                user=request.user.pk,
            )
        except AlreadyAdded as there:
            self.admin.message_user(
                request, _("There is a row for this customer already; no other was added."), messages.WARNING
            )
            return self._to_row(request, there.pk)
        except TwoCheckoutError as error:
            return self._ask_again(request, _words(error), **facts)
        return self._added(request, customer)

    def _added(self, request: HttpRequest, customer: Customer) -> HttpResponse:
        self.admin.log_addition(request, customer, _("Added from 2Checkout."))
        words = _("“%(customer)s” was added from 2Checkout.") % {"customer": customer}
        self.admin.message_user(request, words, messages.SUCCESS)
        return self._to_row(request, customer.pk)

    def _ask_again(
        self, request: HttpRequest, words: str, *, reference: str = "", account: str = "", **facts: str
    ) -> HttpResponse:
        """The form with what was entered in it, and the reason for asking again."""
        form = AddForm({"reference": reference, "account": account})
        form.is_valid()
        form.errors.clear()
        form.add_error("reference", words)
        return self._ask(request, form)

    def _to_row(self, request: HttpRequest, pk: object) -> HttpResponse:
        """To the customer's form. To the admin's start for a person without the right to see it."""
        if self._may_view(request, pk):
            return redirect(self.admin.address("change", pk))
        return redirect(reverse("admin:index", current_app=self.admin.admin_site.name))

    def _may_view(self, request: HttpRequest, pk: object) -> bool:
        customer = self.admin.get_queryset(request).filter(pk=pk).first()
        return customer is not None and self.admin.has_view_or_change_permission(request, customer)


def _salt(request: HttpRequest) -> str:
    """What one person has seen, no other can add."""
    return f"{_SALT}.{request.user.pk}"


def _words(error: TwoCheckoutError) -> str:
    return (
        _("2Checkout has no customer under this reference.") if isinstance(error, NotFound) else translated(error.words)
    )


def lines_of(found: sync.Found) -> list[Line]:
    """2Checkout's values in words."""
    theirs = found.theirs
    values = {**theirs.shared, **theirs.owned, "customer_reference": theirs.reference}
    lines = [Line(label(name), value(name, values.get(name))) for name in without_excluded(_SHOWN)]
    for name in without_excluded(["existing_cards"]):
        listed = theirs.owned.get(name, [])
        cards = ["{type} •••• {last_digits} {expiry}".format(**card).strip() for card in listed]
        lines.append(Line(label(name), ", ".join(cards)))
    if theirs.owned.get("credit_limit") is not None:
        credit = _("%(remaining)s of %(limit)s %(currency)s") % {
            "remaining": theirs.owned.get("credit_remaining"),
            "limit": theirs.owned["credit_limit"],
            "currency": theirs.owned.get("credit_currency", ""),
        }
        lines.append(Line(capfirst(_("credit")), credit))
    return lines
