"""*Push now*, *Re-fetch from 2Checkout* and *Retry failed*: actions of the list, and the same as buttons on the form.

A few rows are worked on while the person waits; more become a job, which has a page of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db import router
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from .. import sync, tasks
from ..conf import ConfigurationError, conf
from ..exceptions import TwoCheckoutError
from ..models import Customer, Job, Source, SyncState, Verb
from .pages import CustomerPages

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


class PushAndPull(CustomerPages):
    """The part of the customers' admin that pushes and pulls."""

    #: Up to so many rows are worked on while the person waits; more become a job.
    in_request = 10
    #: As long as a person, and the web server, may wait for them.
    seconds_in_request = 15

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
        try:
            return self._do_now(request, list(customers), verb)
        except ConfigurationError as error:
            self.message_user(request, str(error), messages.ERROR)
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
            "customer/confirm.html",
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
        database = router.db_for_write(Customer)
        # The order in which they were on the page does not matter, and sorting many would cost.
        pks = customers.order_by("pk").values_list("pk", flat=True).iterator(chunk_size=5000)
        job = sync.jobs.begin(verb, islice(pks, MOST_CUSTOMERS), user=request.user.pk, database=database)
        self.log_addition(request, job, _("Asked for in the list of customers."))
        if not tasks.enqueue(tasks.work_off, job.pk, database=database):
            words = _("The broker does not answer, so it may take until the next sweep before this begins.")
            self.message_user(request, words, messages.WARNING)
        if self.sister(Job):
            return redirect(self.address("change", job.pk, model=Job))
        self.message_user(request, _("The workers do it now."), messages.SUCCESS)
        return redirect(self.address("changelist"))

    def _do_now(self, request: HttpRequest, customers: list[Customer], verb: Verb) -> HttpResponse | None:
        """One by one; what is left when it takes too long, or the account is paused, becomes a job."""
        if verb is Verb.PUSH:
            work, done, not_done = push, _("Pushed to 2Checkout."), _("Asked to push; it did not work.")
        else:
            work, done, not_done = pull, _("Re-fetched from 2Checkout."), _("Asked to re-fetch; it did not work.")
        until = time.monotonic() + self.seconds_in_request
        failures: list[tuple[Customer, str]] = []
        dealt_with = 0
        for customer in customers:
            if dealt_with and (time.monotonic() > until or (failures and self._is_paused())):
                break
            dealt_with += 1
            try:
                reason = work(customer, request.user.pk)
            except Customer.DoesNotExist:
                failures.append((customer, _("This customer is no longer here.")))
                continue
            if reason:
                failures.append((customer, reason))
            # Without the reason: 2Checkout's words may quote what was sent, and this log is kept for ever.
            self.log_change(request, customer, not_done if reason else done)
        self._report(request, done, dealt_with, failures)
        if dealt_with == len(customers):
            return None
        left = Customer.objects.filter(pk__in=[customer.pk for customer in customers[dealt_with:]])
        return self._make_job(request, left, verb)

    @staticmethod
    def _is_paused() -> bool:
        account = sync.look()
        return bool(account and account.paused_until)

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
            ((self.address("change", customer.pk), customer, reason) for customer, reason in failures),
        )
        words = format_html("{} {}<ul>{}</ul>", told % {"count": succeeded} if told else "",
                            failed % {"count": len(failures)}, links)  # fmt: skip
        return self.message_user(request, words, messages.WARNING if succeeded else messages.ERROR)

    # The same as buttons on the form. Each is a POST to an address of its own, which works alike on every Django.

    def get_urls(self) -> list[Any]:
        push, refetch = self.button(self.push_view, back="change"), self.button(self.refetch_view, back="change")
        return [
            path("<path:object_id>/push/", push, name=self.address_name("push")),
            path("<path:object_id>/refetch/", refetch, name=self.address_name("refetch")),
            *super().get_urls(),
        ]

    def push_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        customer = self.customer_or_404(request, object_id)
        return self._do_one(request, customer, self.push_now, allowed=self.has_push_permission(request, customer))

    def refetch_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        customer = self.customer_or_404(request, object_id)
        return self._do_one(request, customer, self.refetch, allowed=self.has_pull_permission(request, customer))

    def _do_one(
        self,
        request: HttpRequest,
        customer: Customer,
        action: Callable[[HttpRequest, QuerySet[Customer]], HttpResponse | None],
        *,
        allowed: bool,
    ) -> HttpResponse:
        if not allowed:
            raise PermissionDenied
        answer = action(request, self.get_queryset(request).filter(pk=customer.pk))
        return answer or redirect(self.address("change", customer.pk))
