from __future__ import annotations

import pytest

from django_twocheckout import sync
from django_twocheckout.kit import synced_customer
from django_twocheckout.models import Customer

from .customers import ADA, change
from .vendor_log import methods


def test_synced_customer(db, twocheckout):
    first, second = synced_customer(**ADA), synced_customer(**ADA)
    assert (first.sync_state, Customer.objects.get(pk=first.pk).sync_state) == ("synced", "synced")
    assert first.customer_reference != second.customer_reference
    assert sync.push_pending().tried == 0
    assert twocheckout.requests == []


def test_synced_customer__with_the_vendor(db, twocheckout):
    ada = synced_customer(twocheckout, **ADA)
    sync.pull(ada)
    assert sync.push(ada).sync_state == "synced"
    change(ada, city="Paris")
    sync.push(ada)
    assert [customer["City"] for customer in twocheckout.customers] == ["Paris"]
    assert methods(twocheckout) == ["GET", "GET", "PUT"]


STATES = [
    {"sync_state": "synced"},
    {"sync_state": "synced", "customer_reference": "1"},
    {"sync_state": "synced", "customer_reference": "1", "acknowledged": {"city": "Rome"}},
    {"sync_state": "failed", "failed_attempts": 7, "lease": "mine"},
]


@pytest.mark.parametrize(
    "made", [Customer.objects.create, lambda **values: Customer.objects.bulk_create([Customer(**values)])]
)
@pytest.mark.parametrize("state", STATES)
def test_a_new_row__is_pending_whatever_state_it_brings(db, made, state):
    made(**ADA, **state)
    row = Customer.objects.get()
    assert (row.sync_state, row.failed_attempts, row.lease) == ("pending", 0, "")
    assert row.customer_reference == state.get("customer_reference")
    assert row.acknowledged == state.get("acknowledged", {})
