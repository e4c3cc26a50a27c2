from __future__ import annotations

import pytest

from django_twocheckout.reporters import without_addresses

ADDRESS = "https://api.2checkout.com/rest/6.0/customers/601952421/credit-card/t0ken?a=b"


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (ADDRESS, "https://api.2checkout.com/rest/6.0/customers/…"),
        (f"DELETE {ADDRESS}", "DELETE https://api.2checkout.com/rest/6.0/customers/…"),
        (f"GET '{ADDRESS}' failed", "GET 'https://api.2checkout.com/rest/6.0/customers/…' failed"),
        ({"data": {"url": ADDRESS}}, {"data": {"url": "https://api.2checkout.com/rest/6.0/customers/…"}}),
        ([{"values": [ADDRESS]}], [{"values": ["https://api.2checkout.com/rest/6.0/customers/…"]}]),
        ({"http.query": "ssotoken=t0ken&a=b"}, {"http.query": "ssotoken=…&a=b"}),
        ("https://shop.example/customers/17/edit/", "https://shop.example/customers/17/edit/"),
        ({"status": 200, "level": None, "tags": ("a",)}, {"status": 200, "level": None, "tags": ("a",)}),
    ],
)
@pytest.mark.parametrize("base_url", ["https://api.2checkout.com/rest/6.0/", "https://api.2checkout.com/rest/6.0", 17])
def test_without_addresses(configure, base_url, report, expected):
    configure(BASE_URL=base_url)
    assert without_addresses(report, {"hint": 1}) == expected


def test_without_addresses__leaves_the_original(configure):
    configure(BASE_URL="https://api.2checkout.com/rest/6.0/")
    report = {"data": {"url": ADDRESS}}
    without_addresses(report)
    assert report == {"data": {"url": ADDRESS}}
