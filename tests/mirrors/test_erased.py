"""An erased customer stays erased, whatever its object says afterwards."""

from __future__ import annotations

from django_twocheckout import mirrors, sync
from django_twocheckout.models import Customer

from ..shop.models import Buyer


def test_no_save_of_the_object_brings_the_person_back(buyer, twocheckout, marked):
    sync.push(buyer.customer)
    sync.erase(buyer.customer)
    buyer.city = "Paris"
    buyer.save()  # while it is being erased
    sync.sweep()
    buyer = Buyer.objects.get()
    buyer.city = "Lyon"
    buyer.save()
    mirrors.refresh(Buyer.objects.all())
    sync.sweep()
    row = Customer.objects.get()
    assert (row.erased, row.first_name, row.city, row.mirrored) == (True, "", "", {})
    assert [customer["FirstName"] for customer in twocheckout.customers] == ["Erased"]
    assert marked() == []
