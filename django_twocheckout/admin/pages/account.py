"""The button that opens the shopper's own account at 2Checkout. The person is signed in there as the shopper.

It is a POST, so no link on another site can open it. The link is asked for anew each time, goes to the browser as a
redirect, and is kept nowhere. The admin's log says who opened it.
"""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from ... import sync
from ...exceptions import RequestRejected, TwoCheckoutError, UnreadableAnswer
from ...models import Customer
from ..base import Page
from ..display.failures import translated

#: What the pages of a shopper's account are called here.
ACCOUNT_PAGES = {
    "payment_methods": gettext_lazy("Payment methods"),
    "my_products": gettext_lazy("Products and subscriptions"),
    "user_data": gettext_lazy("Personal data"),
    "order_lookup": gettext_lazy("Orders"),
}


class SignOnRedirect(HttpResponseRedirect):
    """A redirect with an address that no cache, referrer or error report may have."""

    @sensitive_variables()
    def __init__(self, link: str) -> None:
        super().__init__(link)
        add_never_cache_headers(self)
        self.headers["Referrer-Policy"] = "no-referrer"

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class AccountPage(Page):
    """Opens a page of a customer's account at 2Checkout."""

    def urls(self) -> list[URLPattern]:
        return [self.route("<path:object_id>/account/", self.account_view, "account", button_on="change")]

    def account_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask 2Checkout for a link to the chosen page, and send the browser there."""
        customer = self.admin.customer_or_404(request, object_id)
        if not self.admin.has_open_account_permission(request, customer):
            raise PermissionDenied
        page = request.POST.get("page", "")
        if page not in ACCOUNT_PAGES:
            return self._back(request, customer, _("There is no such page of an account."))
        try:
            answer = SignOnRedirect(sync.account_link(customer, page))
        except TwoCheckoutError as error:
            return self._back(request, customer, _reason(error))
        self.admin.log_change(request, customer, _("Opened the shopper's account at 2Checkout."))
        return answer

    def _back(self, request: HttpRequest, customer: Customer, reason: str) -> HttpResponse:
        words = _("The account could not be opened: %(reason)s") % {"reason": reason}
        self.admin.message_user(request, words, messages.ERROR)
        return redirect(self.admin.address("change", customer.pk))


def _reason(error: TwoCheckoutError) -> str:
    """2Checkout's reason, and what is missing most often where 2Checkout itself says no."""
    words = translated(error.words)
    if not (isinstance(error, RequestRejected | UnreadableAnswer) and error.status):
        return words
    return f"{words.rstrip('.')}. " + _("Single sign-on needs a custom domain on the 2Checkout account.")
