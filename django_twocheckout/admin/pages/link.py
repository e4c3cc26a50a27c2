"""The ways out for a row whose customer is gone at 2Checkout: created again, or linked to another reference.

Both ask 2Checkout first, through ``sync.link``. What is linked was shown before.
"""

from __future__ import annotations

from django.contrib import messages
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from ... import sync
from ...exceptions import AlreadyAdded, TwoCheckoutError
from ...models import Customer, Source, SyncState
from ..base import Page
from ..display.failures import reason, translated
from .add import PREVIEW_SECONDS, ReferenceForm, lines_of

_SALT = "twocheckout.link"


class LinkPage(Page):
    """Creates a customer again at 2Checkout, or links its row to another one there."""

    def urls(self) -> list[URLPattern]:
        return [
            self.route("<path:object_id>/link/", self.link_view, "link"),
            self.route("<path:object_id>/create-again/", self.create_view, "create_again", button_on="change"),
        ]

    def create_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Forget what 2Checkout had, and push. The push looks it up first, so there is never a twin."""
        customer = self._customer(request, object_id)
        if not self.admin.has_push_permission(request, customer):
            raise PermissionDenied
        try:
            sync.link(customer, None, source=Source.USER, user=request.user.pk)
            sync.push(customer, source=Source.USER, user=request.user.pk)
        except TwoCheckoutError as error:
            return self._back(request, customer, translated(error.words))
        self.admin.log_change(request, customer, _("Asked to create it again at 2Checkout."))
        return self._back(request, customer, "" if customer.sync_state == SyncState.SYNCED else reason(customer))

    @method_decorator(sensitive_post_parameters("reference", "found"))
    def link_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """GET asks for a reference. POST of a reference previews the customer. POST of the preview links the row."""
        customer = self._customer(request, object_id)
        if not self.admin.has_pull_permission(request, customer):
            raise PermissionDenied
        if "found" in request.POST:
            return self._link(request, customer)
        form = ReferenceForm(request.POST or None)
        if not form.is_valid():
            return self._ask(request, customer, form)
        try:
            found = sync.find(form.cleaned_data["reference"], customer.account)
        except TwoCheckoutError as error:
            form.add_error("reference", translated(error.words))
            return self._ask(request, customer, form)
        if found.row is not None and found.row.pk != customer.pk:
            form.add_error("reference", _("Another row has this customer already."))
            return self._ask(request, customer, form)
        facts = {"row": str(customer.pk), "customer": found.theirs.reference, "user": str(request.user.pk)}
        sealed = signing.dumps(facts, salt=_SALT)
        return self._ask(request, customer, form, found=found, lines=lines_of(found), sealed=sealed)

    def _link(self, request: HttpRequest, customer: Customer) -> HttpResponse:
        try:
            facts = signing.loads(request.POST["found"], salt=_SALT, max_age=PREVIEW_SECONDS)
        except signing.BadSignature:
            facts = {}
        if (facts.get("row"), facts.get("user")) != (str(customer.pk), str(request.user.pk)):
            words = _("What you saw is too old. Look again, and choose anew.")
            self.admin.message_user(request, words, messages.WARNING)
            return redirect(self.admin.address("link", customer.pk))
        try:
            sync.link(customer, facts["customer"], source=Source.USER, user=request.user.pk)
        except AlreadyAdded:
            return self._back(request, customer, _("Another row has this customer already."))
        except TwoCheckoutError as error:
            return self._back(request, customer, translated(error.words))
        self.admin.log_change(request, customer, _("Linked to another customer of 2Checkout."))
        return self._back(request, customer, "")

    def _customer(self, request: HttpRequest, object_id: str) -> Customer:
        customer = self.admin.customer_or_404(request, object_id)
        if not self.admin.has_change_permission(request, customer):
            raise PermissionDenied
        return customer

    def _ask(self, request: HttpRequest, customer: Customer, form: ReferenceForm, **content: object) -> HttpResponse:
        title = _("Link %(customer)s to another reference") % {"customer": customer}
        template = "customer/add_remote.html"
        return self.admin.page(request, template, title, original=customer, form=form, **content)

    def _back(self, request: HttpRequest, customer: Customer, problem: str) -> HttpResponse:
        """To the form, with the end of it in one message."""
        if problem:
            words, level = _("Not done: %(reason)s") % {"reason": problem}, messages.ERROR
        else:
            words, level = _("2Checkout has this customer again."), messages.SUCCESS
        self.admin.message_user(request, words, level)
        return redirect(self.admin.address("change", customer.pk))
