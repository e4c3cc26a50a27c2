"""The fake vendor, asked as any client would ask, without ours."""

from __future__ import annotations

import time
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
import time_machine

from .plain_client import GOOD, ask, create, signed


def test_a_customers_life(vendor):
    assert create(vendor, FiscalCode="1", Company="A") == (200, 601952421)
    status, customer = ask(vendor, "GET", "customers/dj-1/")
    assert (status, customer["CustomerReference"], customer["CountryCode"]) == (200, "601952421", "gb")
    assert (customer["ExistingCards"], customer["Enabled"], customer["Fax"]) == ([], False, "")
    assert ask(vendor, "PUT", "customers/601952421/", {**GOOD, "City": "Bath"}) == (200, True)
    assert ask(vendor, "GET", "customers/601952421/")[1]["City"] == "Bath"
    assert vendor.customers[0]["FiscalCode"] is None  # replaced, so what was left out is gone
    assert [str(request) for request in vendor.requests][-1] == "#4 GET /rest/6.0/customers/601952421/ -> 200"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"FirstName": ""}, "SIM_MISSING_FIELD"),
        ({"FirstName": 5}, "SIM_INVALID_TYPE"),
        ({"CountryCode": "XX"}, "SIM_INVALID_COUNTRY"),
        ({"CountryCode": "GBR"}, "SIM_INVALID_COUNTRY"),
        ({"FiscalCode": "1"}, "SIM_COMPANY_REQUIRED"),
        ({"FiscalCode": "INVALID", "Company": "A"}, "SIM_INVALID_FISCAL_CODE"),
    ],
)
def test_invalid(vendor, change, code):
    status, answer = create(vendor, **change)
    assert (status, answer["error_code"]) == (400, code)
    assert vendor.customers == []


def test_duplicates_and_references(vendor):
    create(vendor)
    status, answer = create(vendor)
    assert (status, answer["message"][:34]) == (400, "The External ID you entered is use")
    assert create(vendor, ExternalCustomerReference="DJ-1")[0] == 200
    vendor.behaviour.external_case_sensitive = False
    assert create(vendor, ExternalCustomerReference="Dj-1")[0] == 400
    assert create(vendor, ExternalCustomerReference="601952421")[0] == 200
    assert ask(vendor, "GET", "customers/601952421/")[1]["ExternalCustomerReference"] == "dj-1"
    vendor.behaviour.ambiguous_reference = "external"
    assert ask(vendor, "GET", "customers/601952421/")[1]["ExternalCustomerReference"] == "601952421"


def test_put_accepts_the_internal_reference_only(vendor):
    create(vendor)
    assert ask(vendor, "PUT", "customers/dj-1/", GOOD)[0] == 404
    vendor.behaviour.put_by_external = True
    assert ask(vendor, "PUT", "customers/dj-1/", GOOD) == (200, True)
    assert ask(vendor, "PUT", "customers/dj-1/", {**GOOD, "CustomerReference": "7"})[0] == 400


def test_derived_fields_and_credit(vendor):
    create(vendor)
    body = {**GOOD, "Enabled": True, "Credit": {"Limit": 5.0}}
    assert ask(vendor, "PUT", "customers/601952421/", body) == (200, True)
    assert (vendor.customers[0]["Enabled"], vendor.customers[0]["Credit"]) == (False, {"Limit": 5.0})
    vendor.behaviour.derived_fields = "refuse"
    assert ask(vendor, "PUT", "customers/601952421/", body)[1]["error_code"] == "SIM_READ_ONLY"


def test_addresses_and_methods(vendor):
    create(vendor)
    assert ask(vendor, "GET", "customers/dj-1")[0] == 301
    vendor.behaviour.without_slash = "refuse"
    assert ask(vendor, "GET", "customers/dj-1")[0] == 404
    vendor.behaviour.without_slash = "accept"
    assert ask(vendor, "GET", "customers/dj-1")[0] == 200
    assert ask(vendor, "GET", "/elsewhere/")[0] == 404
    assert ask(vendor, "DELETE", "customers/dj-1/")[0] == 405
    assert ask(vendor, "GET", "customers/dj-1/credit-card/t")[0] == 405
    assert ask(vendor, "GET", "customersdj-1/")[0] == 404


def test_redirect__keeps_the_query(vendor):
    parts = urlsplit(vendor.url)
    connection = HTTPConnection(parts.hostname, parts.port, timeout=5)
    headers = {"X-Avangate-Authentication": signed()}
    with closing(connection):
        connection.request("GET", f"{parts.path}customers/dj-1?includePaymentData=true", headers=headers)
        location = connection.getresponse().headers["Location"]
    assert location == f"{parts.path}customers/dj-1/?includePaymentData=true"


