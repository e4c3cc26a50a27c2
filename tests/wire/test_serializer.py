from __future__ import annotations

from decimal import Decimal

from django_twocheckout.models import Customer
from django_twocheckout.wire import (
    CustomerInformationSerializer,
    to_wire,
)

from ..customers import ADA


def test_every_pushed_field_has_its_place_in_the_wire_format():
    sources = {field.source for field in CustomerInformationSerializer().fields.values()}

    assert sources >= Customer.PUSHED_FIELDS
    assert len(to_wire(vars(Customer()))) == len(Customer.PUSHED_FIELDS) == 15


def test_data__is_the_whole_object():
    cards = [{"type": "Visa", "last_digits": "1111", "expiry": "12/2029"}]
    customer = Customer(**ADA, customer_reference="1", existing_cards=cards, credit_limit=Decimal("5.50"))

    data = CustomerInformationSerializer(customer).data

    assert data["CustomerReference"] == "1"
    assert data["ExistingCards"] == [{"CardType": "Visa", "LastDigits": "1111", "Expiry": "12/2029"}]
    assert data["Credit"] == {"Limit": 5.5, "Remaining": None, "Currency": ""}
