"""Pushes and re-fetches customers from the list's actions and the form's buttons, through ``sync`` and ``flows.jobs``.

A few rows are done while the person waits. More rows become a job with its own page.
"""

from __future__ import annotations

import time
from itertools import islice

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db import router
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ... import sync, tasks
from ...conf import ConfigurationError, conf
from ...exceptions import BeingErased, InTransaction, SendingStopped, TwoCheckoutError
from ...flows import jobs
from ...flows.account import current_account
from ...models import Customer, Job, Presence, Source, SyncState, Verb
from .. import accounts
from ..base import Page, reason_for_nothing, wake, woken
from ..display.conflicts import last_conflict
from ..display.failures import reason as reason_of
from ..display.failures import translated
from ..display.state_summary import is_claimed
from ..waiting import first_look

#: The most customers of a job. A command is better for more.
MOST_CUSTOMERS = 100_000


def push(customer: Customer, user: object) -> str:
    """Push. Returns the reason for a failure, or nothing."""
    sync.push(customer, source=Source.USER, user=user)
    if customer.sync_state == SyncState.SYNCED:
        return ""
    return reason_of(customer) or _("It is being pushed right now.")


def pull(customer: Customer, user: object) -> str:
    """Pull. Returns the reason for a failure, or nothing."""
    try:
        sync.pull(customer, source=Source.USER, user=user)
    except TwoCheckoutError as error:
        return translated(error.words)
    return ""


def with_reason(customers: QuerySet[Customer], code: str) -> QuerySet[Customer]:
    """Those of the customers that failed for this reason. Those that are gone wait for another decision."""
    return customers.filter(sync_state=SyncState.FAILED, presence=Presence.THERE, error_code=code)


