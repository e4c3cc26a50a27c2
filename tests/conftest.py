from __future__ import annotations

import pytest

from django_twocheckout.models import Customer

pytest_plugins = ["django_twocheckout.testing.plugin"]

ADA = {
    "first_name": "Ada",
    "last_name": "Lovelace",
    "address1": "12 St James Square",
    "city": "London",
    "zip": "SW1Y 4JH",
    "country_code": "GB",
    "email": "ada@example.org",
    "language": "en",
}


@pytest.fixture
def ada(db) -> Customer:
    """A customer that is complete, saved, and not pushed yet."""
    return Customer.objects.create(**ADA)
