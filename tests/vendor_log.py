"""What the fake vendor was asked."""

from __future__ import annotations

from typing import Any

from django_twocheckout.testing import FakeTwoCheckout


def methods(vendor: FakeTwoCheckout) -> list[str]:
    """The methods of all requests, in their order."""
    return [request.method for request in vendor.requests]


def put_bodies(vendor: FakeTwoCheckout) -> list[Any]:
    """The bodies of all updates, in their order."""
    return [request.body for request in vendor.requests if request.method == "PUT"]
