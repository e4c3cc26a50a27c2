"""The button that opens a shopper's account at 2Checkout."""

from __future__ import annotations

import logging
import sys

import pytest
from django.contrib.admin.models import LogEntry
from django.core.signals import got_request_exception
from django.test import Client
from django.views.debug import ExceptionReporter

from django_twocheckout import sync
from django_twocheckout.admin import CustomerAdmin
from django_twocheckout.admin.pages.account import ACCOUNT_PAGES, SignOnRedirect
from django_twocheckout.client import ACCOUNT_PAGES as CLIENTS
from django_twocheckout.exceptions import NotFound
from django_twocheckout.models import Customer

from .pages import LIST, form, said, text

MAY = ("change_customer", "delete_card")


def account(customer):
    return f"{LIST}{customer.pk}/account/"


def press(client, customer, page="payment_methods", **options):
    return client.post(account(customer), {"page": page}, **options)


@pytest.mark.parametrize("page", ACCOUNT_PAGES)
def test_opened(support, pushed, twocheckout, page, caplog):
    with caplog.at_level(logging.DEBUG):
        answer = press(support(*MAY), pushed, page)
    [token] = twocheckout.issued_tokens
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"https://store.example/myaccount/{page}/?logintoken={token}"
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert token not in caplog.text
    assert token not in repr(answer)
    assert answer.content == b""
    assert token not in str(LogEntry.objects.values()) + str(Customer.objects.values())
    assert LogEntry.objects.get().get_change_message() == "Opened the shopper's account at 2Checkout."


def test_the_redirect_is_safe_by_itself():
    answer = SignOnRedirect("https://store.example/?logintoken=t-1")
    assert "no-store" in answer.headers["Cache-Control"]
    assert repr(answer) == "<SignOnRedirect>"


def test_the_pages_are_the_clients():
    assert tuple(ACCOUNT_PAGES) == CLIENTS


def test_offered(support, pushed):
    page = text(support(*MAY).get(form(pushed)))
    assert "The shopper's account: Payment methods Products and subscriptions Personal data Orders" in page
    assert "Open at 2Checkout" in page


def not_there(pushed, twocheckout):
    return Customer.objects.create(first_name="Nobody")


def gone(pushed, twocheckout):
    twocheckout.forget(pushed.customer_reference)
    with pytest.raises(NotFound):
        sync.pull(pushed)
    return pushed


@pytest.mark.parametrize("make", [not_there, gone])
def test_not_offered_where_2checkout_has_no_such_shopper(support, pushed, twocheckout, make):
    customer, client = make(pushed, twocheckout), support(*MAY)
    assert "Open at 2Checkout" not in text(client.get(form(customer)))
    level, words = said(press(client, customer, follow=True))
    assert level == "error"
    assert words.startswith("The account could not be opened: ")
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("granted", [[], ["change_customer"], ["delete_card"], ["pull_customer", "push_customer"]])
def test_refused_without_both_permissions(support, pushed, twocheckout, granted):
    client = support(*granted)
    assert press(client, pushed).status_code == 403
    assert "Open at 2Checkout" not in text(client.get(form(pushed)))
    assert twocheckout.requests == []


def test_refused_for_a_customer_that_this_person_may_not_see(admin_client, pushed, twocheckout, monkeypatch):
    monkeypatch.setattr(CustomerAdmin, "get_queryset", lambda self, request: Customer.objects.none())
    assert press(admin_client, pushed).status_code == 404
    assert twocheckout.requests == []


@pytest.mark.parametrize("right", ["view", "change", "delete_card", "open_account"])
def test_refused_by_a_right_on_this_very_customer(admin_client, pushed, twocheckout, monkeypatch, right):
    name = f"has_{right}_permission"
    allowed = getattr(CustomerAdmin, name)
    monkeypatch.setattr(
        CustomerAdmin, name, lambda self, request, obj=None: allowed(self, request, obj) and obj != pushed
    )
    if right == "view":
        monkeypatch.setattr(CustomerAdmin, "has_change_permission", lambda self, request, obj=None: obj != pushed)
    assert press(admin_client, pushed).status_code == 403
    assert twocheckout.requests == []


def test_a_get_opens_nothing(admin_client, pushed, twocheckout):
    answer = admin_client.get(account(pushed), {"page": "payment_methods"})
    assert (answer.status_code, answer.headers["Location"]) == (302, form(pushed))
    assert twocheckout.requests == []


def test_without_the_token_of_the_form(admin_client, pushed, twocheckout, admin_user):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(admin_user)
    assert press(strict, pushed).status_code == 403
    assert twocheckout.requests == []


@pytest.mark.parametrize("page", ["", "faq", "https://elsewhere.example/"])
def test_another_page(admin_client, pushed, twocheckout, page):
    answer = press(admin_client, pushed, page, follow=True)
    assert said(answer) == ("error", "The account could not be opened: There is no such page of an account.")
    assert answer.redirect_chain == [(form(pushed), 302)]
    assert twocheckout.requests == []


def test_without_a_custom_domain(admin_client, pushed, twocheckout):
    twocheckout.behaviour.custom_domain = ""
    assert said(press(admin_client, pushed, follow=True)) == (
        "error",
        "The account could not be opened: Single sign-on needs a custom domain (SIM_NO_CUSTOM_DOMAIN). "
        "Single sign-on needs a custom domain on the 2Checkout account.",
    )


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("503", "The account could not be opened: Down for maintenance (SIM_MAINTENANCE)"),
        ("reset", "The account could not be opened: No answer came from 2Checkout."),
    ],
)
def test_a_failure_is_told(admin_client, pushed, twocheckout, fault, words):
    twocheckout.fail(fault)
    level, said_words = said(press(admin_client, pushed, follow=True))
    assert level == "error"
    assert said_words.startswith(words)
    assert "custom domain" not in said_words


def test_while_sending_is_off(admin_client, pushed, twocheckout, configure):
    configure(ENABLED=False)
    level, words = said(press(admin_client, pushed, follow=True))
    assert (level, "ENABLED is False" in words) == ("error", True)
    assert twocheckout.requests == []


def test_an_error_report_does_not_have_the_link(client, admin_user, pushed, twocheckout, monkeypatch):
    def fail(*args, **kwargs):
        raise ZeroDivisionError

    reports = []

    def note(sender, request, **kwargs):
        reports.append(ExceptionReporter(request, *sys.exc_info()).get_traceback_text())

    monkeypatch.setattr(CustomerAdmin, "log_change", fail)
    got_request_exception.connect(note)
    client.raise_request_exception = False
    client.force_login(admin_user)
    try:
        assert press(client, pushed).status_code == 500
    finally:
        got_request_exception.disconnect(note)
    [token] = twocheckout.issued_tokens
    [report] = reports
    assert "account_view" in report
    assert token not in report
