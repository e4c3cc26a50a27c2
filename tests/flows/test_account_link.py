"""The link that signs a shopper in at 2Checkout."""

from __future__ import annotations

import logging
import urllib.request
from urllib.error import HTTPError

import pytest

from django_twocheckout import sync
from django_twocheckout.exceptions import (
    AnotherMerchantCode,
    NotFound,
    RequestRejected,
    SendingDisabled,
    UnreadableAnswer,
)
from django_twocheckout.models import Account, Customer

from ..customers import ADA


@pytest.mark.parametrize("page", ["payment_methods", "my_products", "user_data", "order_lookup"])
def test_each_page(pushed, twocheckout, page):
    link = sync.account_link(pushed, page)
    [token] = twocheckout.issued_tokens
    assert link == f"https://store.example/myaccount/{page}/?logintoken={token}"
    [request] = twocheckout.requests
    assert request.path.endswith(f"/customers/{pushed.customer_reference}/account/{page}/")
    assert request.query == {"ValidityTime": "30"}


@pytest.mark.parametrize("language", ["de", "DE", "de-at", "de_AT"])
def test_in_a_language(pushed, twocheckout, language):
    assert "/payment_methods/" in sync.account_link(pushed, language=language)
    assert twocheckout.requests[0].query["Lang"] == "de"


@pytest.mark.parametrize("page", ["faq", "my_license", "", None, "../user_data", "Payment_methods"])
def test_another_page(pushed, twocheckout, page):
    with pytest.raises(ValueError, match="one of payment_methods, my_products, user_data, order_lookup, not"):
        sync.account_link(pushed, page)
    assert twocheckout.requests == []


def test_another_page__is_told_before_all_else(ada, configure):
    configure(ENABLED=False)
    with pytest.raises(ValueError, match="one of payment_methods"):
        sync.account_link(ada, "faq")


@pytest.mark.parametrize("language", ["", "german", "d", "de;", 1, "deu", "\u017fs"])
def test_another_language(pushed, twocheckout, language):
    with pytest.raises(ValueError, match="language must be two letters"):
        sync.account_link(pushed, language=language)
    assert twocheckout.requests == []


def test_it_is_stored_and_logged_nowhere(pushed, twocheckout, caplog):
    with caplog.at_level(logging.DEBUG):
        sync.account_link(pushed)
    [token] = twocheckout.issued_tokens
    assert token not in caplog.text
    for model in (Customer, Account):
        assert token not in str(model.objects.values())
    assert not pushed.attempts.filter(verb="pull").exists()


def test_it_is_good_for_seconds_and_leads_to_the_shopper(pushed, twocheckout):
    twocheckout.behaviour.custom_domain = twocheckout.url.partition("/rest/")[0]
    link = sync.account_link(pushed, "my_products")
    with urllib.request.urlopen(link) as answer:
        page = answer.read().decode()
    assert f"Signed in as customer {pushed.customer_reference}. The page is my_products." in page
    twocheckout.behaviour.sign_on_seconds = -1
    with pytest.raises(HTTPError, match="403"):
        urllib.request.urlopen(sync.account_link(pushed))


def test_an_account_without_a_custom_domain__has_2checkouts_reason(pushed, twocheckout):
    twocheckout.behaviour.custom_domain = ""
    with pytest.raises(RequestRejected) as refused:
        sync.account_link(pushed)
    assert refused.value.words == "Single sign-on needs a custom domain (SIM_NO_CUSTOM_DOMAIN)"


def test_an_answer_without_a_link(pushed, twocheckout):
    for answer in ("nothing", "token"):
        twocheckout.behaviour.sign_on_answer = answer
        with pytest.raises(UnreadableAnswer, match="holds no link"):
            sync.account_link(pushed)
    twocheckout.behaviour.sign_on_answer = "object"
    assert sync.account_link(pushed).startswith("https://store.example/")


def test_a_customer_who_is_not_there_yet(ada, twocheckout):
    with pytest.raises(NotFound):
        sync.account_link(ada)
    assert twocheckout.requests == []


def test_a_customer_who_is_gone_there(pushed, twocheckout):
    twocheckout.forget(pushed.customer_reference)
    with pytest.raises(NotFound):
        sync.account_link(pushed)


def test_by_the_reference_that_the_row_has_now(ada, twocheckout):
    stale = Customer.objects.get()
    sync.push(ada)
    assert sync.account_link(stale)


def test_nothing_is_sent_while_sending_is_off(pushed, twocheckout, configure):
    configure(ENABLED=False)
    with pytest.raises(SendingDisabled):
        sync.account_link(pushed)
    configure(ENABLED=True, MERCHANT_CODE="ANOTHER")
    with pytest.raises(AnotherMerchantCode):
        sync.account_link(pushed)
    assert twocheckout.requests == []


def test_a_paused_account_is_asked_all_the_same__for_a_person_waits(pushed, twocheckout):
    other = Customer.objects.create(**ADA)
    with twocheckout.outage("401"):
        sync.push_pending()
    assert Account.objects.get().open_until
    assert sync.account_link(pushed)
    other.refresh_from_db()
    assert other.sync_state == "pending"
