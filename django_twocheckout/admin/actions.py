"""*Push now*, *Re-fetch from 2Checkout* and *Retry failed*: actions of the list, and the same as buttons on the form.

A few rows are worked on while the person waits; more become a job, which has a page of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from .. import sync, tasks
from ..conf import conf
from ..exceptions import TwoCheckoutError
from ..models import Customer, Source, SyncState, Verb
from .pages import Pages

#: A job holds so many customers at the most; whoever wants more is at a terminal better served.
MOST_CUSTOMERS = 100_000


def push(customer: Customer, user: Any) -> str:
    """Push; return why it did not succeed, or nothing."""
    sync.push(customer, source=Source.USER, user=user)
    if customer.sync_state == SyncState.SYNCED:
        return ""
    return customer.sync_error or _("It is being pushed right now.")


def pull(customer: Customer, user: Any) -> str:
    """Pull; return why it did not succeed, or nothing."""
    try:
        sync.pull(customer, source=Source.USER, user=user)
    except TwoCheckoutError as error:
        return error.words
    return ""


class PushAndPull(Pages):
    """The part of the customers' admin that pushes and pulls."""

    #: Up to so many rows are worked on while the person waits; more become a job.
    in_request = 10

    @admin.action(description=gettext_lazy("Push now"), permissions=["push"])
    def push_now(self, request: HttpRequest, queryset: QuerySet[Customer]) -> HttpResponse | None:
        return self._act(request, queryset, Verb.PUSH, "push_now")

    @admin.action(description=gettext_lazy("Re-fetch from 2Checkout"), permissions=["pull"])
    def refetch(self, request: HttpRequest, queryset: QuerySet[Customer]) -> HttpResponse | None:
        return self._act(request, queryset, Verb.PULL, "refetch")

    @admin.action(description=gettext_lazy("Retry failed"), permissions=["push"])
    def retry_failed(self, request: HttpRequest, queryset: QuerySet[Customer]) -> HttpResponse | None:
        failed = queryset.filter(sync_state=SyncState.FAILED)
        if not failed.exists():
            self.message_user(request, _("None of them has failed."), messages.INFO)
            return None
        return self._act(request, failed, Verb.PUSH, "retry_failed")

    def _act(self, request: HttpRequest, customers: QuerySet[Customer], verb: Verb, action: str) -> HttpResponse | None:
        """Do it now for a few rows, make a job of more, and ask before many are touched."""
        count = customers.order_by()[: MOST_CUSTOMERS + 1].count()
        if count > MOST_CUSTOMERS:
            words = _(
                "These are more than %(most)d customers. Narrow them down, or use the command twocheckout_%(verb)s."
            )
            self.message_user(request, words % {"most": MOST_CUSTOMERS, "verb": verb.value}, messages.WARNING)
            return None
        if count > conf.CONFIRM_ROWS and "confirmed" not in request.POST:
            return self._confirmation(request, customers, count, action)
        if count > self.in_request:
            return self._make_job(request, customers, verb)
        self._do_now(request, list(customers), verb)
        return None

    def _confirmation(
        self, request: HttpRequest, customers: QuerySet[Customer], count: int, action: str
    ) -> HttpResponse:
        title = {
            "push_now": ngettext("Push %(count)d customer?", "Push %(count)d customers?", count),
            "refetch": ngettext("Re-fetch %(count)d customer?", "Re-fetch %(count)d customers?", count),
            "retry_failed": ngettext(
                "Try again with %(count)d failed customer?", "Try again with %(count)d failed customers?", count
            ),
        }[action] % {"count": count}
        across = request.POST.get("select_across") == "1"
        selected = request.POST.getlist(ACTION_CHECKBOX_NAME)
        return self.page(
            request,
            "confirm.html",
            title,
            action=action,
            count=count,
            some=list(customers[:10]),
            more=max(count - 10, 0),
            select_across=across,
            selected=selected[:1] if across else selected,
            checkbox_name=ACTION_CHECKBOX_NAME,
        )

    def _make_job(self, request: HttpRequest, customers: QuerySet[Customer], verb: Verb) -> HttpResponse:
        database = customers.db
        # The order in which they were on the page does not matter, and sorting many would cost.
        pks = customers.order_by("pk").values_list("pk", flat=True).iterator(chunk_size=5000)
        job = sync.jobs.begin(verb, islice(pks, MOST_CUSTOMERS), user=request.user.pk, database=database)
        self.log_addition(request, cast("Any", job), _("Asked for in the list of customers."))
        if not tasks.enqueue(tasks.work_off, job.pk, database=database):
            words = _("The broker does not answer, so it may take until the next sweep before this begins.")
            self.message_user(request, words, messages.WARNING)
        return redirect("admin:twocheckout_job_change", job.pk)

    def _do_now(self, request: HttpRequest, customers: list[Customer], verb: Verb) -> None:
        if verb is Verb.PUSH:
            work, done, not_done = push, _("Pushed to 2Checkout."), _("Asked to push; it did not work.")
        else:
            work, done, not_done = pull, _("Re-fetched from 2Checkout."), _("Asked to re-fetch; it did not work.")
        failures = []
        for customer in customers:
            reason = work(customer, request.user.pk)
            if reason:
                failures.append((customer, reason))
            # Without the reason: 2Checkout's words may quote what was sent, and this log is kept for ever.
            self.log_change(request, customer, not_done if reason else done)
        self._report(request, done, len(customers), failures)

    def _report(self, request: HttpRequest, done: str, count: int, failures: list[tuple[Customer, str]]) -> None:
        """One message: how many, and of those with whom it did not work, who and why."""
        succeeded = count - len(failures)
        if not failures:
            words = ngettext("%(count)d customer done.", "%(count)d customers done.", count) % {"count": count}
            return self.message_user(request, done if count == 1 else words, messages.SUCCESS)
        if count == 1:
            return self.message_user(request, _("Not done: %(reason)s") % {"reason": failures[0][1]}, messages.ERROR)
        told = ngettext("%(count)d customer done.", "%(count)d customers done.", succeeded) if succeeded else ""
        failed = ngettext("%(count)d customer not done:", "%(count)d customers not done:", len(failures))
        links = format_html_join(
            "",
            '<li><a href="{}">{}</a>: {}</li>',
            ((reverse("admin:twocheckout_customer_change", args=[c.pk]), c, reason) for c, reason in failures),
        )
        words = format_html("{} {}<ul>{}</ul>", told % {"count": succeeded} if told else "",
                            failed % {"count": len(failures)}, links)  # fmt: skip
        return self.message_user(request, words, messages.WARNING if succeeded else messages.ERROR)

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
        self,
        action: Callable[[HttpRequest, QuerySet[Customer]], HttpResponse | None],
        permission: Callable[[HttpRequest], bool],
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
