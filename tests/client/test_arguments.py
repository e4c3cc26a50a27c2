"""What the client takes and refuses, before anything is sent."""

from __future__ import annotations

import pytest

from django_twocheckout.client import TwoCheckoutClient
from django_twocheckout.exceptions import NotSent
from django_twocheckout.testing import FakeTwoCheckout

from .data import BASE, CREDENTIALS


@pytest.mark.parametrize(
    "arguments",
    [
        {"base_url": "http://api.2checkout.com/rest/6.0/"},
        {"base_url": "http://127.0.0.1.example.org/"},
        {"base_url": "http://localhost.example.org/"},
        {"base_url": "ftp://api.2checkout.com/"},
        {"base_url": "api.2checkout.com/rest/6.0/"},
        {"base_url": "https://user:pass@api.2checkout.com/"},
        {"base_url": "https://api.2checkout.com/?a=b"},
        {"base_url": "https://[broken/"},
        {"base_url": "https://api.2checkout.com:port/"},
        {"base_url": ""},
        {"base_url": None},
        {"base_url": 5},
        {"hash_algorithm": "md5"},
        {"hash_algorithm": "sha3_256"},
        {"hash_algorithm": ["sha256"]},
        {"merchant_code": ""},
        {"merchant_code": 'a"b'},
        {"merchant_code": "a\nb"},
        {"merchant_code": "ключ"},
        {"merchant_code": "MÜNCHEN"},
        {"merchant_code": 250111206876},
        {"secret_key": "abc\n"},
        {"secret_key": ""},
        {"timeout": 0},
        {"timeout": None},
        {"timeout": True},
        {"timeout": (1, -1)},
        {"timeout": (1, 2, 3)},
        {"timeout": {}},
        {"timeout": float("inf")},
    ],
)
def test_arguments__refused(arguments):
    with pytest.raises(ValueError, match=r"must|not an address"):
        TwoCheckoutClient(**{**CREDENTIALS, **arguments})


@pytest.mark.parametrize("base_url", ["http://localhost:8600/", "http://127.0.0.1/x", "http://[::1]:1/", BASE[:-1]])
def test_arguments__taken(base_url):
    assert TwoCheckoutClient(**CREDENTIALS, base_url=base_url).base_url.endswith("/")


def test_repr__has_no_secret(client):
    assert "SECRET_KEY" not in repr(client) + str(vars(client))


def test_long_setting__does_not_come_back_whole():
    with pytest.raises(ValueError, match="must be one of") as caught:
        TwoCheckoutClient(**CREDENTIALS, hash_algorithm="x" * 1_000_000)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("reference", "sent"),
    [
        ("a/b", "a%2Fb"),
        ("a?b=c", "a%3Fb%3Dc"),
        ("a#b", "a%23b"),
        ("%2e%2e", "%252e%252e"),
        ("../../secrets", "..%2F..%2Fsecrets"),
        ("https://example.org/", "https%3A%2F%2Fexample.org%2F"),
        ("//example.org", "%2F%2Fexample.org"),
        ("jürgen@example.org", "j%C3%BCrgen%40example.org"),
        ("a b+c", "a%20b%2Bc"),
        ("a;b", "a%3Bb"),
        ("...", "..."),
    ],
)
def test_reference__is_one_segment_of_the_path(reference, sent, twocheckout):
    client = TwoCheckoutClient(**CREDENTIALS, base_url=twocheckout.url)
    twocheckout.add_customer(ExternalCustomerReference=reference, FirstName="Ada")

    assert client.retrieve_customer(reference)["ExternalCustomerReference"] == reference
    assert twocheckout.requests[0].path == f"/rest/6.0/customers/{sent}/"


@pytest.mark.parametrize(
    "reference", ["", ".", "..", "\ud800", None, "x" * 1_000_000], ids=lambda value: str(value)[:9]
)
def test_reference__that_cannot_be_addressed(client, reference):
    with pytest.raises(NotSent) as caught:
        client.retrieve_customer(reference)
    assert len(str(caught.value)) < 200
    with pytest.raises(NotSent):
        client.delete_card("1", reference)


@pytest.mark.parametrize("value", [float("nan"), object(), "\ud800"])
def test_information__that_cannot_be_written(client, value):
    with pytest.raises(NotSent):
        client.create_customer({"FirstName": value})


def test_fake_vendor__takes_no_code_that_cannot_stand_in_a_header():
    with pytest.raises(ValueError, match="ASCII"):
        FakeTwoCheckout(merchant_code="MÜNCHEN")
