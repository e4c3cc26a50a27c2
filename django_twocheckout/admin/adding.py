"""The page that adds a customer from 2Checkout: asks for a reference, shows who that is, and links them to a new row.

A reference may be an e-mail address, so it travels in forms alone, never in the page's address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db.models import Field
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.decorators import method_decorator
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters

from .. import sync
from ..conf import conf
from ..exceptions import AlreadyAdded, NotFound, TwoCheckoutError
from ..models import Customer, Source
from .pages import CustomerPages

#: Seconds for which what was looked at can be added.
PREVIEW_SECONDS = 60 * 60

_SALT = "twocheckout.adding"

#: What the preview shows of 2Checkout's customer, in this order.
_SHOWN = """
    customer_reference external_customer_reference first_name last_name email company fiscal_code address1 address2 zip
    city state country_code phone fax language enabled trial
""".split()


class ReferenceForm(forms.Form):
    """Asks which customer."""

    required_css_class = "required"

    reference = forms.CharField(
        label=gettext_lazy("Reference at 2Checkout"),
        max_length=250,
        help_text=gettext_lazy("2Checkout's own customer reference, or the external customer reference given to it."),
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off", "spellcheck": "false"}),
    )


@dataclass(frozen=True)
class Line:
    """One line of the preview."""

    label: str
    value: str


class AddingPage(CustomerPages):
    """The part of the customers' admin that adds customers from 2Checkout."""

    def get_urls(self) -> list[Any]:
        view = self.wrapped(self.add_remote_view)
        return [path("add-from-2checkout/", view, name=self.address_name("add_remote")), *super().get_urls()]

    def has_add_remote_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request) and self.has_pull_permission(request)

    @method_decorator(sensitive_post_parameters("reference", "found"))
    def add_remote_view(self, request: HttpRequest) -> HttpResponse:
        """GET asks for a reference; POST of one shows the customer; POST of what was shown adds it."""
        if not self.has_add_remote_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return self._ask(request, ReferenceForm())
        if "found" in request.POST:
            return self._add(request, request.POST["found"])
        form = ReferenceForm(request.POST)
        if not form.is_valid():
            return self._ask(request, form)
        return self._preview(request, form)

    def _ask(self, request: HttpRequest, form: ReferenceForm, **content: Any) -> HttpResponse:
        return self.page(request, "customer/add_remote.html", _("Add a customer from 2Checkout"), form=form, **content)

    def _preview(self, request: HttpRequest, form: ReferenceForm) -> HttpResponse:
        try:
            found = sync.find(form.cleaned_data["reference"])
        except TwoCheckoutError as error:
            form.add_error("reference", _words(error))
            return self._ask(request, form)
        facts = {"reference": form.cleaned_data["reference"], "customer": found.theirs.reference}
        return self._ask(
            request,
            form,
            found=found,
            lines=_lines(found),
            sealed=signing.dumps(facts, salt=_SALT),
            prefix=conf.REFERENCE_PREFIX,
            may_view_row=found.row is not None and self.has_view_or_change_permission(request, found.row),
        )

    def _add(self, request: HttpRequest, sealed: str) -> HttpResponse:
        try:
            facts = signing.loads(sealed, salt=_SALT, max_age=PREVIEW_SECONDS)
        except signing.SignatureExpired:
            facts = signing.loads(sealed, salt=_SALT)
            return self._ask_again(
                request, facts["reference"], _("What you saw is more than an hour old. Please look once more.")
            )
        except signing.BadSignature:
            return self._ask_again(request, "", _("This was not shown to you. Please look once more."))
        try:
            customer = sync.add(
                facts["reference"], customer_reference=facts["customer"], source=Source.USER, user=request.user.pk
            )
        except AlreadyAdded as there:
            self.message_user(
                request, _("There is a row for this customer already; no other was added."), messages.WARNING
            )
            return self._to_row(request, there.pk)
        except TwoCheckoutError as error:
            return self._ask_again(request, facts["reference"], _words(error))
        return self._added(request, customer)

    def _added(self, request: HttpRequest, customer: Customer) -> HttpResponse:
        self.log_addition(request, customer, _("Added from 2Checkout."))
        words = _("“%(customer)s” was added from 2Checkout.") % {"customer": customer}
        if not customer.acknowledged["external_customer_reference"]:
            told = _("2Checkout will be told our reference %(reference)s.")
            words += " " + told % {"reference": customer.external_customer_reference}
        self.message_user(request, words, messages.SUCCESS)
        return self._to_row(request, customer.pk)

    def _ask_again(self, request: HttpRequest, reference: str, words: str) -> HttpResponse:
        """The form with the reference still in it, and why it is there again."""
        form = ReferenceForm({"reference": reference})
        form.is_valid()
        form.errors.clear()
        form.add_error("reference", words)
        return self._ask(request, form)

    def _to_row(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """To the customer's form, or to the start for who may add customers and not see them."""
        customer = self.get_queryset(request).filter(pk=pk).first()
        if customer is not None and self.has_view_or_change_permission(request, customer):
            return redirect(self.address("change", pk))
        return redirect(reverse("admin:index", current_app=self.admin_site.name))


def _words(error: TwoCheckoutError) -> str:
    return _("2Checkout has no customer under this reference.") if isinstance(error, NotFound) else error.words


def _lines(found: sync.Found) -> list[Line]:
    """What 2Checkout has, in words."""
    theirs = found.theirs
    values = {**theirs.shared, **theirs.owned, "customer_reference": theirs.reference}
    lines = [Line(_label(name), _text(values.get(name))) for name in _SHOWN]
    cards = [
        "{type} •••• {last_digits} {expiry}".format(**card).strip() for card in theirs.owned.get("existing_cards", [])
    ]
    lines.append(Line(_label("existing_cards"), ", ".join(cards)))
    if theirs.owned.get("credit_limit") is not None:
        credit = _("%(remaining)s of %(limit)s %(currency)s") % {
            "remaining": theirs.owned.get("credit_remaining"),
            "limit": theirs.owned["credit_limit"],
            "currency": theirs.owned.get("credit_currency", ""),
        }
        lines.append(Line(capfirst(_("credit")), credit))
    return lines


def _label(name: str) -> str:
    return capfirst(str(cast("Field[Any, Any]", Customer._meta.get_field(name)).verbose_name))


def _text(value: Any) -> str:
    return {True: _("yes"), False: _("no"), None: ""}[value] if value in (True, False, None) else str(value)
