"""For the checkout: what a purchase carries, and the link to the shopper's own account."""

from __future__ import annotations

import logging

import pytest

from django_twocheckout.models import Customer

from ..customers import ADA
from ..vendor_log import methods
from .addresses import at


def test_parameters(pushed, api, twocheckout):
    answer = api.post(at(pushed, "checkout-parameters"))
    assert (answer.status_code, answer.json()) == (
        200,
        {"customer-ref": pushed.customer_reference, "customer-ext-ref": pushed.external_customer_reference},
    )
    assert answer.json() == pushed.checkout_parameters()
    assert methods(twocheckout) == []


def test_parameters__before_the_first_push(ada, api):
    assert ada.untried
    answer = api.post(at(ada, "checkout-parameters"))
    assert answer.json() == {"customer-ext-ref": ada.external_customer_reference}
    ada.refresh_from_db()
    assert not ada.untried  # it is looked up before it is created


def test_parameters__of_a_row_without_a_reference(api, db):
    row = Customer.objects.create(**ADA)
    Customer.objects.update_unmarked(external_customer_reference=None)
    answer = api.post(at(row, "checkout-parameters"))
    assert (answer.status_code, answer.json()["code"]) == (409, "NotSent")


def test_link(pushed, api, twocheckout, caplog):
    with caplog.at_level(logging.INFO, "twocheckout"):
        answer = api.post(at(pushed, "account-link"), {"page": "my_products", "language": "de-at"}, format="json")
    [token] = twocheckout.issued_tokens
    assert answer.json() == {"link": f"https://store.example/myaccount/my_products/?logintoken={token}"}
    assert twocheckout.requests[0].query["Lang"] == "de"
    assert "no-store" in answer.headers["Cache-Control"]
    assert f"customer {pushed.pk}: a link to the shopper's account was given out" in caplog.text
    assert token not in caplog.text


def test_link__of_the_usual_page(pushed, api):
    assert "/payment_methods/" in api.post(at(pushed, "account-link")).json()["link"]


@pytest.mark.parametrize("page", ["payment_methods", "my_products", "user_data", "order_lookup"])
def test_link__of_each_page(pushed, api, page):
    assert f"/{page}/" in api.post(at(pushed, "account-link"), {"page": page}, format="json").json()["link"]


@pytest.mark.parametrize(
    "body", [{"page": "faq"}, {"page": ""}, {"language": "german"}, {"language": "d"}, {"lang": "de"}, {"page": None}]
)
def test_link__refused_in_words(pushed, api, twocheckout, body):
    answer = api.post(at(pushed, "account-link"), body, format="json")
    assert (answer.status_code, list(answer.json())) == (400, list(body))
    assert methods(twocheckout) == []
