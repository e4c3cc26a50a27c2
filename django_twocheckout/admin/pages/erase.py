"""The pages for a person's own data: what is known of a customer as a file, and the question before one is erased.

Both are carried out by ``sync``. The question names the customers; its answer is a box to tick and a button.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import router
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ... import sync, tasks
from ...exceptions import ActiveSubscription, SendingStopped, TwoCheckoutError
from ...models import Customer, Erasure, Source
from ..base import Page, wake, woken
from ..display.failures import translated

#: The most customers on one page.
MOST_CUSTOMERS = 20


class ErasePage(Page):
    """Exports a customer, and erases a few."""

    def urls(self) -> list[URLPattern]:
        return [
            self.route("erase/", self.erase_view, "erase"),
            self.route("<path:object_id>/export/", self.export_view, "export"),
        ]

    def export_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What is known of this customer, as a file for JSON. No cache keeps it."""
        customer = self.admin.customer_or_404(request, object_id)
        if not self.admin.has_pull_permission(request, customer):
            raise PermissionDenied
        text = json.dumps(sync.export(customer), ensure_ascii=False, indent=2)
        self.admin.log_change(request, customer, _("Downloaded what is known of it."))
        name = f'attachment; filename="customer-{customer.row_key}.json"'
        headers = {"Content-Disposition": name, "Cache-Control": "no-store"}
        return HttpResponse(text, content_type="application/json", headers=headers)

    # Erasing.

    def choose(self, request: HttpRequest, queryset: QuerySet[Customer]) -> HttpResponse | None:
        """Open the page for these customers, or say that they are too many."""
        pks = list(queryset.values_list("pk", flat=True)[: MOST_CUSTOMERS + 1])
        if len(pks) > MOST_CUSTOMERS:
            words = _("At most %(count)d customers can be erased at a time.") % {"count": MOST_CUSTOMERS}
            self.admin.message_user(request, words, messages.WARNING)
            return None
        return redirect(self._address(pks))

    def erase_view(self, request: HttpRequest) -> HttpResponse:
        """GET asks. POST begins to erase the customers in the address, if the box was ticked."""
        if not self._may(request):
            raise PermissionDenied
        customers = self._customers(request)
        if not customers:
            words = _("None of these customers can be erased by you, or is here any more.")
            self.admin.message_user(request, words, messages.WARNING)
            return redirect(self.admin.address("changelist"))
        if request.method != "POST":
            return self._ask(request, customers)
        if "confirmed" not in request.POST:
            self.admin.message_user(request, _("Nothing was done: the box was not ticked."), messages.WARNING)
            return self._ask(request, customers)
        return self._erase(request, customers)

    def _ask(self, request: HttpRequest, customers: list[Customer]) -> HttpResponse:
        title = ngettext("Erase this customer?", "Erase these customers?", len(customers))
        one = customers[0] if len(customers) == 1 else None
        active = "with_active" in request.GET
        return self.admin.page(request, "customer/erase.html", title, customers=customers, original=one, active=active)

    def _erase(self, request: HttpRequest, customers: list[Customer]) -> HttpResponse:
        """One by one, as long as a person waits. Those that are left are asked about again."""
        until = time.monotonic() + self.admin.seconds_in_request
        begun, left = 0, []
        failures: list[tuple[Customer, str]] = []
        active = False
        for customer in customers:
            if begun + len(failures) and time.monotonic() > until:
                failures.append((customer, _("There was no time left for it. Press once more.")))
                left.append(customer.pk)
                continue
            # Before it: the entry's name is overwritten when the customer is erased, which may be at once.
            self.admin.log_change(request, customer, _("Asked to erase it, here and at 2Checkout."))
            try:
                with_active = "with_active" in request.POST
                sync.erase(customer, with_active_subscriptions=with_active, source=Source.USER, user=request.user.pk)
                begun += 1
            except SendingStopped:
                raise
            except TwoCheckoutError as error:
                failures.append((customer, translated(error.words)))
                left.append(customer.pk)
                active |= isinstance(error, ActiveSubscription)
            except Customer.DoesNotExist:
                failures.append((customer, _("This customer is no longer here.")))
        self._tell(request, begun, failures)
        if left:
            return redirect(self._address(left, active=active))
        erasures = self.admin.sibling_admin(Erasure)
        if erasures is not None and erasures.has_view_permission(request):
            return redirect(self.admin.address("changelist", model=Erasure))
        return redirect(self.admin.address("changelist"))

    def _tell(self, request: HttpRequest, begun: int, failures: list[tuple[Customer, str]]) -> None:
        if begun:
            database = router.db_for_write(Customer)
            done = ngettext("%(count)d customer is being erased.", "%(count)d customers are being erased.", begun)
            found = wake(tasks.push_pending, database=database)
            told = _("The workers do it now.")
            level, words = woken(found=found, database=database, done=done % {"count": begun}, words=told)
            self.admin.message_user(request, words, level)
        if failures:
            words = ngettext("%(count)d customer not erased:", "%(count)d customers not erased:", len(failures))
            lines = format_html_join("", "<li>{}: {}</li>", failures)
            shown = format_html("{}<ul>{}</ul>", words % {"count": len(failures)}, lines)
            self.admin.message_user(request, shown, messages.ERROR)

    def _customers(self, request: HttpRequest) -> list[Customer]:
        """The customers in the address, if this person may see and erase them."""
        pks = [pk for pk in request.GET.getlist("customer") if pk.isdecimal() and len(pk) < 19][:MOST_CUSTOMERS]
        return [one for one in self.admin.get_queryset(request).filter(pk__in=pks) if self._may(request, one)]

    def _may(self, request: HttpRequest, customer: Customer | None = None) -> bool:
        may_erase = self.admin.has_erase_permission(request, customer)
        return may_erase and self.admin.has_view_permission(request, customer)

    def _address(self, pks: Sequence[int], *, active: bool = False) -> str:
        query = [("customer", str(pk)) for pk in pks] + ([("with_active", "")] if active else [])
        return f"{self.admin.address('erase')}?{urlencode(query)}"
