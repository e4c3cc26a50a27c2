from __future__ import annotations

from datetime import date

import pytest

from django_twocheckout.wire import Subscription, customer_of, parse_subscription

# https://docs.2checkout.com/api-reference/reference/subscription, in part.
DOCUMENTED = {
    "SubscriptionReference": "4F6A1B2C3D",
    "StartDate": "2026-01-16",
    "ExpirationDate": "2027-01-16",
    "RecurringEnabled": True,
    "SubscriptionEnabled": True,
    "AvangateCustomerReference": 601952421,
    "ExternalCustomerReference": None,
    "Product": {"ProductCode": "PLAN-1", "ProductId": 4711, "ProductName": "Yearly plan", "ProductQuantity": 1},
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Subscription("4F6A1B2C3D", "Yearly plan", "enabled", date(2027, 1, 16), True)),
        ({"Product": None}, Subscription("4F6A1B2C3D", "", "enabled", date(2027, 1, 16), True)),
        ({"Product": "x"}, Subscription("4F6A1B2C3D", "", "enabled", date(2027, 1, 16), True)),
        ({"Product": {"ProductCode": "P"}}, Subscription("4F6A1B2C3D", "P", "enabled", date(2027, 1, 16), True)),
        ({"ExpirationDate": "2027-01-16 10:20:30"}, parse_subscription(DOCUMENTED)),
        ({"ExpirationDate": ""}, Subscription("4F6A1B2C3D", "Yearly plan", "enabled", None, True)),
        ({"ExpirationDate": "0000-00-00"}, Subscription("4F6A1B2C3D", "Yearly plan", "enabled", None, True)),
        ({"SubscriptionEnabled": "1", "RecurringEnabled": "true"}, parse_subscription(DOCUMENTED)),
        (
            {"SubscriptionEnabled": None, "RecurringEnabled": None},
            Subscription("4F6A1B2C3D", "Yearly plan", "", date(2027, 1, 16), None),
        ),
        ({"Status": "PASTDUE"}, Subscription("4F6A1B2C3D", "Yearly plan", "PASTDUE", date(2027, 1, 16), True)),
        (
            {"SubscriptionReference": 5, "Product": {"ProductName": "a\x00b" + "c" * 500}},
            Subscription("5", "ab" + "c" * 198, "enabled", date(2027, 1, 16), True),
        ),
    ],
)
def test_parse(changes, expected):
    assert parse_subscription({**DOCUMENTED, **changes}) == expected


def test_parse__nothing():
    assert parse_subscription({}) == Subscription("")


@pytest.mark.parametrize(
    ("item", "reference"),
    [
        (DOCUMENTED, "601952421"),
        ({"CustomerReference": "601952421"}, "601952421"),
        ({"AvangateCustomerReference": None}, ""),
        ({"AvangateCustomerReference": True}, ""),
        ({}, ""),
    ],
)
def test_customer_of(item, reference):
    assert customer_of(item) == reference
