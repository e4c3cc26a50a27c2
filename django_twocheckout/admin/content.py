"""What our templates of the customers' list, form and history show, beside what Django's own show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest

from ..flows.notifications_overview import of_customer
from ..models import Attempt, Customer, Job, Verb
from . import accounts
from .base import banner, user_names
from .composed import HISTORY_LINES
from .display.conflicts import last_conflict
from .display.failures import in_words
from .display.history import Line, refusal
from .display.mirrors import source
from .display.state_summary import MANY, badge, not_in_step, state_summary
from .filters import ReasonFilter
from .job import under_way
from .links import links_of
from .pages.account import ACCOUNT_PAGES
from .pages.push_pull import with_reason
from .paging import count_up_to
from .waiting import Waiting

if TYPE_CHECKING:
    from .customer import CustomerAdmin


def of_list(admin: CustomerAdmin, request: HttpRequest) -> dict[str, Any]:
    """The content of the list."""
    return banner() | {
        "under_way": under_way() if admin.sibling_admin(Job) else [],
        "not_in_step": not_in_step(admin.get_queryset(request)),
        "may_push": admin.has_push_permission(request),
        "retry": _retry(admin, request),
        "may_add": admin.has_add_remote_permission(request),
        "job_opts": jobs.opts if (jobs := admin.sibling_admin(Job)) else None,
    }


def _retry(admin: CustomerAdmin, request: HttpRequest) -> dict[str, object] | None:
    """The button for all that failed for the reason by which the list is filtered."""
    code = request.GET.get(ReasonFilter.parameter_name, "")
    if not code or not admin.has_push_permission(request):
        return None
    rows = with_reason(admin.get_queryset(request), code)
    count, example = count_up_to(MANY, rows), rows.values_list("sync_error", flat=True).first()
    if example is None:
        return None
    return {"code": code, "count": count if count <= MANY else 0, "words": in_words(code, example)}


def of_form(admin: CustomerAdmin, request: HttpRequest, customer: Customer | None) -> dict[str, object]:
    """The content of the form: what this person may do with the customer, and the panel above."""
    may: dict[str, object] = {
        "may_push": admin.has_push_permission(request, customer),
        "may_pull": admin.has_pull_permission(request, customer),
        "may_change": admin.has_change_permission(request, customer),
        "may_delete_cards": admin.has_delete_card_permission(request, customer),
        "account_pages": ACCOUNT_PAGES if admin.has_open_account_permission(request, customer) else {},
        "may_erase": admin.has_erase_permission(request, customer),
        "may_export": admin.has_pull_permission(request, customer),
    }
    if customer is None:
        return may
    if customer.erased:
        may |= dict.fromkeys(["may_push", "may_pull", "may_change", "may_delete_cards", "may_erase"], False)
    return may | _panel(admin, request, customer)


def _panel(admin: CustomerAdmin, request: HttpRequest, customer: Customer) -> dict[str, object]:
    """What stands above the form: where the customer is, why, and what to do."""
    above = banner(customer._state.db, [customer.account])
    stopped = bool(above["stopped_accounts"] or above["standstill"])
    attempt = customer.attempts.filter(verb=Verb.PUSH).order_by("-at", "-pk").first()
    owner = admin.owner(request, customer)
    return {
        **above,
        "source": source(admin, request, owner) if owner else None,
        "state_summary": state_summary(
            customer,
            above["account"],
            attempt,
            may_change=admin.has_change_permission(request, customer),
            may_push=admin.has_push_permission(request, customer),
            owner=owner,
        ),
        "unknown_account": accounts.is_unknown(customer.account),
        "badge": badge(customer),
        "conflict": last_conflict(customer),
        "links": links_of(admin, request, customer),
        "waiting": Waiting.of(request, customer, stopped=stopped),
    }


def of_history(admin: CustomerAdmin, customer: Customer | None) -> dict[str, object]:
    """The attempts with this customer, for the page that also has Django's own log of changes here."""
    attempts: list[Attempt] = []
    if customer is not None:
        attempts = list(customer.attempts.order_by("-at", "-pk")[: HISTORY_LINES + 1])
    names = user_names(attempt.user for attempt in attempts)
    why = refusal(customer, attempts) if customer is not None else {}
    return {
        "attempts": [Line.of(attempt, names, why.get(attempt.pk, "")) for attempt in attempts[:HISTORY_LINES]],
        "more_attempts": len(attempts) > HISTORY_LINES,
        "notifications": of_customer(customer)[:HISTORY_LINES] if customer is not None else [],
        "media": admin.media,
    }
