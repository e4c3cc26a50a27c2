"""Customers for the tests, their changes as a project makes them, and their claims as a worker makes them."""

from __future__ import annotations

from typing import Any

from django_twocheckout.engine import claims
from django_twocheckout.engine.records import Claim
from django_twocheckout.models import Customer, Verb

#: A complete customer.
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

#: A complete customer as 2Checkout has it.
GRACE = {
    "ExternalCustomerReference": "shop-7",
    "FirstName": "Grace",
    "LastName": "Hopper",
    "Address1": "1 Navy Yard",
    "City": "Arlington",
    "Zip": "22201",
    "CountryCode": "US",
    "Email": "grace@example.org",
    "Language": "en",
    "Enabled": True,
    "Credit": {"Limit": 10, "Remaining": 4.5, "Currency": "EUR"},
}


def change(customer: Customer, **values: Any) -> None:
    """Assign these values and save, as a project does."""
    for name, value in values.items():
        setattr(customer, name, value)
    customer.save()


def claim_of(customer: Customer, verb: Verb = Verb.PUSH) -> Claim | None:
    """Claim the row as a worker does; None if another one has."""
    return next(iter(claims.claim(Customer.objects.filter(pk=customer.pk), verb)), None)
