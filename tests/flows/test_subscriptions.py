"""What a customer has at 2Checkout, as it is there now."""

from __future__ import annotations

import time
from datetime import date

import pytest

from django_twocheckout import sync
from django_twocheckout.exceptions import (
    AnotherMerchantCode,
    NotFound,
    SendingDisabled,
    ServerFailed,
    UnreadableAnswer,
)
from django_twocheckout.models import Customer
from django_twocheckout.sync import Subscription
from django_twocheckout.testing import Fault

from ..customers import GRACE

LONG_AGO = 100 * 86400.0


def bought(twocheckout, customer, count=1, **facts):
    """Let the customer have ordered subscriptions long ago."""
    moment = time.time() - LONG_AGO
    return [twocheckout.add_subscription(customer.customer_reference, purchased=moment, **facts) for _ in range(count)]


@pytest.mark.parametrize("shape", ["object", "list"])
def test_both_shapes(pushed, twocheckout, shape, django_assert_num_queries):
    twocheckout.behaviour.subscription_page = shape
    [first] = bought(twocheckout, pushed, product="Yearly plan", expires="2027-02-03")
    [second] = bought(twocheckout, pushed, expires="", enabled=False, renews=False)
    with django_assert_num_queries(2):  # the customer and its account
        found = sync.subscriptions(pushed)
    assert found == [
        Subscription(first, "Yearly plan", "enabled", date(2027, 2, 3), True),
        Subscription(second, "Monthly plan", "disabled", None, False),
    ]
    assert "Yearly" not in repr(found)
    assert first not in repr(found)
    assert "Yearly" not in str(Customer.objects.values().get())


def test_by_2checkouts_reference__and_by_nothing_else(pushed, twocheckout):
    # Another customer with the same e-mail address, as is common at 2Checkout.
    other = twocheckout.add_customer(**{**GRACE, "Email": pushed.email})
    twocheckout.add_subscription(other, purchased=time.time() - LONG_AGO)
    assert sync.subscriptions(pushed) == []
    [request] = twocheckout.requests
    assert request.query == {"AvangateCustomerReference": pushed.customer_reference, "Page": "1", "Limit": "200"}


def test_one_just_bought_is_found_after_five_minutes(pushed, twocheckout):
    twocheckout.add_subscription(pushed.customer_reference)
    assert sync.subscriptions(pushed) == []
    twocheckout.add_subscription(pushed.customer_reference, purchased=time.time() - 301)
    assert len(sync.subscriptions(pushed)) == 1


@pytest.mark.parametrize("pages", ["end", "repeat"])
@pytest.mark.parametrize("shape", ["object", "list"])
def test_several_pages(pushed, twocheckout, shape, pages):
    twocheckout.behaviour.set(subscription_page=shape, subscription_pages=pages)
    names = bought(twocheckout, pushed, 450)
    assert [one.reference for one in sync.subscriptions(pushed)] == names
    assert len(twocheckout.requests) == (3 if (shape, pages) == ("object", "end") else 4)


@pytest.mark.parametrize("shape", ["object", "list"])
def test_pages_without_an_end(pushed, twocheckout, shape):
    twocheckout.behaviour.set(subscription_page=shape, subscription_pages="never_end")
    with pytest.raises(UnreadableAnswer, match="do not end"):
        sync.subscriptions(pushed)
    assert len(twocheckout.requests) == 5


def test_those_of_others_are_never_shown(pushed, twocheckout):
    twocheckout.behaviour.subscription_filter = False
    bought(twocheckout, pushed)
    assert len(sync.subscriptions(pushed)) == 1
    twocheckout.add_subscription(twocheckout.add_customer(**GRACE), purchased=time.time() - LONG_AGO)
    with pytest.raises(UnreadableAnswer, match="another customer"):
        sync.subscriptions(pushed)


@pytest.mark.parametrize("body", ["{}", "null", "1", '{"Items": {}}', "<html>"])
def test_an_answer_that_is_no_page(pushed, twocheckout, body):
    twocheckout.fail(Fault(200, body))
    with pytest.raises(UnreadableAnswer):
        sync.subscriptions(pushed)


def test_a_failure_on_the_way(pushed, twocheckout):
    twocheckout.fail("503")
    with pytest.raises(ServerFailed):
        sync.subscriptions(pushed)


def test_a_customer_who_is_not_there_yet(ada, twocheckout):
    with pytest.raises(NotFound):
        sync.subscriptions(ada)
    assert twocheckout.requests == []


def test_nothing_is_sent_while_sending_is_off(pushed, twocheckout, configure):
    configure(ENABLED=False)
    with pytest.raises(SendingDisabled):
        sync.subscriptions(pushed)
    configure(ENABLED=True, MERCHANT_CODE="ANOTHER")
    with pytest.raises(AnotherMerchantCode):
        sync.subscriptions(pushed)
    assert twocheckout.requests == []