class PushAndPull(Page):
    """Pushes and pulls customers, for the list's actions and the form's buttons."""

    def retry(self, request: HttpRequest, customers: QuerySet[Customer]) -> HttpResponse | None:
        """Push the failed ones of these customers."""
        failed = customers.filter(sync_state=SyncState.FAILED)
        if not failed.exists():
            self.admin.message_user(request, _("None of them has failed."), messages.INFO)
            return None
        return self.act(request, failed, Verb.PUSH, "retry_failed")

    def retry_reason(self, request: HttpRequest) -> HttpResponse:
        """Push all customers that failed for this reason. It destroys nothing, so it asks nothing."""
        if not (self.admin.has_view_permission(request) and self.admin.has_push_permission(request)):
            raise PermissionDenied
        customers = with_reason(self.admin.get_queryset(request), request.POST.get("error_code", ""))
        if not customers.exists():
            self.admin.message_user(request, _("None of them has failed."), messages.INFO)
        answer = self.act(request, customers, Verb.PUSH, "retry_failed", confirm=False)
        return answer or redirect(self.admin.address("status"))

    def act(
        self, request: HttpRequest, customers: QuerySet[Customer], verb: Verb, action: str, *, confirm: bool = True
    ) -> HttpResponse | None:
        """Do it now for a few rows, and make a job of more. *confirm*: ask before many are changed."""
        customers = self._of_known_accounts(request, self._permitted(request, customers, verb))
        count = customers.order_by()[: MOST_CUSTOMERS + 1].count()
        if count > MOST_CUSTOMERS:
            words = _(
                "These are more than %(most)d customers. Narrow them down, or use the command twocheckout_%(verb)s."
            )
            self.admin.message_user(request, words % {"most": MOST_CUSTOMERS, "verb": verb.value}, messages.WARNING)
            return None
        if not count:
            return None
        try:
            if confirm and count > conf.CONFIRM_ROWS and "confirmed" not in request.POST:
                return self._confirmation(request, customers, count, action)
            if count > self.admin.in_request:
                return self._make_job(request, customers, verb)
            return self._do_now(request, list(customers), verb)
        except (ConfigurationError, InTransaction, SendingStopped) as error:
            self.admin.message_user(request, reason_for_nothing(error), messages.ERROR)
            return None

    def _permitted(self, request: HttpRequest, customers: QuerySet[Customer], verb: Verb) -> QuerySet[Customer]:
        """The customers without those that the project's own rule for single customers forbids, which are told."""
        name = f"has_{verb.value}_permission"
        owner = next(base for base in type(self.admin).__mro__ if name in vars(base))
        if owner.__module__.startswith("django_twocheckout."):
            return customers  # our own rule looks at no customer
        may = getattr(self.admin, name)
        forbidden = [customer.pk for customer in customers[: MOST_CUSTOMERS + 1] if not may(request, customer)]
        if not forbidden:
            return customers
        words = ngettext(
            "%(count)d customer left out: you may not do this with it.",
            "%(count)d customers left out: you may not do this with them.",
            len(forbidden),
        )
        self.admin.message_user(request, words % {"count": len(forbidden)}, messages.WARNING)
        return customers.exclude(pk__in=forbidden)

    def _of_known_accounts(self, request: HttpRequest, customers: QuerySet[Customer]) -> QuerySet[Customer]:
        """The customers without those of accounts that the settings do not have, which are told."""
        known = accounts.aliases()
        left_out = customers.exclude(account__in=known) if known else customers.none()
        count = left_out.order_by()[: MOST_CUSTOMERS + 1].count()
        if not count:
            return customers
        words = ngettext(
            "%(count)d customer left out: the settings have no account “%(account)s”, so nothing is sent for it.",
            "%(count)d customers left out: the settings do not have their accounts, so nothing is sent for them.",
            count,
        )
        first = left_out.values_list("account", flat=True).first()
        self.admin.message_user(request, words % {"count": count, "account": first}, messages.WARNING)
        return customers.filter(account__in=known)

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
        return self.admin.page(
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
        job = jobs.begin(verb, islice(pks, MOST_CUSTOMERS), user=request.user.pk, database=database)
        self.admin.log_addition(request, job, _("Asked for in the admin."))
        found = wake(tasks.push_pending, database=database)
        level, words = woken(found=found, database=database, words=_("The workers do it now."))
        has_page = self.admin.sibling_admin(Job)
        if level != messages.SUCCESS or not has_page:
            self.admin.message_user(request, words, level)
        if has_page:
            return redirect(self.admin.address("change", job.pk, model=Job))
        return redirect(self.admin.address("changelist"))

    def _do_now(self, request: HttpRequest, customers: list[Customer], verb: Verb) -> HttpResponse | None:
        """One by one. The rest becomes a job after too long, or once the account is paused."""
        if verb is Verb.PUSH:
            work, done, not_done = push, _("Pushed to 2Checkout."), _("Asked to push; it did not work.")
        else:
            work, done, not_done = pull, _("Re-fetched from 2Checkout."), _("Asked to re-fetch; it did not work.")
        until = time.monotonic() + self.admin.seconds_in_request
        failures: list[tuple[Customer, str]] = []
        dealt_with = 0
        for customer in customers:
            if dealt_with and (time.monotonic() > until or (failures and self._is_paused(failures[-1][0].account))):
                break
            dealt_with += 1
            try:
                reason = work(customer, request.user.pk)
            except (SendingStopped, BeingErased) as stopped:
                failures.append((customer, translated(stopped.words)))
                continue
            except Customer.DoesNotExist:
                failures.append((customer, _("This customer is no longer here.")))
                continue
            if reason:
                failures.append((customer, reason))
            # Without the reason: 2Checkout's words may quote the sent values, and this log is kept for ever.
            self.admin.log_change(request, customer, not_done if reason else done)
        self._report(request, done, dealt_with, failures)
        if dealt_with == len(customers):
            return None
        left = Customer.objects.filter(pk__in=[customer.pk for customer in customers[dealt_with:]])
        return self._make_job(request, left, verb)

    @staticmethod
    def _is_paused(account: str) -> bool:
        state = current_account(account=account)
        return bool(state and state.open_until)

    def _report(self, request: HttpRequest, done: str, count: int, failures: list[tuple[Customer, str]]) -> None:
        """One message: the number of successes, and each failure with its reason."""
        succeeded = count - len(failures)
        if not failures:
            words = ngettext("%(count)d customer done.", "%(count)d customers done.", count) % {"count": count}
            return self.admin.message_user(request, done if count == 1 else words, messages.SUCCESS)
        if count == 1:
            return self.admin.message_user(
                request, _("Not done: %(reason)s") % {"reason": failures[0][1]}, messages.ERROR
            )
        succeeded_words = (
            ngettext("%(count)d customer done.", "%(count)d customers done.", succeeded) if succeeded else ""
        )
        failed = ngettext("%(count)d customer not done:", "%(count)d customers not done:", len(failures))
        links = format_html_join(
            "",
            '<li><a href="{}">{}</a>: {}</li>',
            ((self.admin.address("change", customer.pk), customer, reason) for customer, reason in failures),
        )
        words = format_html("{} {}<ul>{}</ul>", succeeded_words % {"count": succeeded} if succeeded_words else "",
                            failed % {"count": len(failures)}, links)  # fmt: skip
        return self.admin.message_user(request, words, messages.WARNING if succeeded else messages.ERROR)

    # The buttons on the form. Each POSTs to its own address, alike on every Django.

    def urls(self) -> list[URLPattern]:
        return [
            self.route("retry-reason/", self.retry_reason, "retry_reason", button_on="status"),
            self.route("<path:object_id>/push/", self.push_view, "push", button_on="change"),
            self.route("<path:object_id>/refetch/", self.refetch_view, "refetch", button_on="change"),
        ]

    def push_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        customer = self.admin.customer_or_404(request, object_id)
        if not self.admin.has_push_permission(request, customer):
            raise PermissionDenied
        if "compared" not in request.POST and self._may_choose(request, customer):
            conflict = last_conflict(customer)
            if conflict and conflict.open:
                words = _("Not pushed yet: a push decides about %(fields)s. Look at both values, and choose.")
                self.admin.message_user(request, words % {"fields": conflict.open}, messages.WARNING)
                return redirect(self.admin.address("differences", customer.pk))
        return self._act_on_one(request, customer, Verb.PUSH, "push_now")

    def _may_choose(self, request: HttpRequest, customer: Customer) -> bool:
        """Whether this person may decide a conflict on the page that compares."""
        return self.admin.has_pull_permission(request, customer) and self.admin.has_change_permission(request, customer)

    def push_saved(self, request: HttpRequest, customer: Customer) -> HttpResponse:
        """Push what a person has just saved, and lead to the form, which tells what 2Checkout said."""
        customer.refresh_from_db()
        if is_claimed(customer):  # the worker that the save woke was faster
            return redirect(first_look(self.admin.address("change", customer.pk)))
        return self._act_on_one(request, customer, Verb.PUSH, "push_now")

    def refetch_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        customer = self.admin.customer_or_404(request, object_id)
        if not self.admin.has_pull_permission(request, customer):
            raise PermissionDenied
        return self._act_on_one(request, customer, Verb.PULL, "refetch")

    def _act_on_one(self, request: HttpRequest, customer: Customer, verb: Verb, action: str) -> HttpResponse:
        answer = self.act(request, self.admin.get_queryset(request).filter(pk=customer.pk), verb, action)
        return answer or redirect(self.admin.address("change", customer.pk))