def test_no_reference_means_no_customer(vendor):
    reference = vendor.add_customer(FirstName="Ada")
    vendor.edit(reference, ExternalCustomerReference="")
    assert ask(vendor, "GET", "customers//")[0] == 404
    assert vendor.customer("") is vendor.customer(None) is None


def test_cards(vendor):
    create(vendor)
    vendor.add_card("dj-1")
    assert "TransientToken" not in ask(vendor, "GET", "customers/dj-1/")[1]["ExistingCards"][0]
    vendor.behaviour.card_token = "none"
    assert "TransientToken" not in ask(vendor, "GET", "customers/dj-1/?includePaymentData=true")[1]["ExistingCards"][0]
    vendor.behaviour.card_shape = "texts"
    assert ask(vendor, "GET", "customers/dj-1/")[1]["ExistingCards"] == ["Visa 1111"]
    [token] = ask(vendor, "GET", "customers/dj-1/?includePaymentData=true")[1]["ExistingCards"]
    assert ask(vendor, "DELETE", "customers/dj-1/credit-card/wrong")[0] == 404
    assert ask(vendor, "DELETE", f"customers/601952421/credit-card/{token}") == (200, {"Deleted": True})
    assert ask(vendor, "DELETE", f"customers/601952421/credit-card/{token}")[0] == 404
    assert token not in str(vendor.requests)
    assert token not in " ".join(map(str, vendor.requests))


def test_tokens_are_transient(vendor):
    create(vendor)
    vendor.add_card("dj-1")
    vendor.behaviour.set(token_seconds=-1, card_shape="texts")
    [token] = ask(vendor, "GET", "customers/dj-1/?includePaymentData=true")[1]["ExistingCards"]
    assert ask(vendor, "DELETE", f"customers/dj-1/credit-card/{token}")[0] == 404


def test_single_sign_on(vendor):
    create(vendor)
    vendor.add_card("dj-1", subscription="SUB-1")
    vendor.behaviour.set(card_token="none", cards_by_sign_on_only=True, card_names_subscription=True)
    assert ask(vendor, "GET", "customers/dj-1/?includePaymentData=true")[1]["ExistingCards"] == []
    account = "customers/dj-1/account/payment_methods/"
    status, link = ask(vendor, "GET", account)
    token = link.partition("logintoken=")[2]
    assert (status, len(token)) == (200, 40)
    status, customer = ask(vendor, "GET", f"customers/?ssotoken={token}")
    assert (status, customer["CustomerReference"]) == (200, "601952421")
    [card] = customer["ExistingCards"]
    assert card["SubscriptionReference"] == "SUB-1"
    assert ask(vendor, "DELETE", f"customers/dj-1/credit-card/{card['TransientToken']['Token']}")[0] == 400

    vendor.behaviour.sign_on_answer = "object"
    assert list(ask(vendor, "GET", account)[1]) == ["Url"]
    vendor.behaviour.sign_on_answer = "token"
    assert list(ask(vendor, "GET", account)[1]) == ["Token"]
    vendor.behaviour.sign_on_answer = "nothing"
    assert ask(vendor, "GET", account) == (200, {})
    assert ask(vendor, "GET", "customers/nobody/account/payment_methods/")[0] == 404
    assert ask(vendor, "GET", "customers/dj-1/account/elsewhere/")[0] == 404
    assert ask(vendor, "POST", account, {})[0] == 405
    vendor.behaviour.sign_on = False
    assert ask(vendor, "GET", account)[0] == 404


def test_single_sign_on__is_good_for_seconds(vendor):
    create(vendor)
    vendor.behaviour.allowed_skew = None
    account = "customers/dj-1/account/user_data/"
    assert ask(vendor, "GET", "customers/?ssotoken=forged")[0] == 400
    assert ask(vendor, "GET", "customers/")[0] == 400
    for query, seconds in (("", 10), ("?ValidityTime=30", 30)):
        began = time.time()
        ask(vendor, "GET", account + query)
        token = vendor.issued_tokens[-1]
        with time_machine.travel(began + seconds - 1, tick=False):
            assert ask(vendor, "GET", f"customers/?ssotoken={token}")[0] == 200
        with time_machine.travel(time.time() + seconds + 1, tick=False):
            assert ask(vendor, "GET", f"customers/?ssotoken={token}")[0] == 400
    vendor.behaviour.sign_on_seconds = -1
    token = ask(vendor, "GET", account)[1].partition("logintoken=")[2]
    assert ask(vendor, "GET", f"customers/?ssotoken={token}")[0] == 400
