"""The shop's mirror, as a project has it."""

from __future__ import annotations

from django_twocheckout import mirrors

from .models import Buyer


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
