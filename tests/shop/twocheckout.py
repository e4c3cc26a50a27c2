"""The shop's mirrors, as a project has them."""

from __future__ import annotations

from django_twocheckout import mirrors

from .models import Buyer, Patron


@mirrors.register(Buyer, link="customer", select_related=["user"])
def customer_fields(buyer: Buyer) -> mirrors.CustomerFields | None:
    if not buyer.email and buyer.user is None:
        return None
    first, _space, last = buyer.name.rpartition(" ")
    return {
        "first_name": first,
        "last_name": last,
        "email": buyer.user.email if buyer.user else buyer.email,
        "address1": "12 St James Square",
        "city": buyer.city,
        "zip": "SW1Y 4JH",
        "country_code": "gb",
    }


@mirrors.register(Patron, link="customer")
def patron_fields(patron: Patron) -> mirrors.CustomerFields | None:
    return {
        "account": patron.merchant,
        "first_name": patron.first_name,
        "last_name": patron.last_name,
        "company": patron.company,
        "fiscal_code": patron.fiscal_code,
        "address1": patron.address1,
        "address2": patron.address2,
        "city": patron.city,
        "state": patron.state,
        "zip": patron.zip,
        "country_code": patron.country_code,
        "phone": patron.phone,
        "fax": patron.fax,
        "email": patron.email,
        "language": patron.language,
    }
