"""*Push now* and *Re-fetch from 2Checkout*: actions of the list, and the same as buttons on the form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from .. import sync, tasks
from ..exceptions import TwoCheckoutError
from ..models import Customer, Source, SyncState
from .pages import Pages


class PushAndPull(Pages):
    """The part of the customers' admin that pushes and pulls."""

    #: Up to so many rows are worked on while the person waits; more go to Celery.
    in_request = 10

    @admin.action(description=gettext_lazy("Push now"), permissions=["push"])
    def push_now(self, request: HttpRequest, queryset: QuerySet[Customer]) -> None:
        self._work(request, queryset, self._push, tasks.push_customer, _("Pushed to 2Checkout."))

    @admin.action(description=gettext_lazy("Re-fetch from 2Checkout"), permissions=["pull"])
    def refetch(self, request: HttpRequest, queryset: QuerySet[Customer]) -> None:
        self._work(request, queryset, self._pull, tasks.pull_customer, _("Re-fetched from 2Checkout."))

    @staticmethod
    def _push(customer: Customer, user: Any) -> str:
        """Push; return why it did not succeed, or nothing."""
        sync.push(customer, source=Source.USER, user=user)
        return (
            "" if customer.sync_state == SyncState.SYNCED else customer.sync_error or _("It is being pushed right now.")
        )

    @staticmethod
    def _pull(customer: Customer, user: Any) -> str:
        """Pull; return why it did not succeed, or nothing."""
        try:
            sync.pull(customer, source=Source.USER, user=user)
        except TwoCheckoutError as error:
            return error.words
        return ""

    def _work(
        self,
        request: HttpRequest,
        queryset: QuerySet[Customer],
        work: Callable[[Customer, Any], str],
        task: Any,
        done: str,
    ) -> None:
        """Do it now for a few rows, or hand it to Celery for many; one message tells what came of it."""
        if queryset.count() > self.in_request:
            return self._hand_over(request, queryset, task)
        reasons, customers = [], list(queryset)
        for customer in customers:
            if reason := work(customer, request.user.pk):
                reasons.append(reason)
            else:
                self.log_change(request, customer, done)
        self._report(request, done, len(customers) - len(reasons), reasons)
        return None

    def _hand_over(self, request: HttpRequest, queryset: QuerySet[Customer], task: Any) -> None:
        pks = list(queryset.values_list("pk", flat=True))
        if task is tasks.push_customer:
            # The rows themselves are the queue: once they are marked, one wake-up serves them all.
            Customer.objects.using(queryset.db).filter(pk__in=pks).mark_pending()
            woken = tasks.enqueue(tasks.push_pending, database=queryset.db)
        else:
            woken = all(tasks.enqueue(task, pk, database=queryset.db) for pk in pks)
        words = ngettext(
            "%(count)d customer was handed to the workers.", "%(count)d customers were handed to the workers.", len(pks)
        )
        words %= {"count": len(pks)}
        if not woken:
            words += " " + _("The broker does not answer, so it may take until the next sweep.")
        self.message_user(request, words, messages.SUCCESS if woken else messages.WARNING)

    def _report(self, request: HttpRequest, done: str, succeeded: int, reasons: list[str]) -> None:
        if not reasons and succeeded == 1:
            return self.message_user(request, done, messages.SUCCESS)
        parts = []
        if succeeded:
            parts.append(
                ngettext("%(count)d customer done.", "%(count)d customers done.", succeeded) % {"count": succeeded}
            )
        if reasons:
            failed = ngettext("%(count)d customer not done:", "%(count)d customers not done:", len(reasons))
            parts.append(failed % {"count": len(reasons)})
            parts.append("; ".join(dict.fromkeys(reasons)))
        level = messages.SUCCESS if not reasons else messages.WARNING if succeeded else messages.ERROR
        return self.message_user(request, " ".join(parts), level)

    # The same as buttons on the form. Each is a POST to an address of its own, which works alike on every Django.

    def get_urls(self) -> list[Any]:
        buttons = [
            path(
                "<path:object_id>/push/",
                self._button(self.push_now, self.has_push_permission),
                name="twocheckout_customer_push",
            ),
            path(
                "<path:object_id>/refetch/",
                self._button(self.refetch, self.has_pull_permission),
                name="twocheckout_customer_refetch",
            ),
        ]
        return buttons + super().get_urls()

    def _button(
        self, action: Callable[[HttpRequest, QuerySet[Customer]], None], permission: Callable[[HttpRequest], bool]
    ) -> Callable[..., HttpResponse]:
        @require_POST
        def view(request: HttpRequest, object_id: str) -> HttpResponse:
            customer = self.customer_or_404(request, object_id)
            if not permission(request):
                raise PermissionDenied
            action(request, self.get_queryset(request).filter(pk=customer.pk))
            return redirect(reverse("admin:twocheckout_customer_change", args=[customer.pk]))

        return self.wrapped(view)

    @transaction.non_atomic_requests
    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return super().changelist_view(request, extra_context)
