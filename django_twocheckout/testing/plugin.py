"""A pytest plugin: the fixture ``twocheckout`` serves a fake vendor and points the settings at it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .vendor import FakeTwoCheckout


@pytest.fixture
def twocheckout(settings: Any) -> Iterator[FakeTwoCheckout]:
    """A fresh fake 2Checkout for this test, reached through the project's settings. Needs pytest-django."""
    with FakeTwoCheckout().serve() as vendor:
        settings.TWOCHECKOUT = {
            **(getattr(settings, "TWOCHECKOUT", None) or {}),
            "BASE_URL": vendor.url,
            "MERCHANT_CODE": vendor.merchant_code,
            "SECRET_KEY": vendor.secret_key,
        }
        yield vendor
