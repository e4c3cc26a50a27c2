from __future__ import annotations

import pytest

from django_twocheckout import sync
from django_twocheckout.exceptions import NotFound
from django_twocheckout.kit import customer_values, failed_customer, gone_customer, synced_customer
from django_twocheckout.models import Customer
from django_twocheckout.testing import Fault

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


def test_customer_values__2checkout_takes_them__each_another_one(db, twocheckout):
    first, second = (Customer.objects.create(**customer_values(city="Bath")) for _ in range(2))
    first.full_clean()
    assert first.email != second.email
    assert (sync.push(first).sync_state, sync.push(second).sync_state) == ("synced", "synced")
    assert {customer["City"] for customer in twocheckout.customers} == {"Bath"}


def test_synced_customer__without_values_is_complete(db, twocheckout):
    ada = synced_customer(twocheckout)
    ada.full_clean()
    twocheckout.assert_pushed(ada)


STATE = ("sync_state", "error_code", "presence", "failed_attempts", "customer_reference", "acknowledged", "in_doubt")


def test_failed_customer__is_as_a_refused_one(db, twocheckout):
    twocheckout.fail(Fault(400, '{"error_code": "INVALID_EMAIL", "message": "Email is not valid"}'))
    refused = sync.push(Customer.objects.create(**customer_values()))
    made = failed_customer()
    assert [getattr(made, name) for name in STATE] == [getattr(refused, name) for name in STATE]
    assert made.failing_since is not None
    assert made.sync_error.split(" (")[0] == refused.sync_error.split(" (")[0]
    made.city = "Bath"
    made.save()
    assert sync.push(made).sync_state == "synced"


def test_gone_customer__is_as_one_that_2checkout_lost(db, twocheckout):
    lost = synced_customer(twocheckout)
    twocheckout.forget(lost.customer_reference)
    with pytest.raises(NotFound):
        sync.pull(lost)
    made = gone_customer()
    lost.refresh_from_db()
    names = [name for name in STATE if name not in ("acknowledged", "customer_reference", "error_code")]
    assert [getattr(made, name) for name in names] == [getattr(lost, name) for name in names]


def test_kit__wakes_no_worker(transactional_db, sent):
    for make in (synced_customer, failed_customer, gone_customer):
        make()
    assert sent == []


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
