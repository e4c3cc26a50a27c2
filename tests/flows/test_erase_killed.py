"""An erasure survives a kill -9 at each step: before and after each statement, and before and after each request."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from django_twocheckout import sync
from django_twocheckout.models import Ask, Attempt, Customer, Erasure, Notification

from ..admin_log import log_change, log_entries
from ..clock import asks_come_due, leases_expire
from ..customers import ADA, change
from ..killed import Killed, killed_after
from ..shop.models import Order

SECRETS = ("Ada", "Lovelace", "St James", "ada@example.org", "+44 20")


@pytest.fixture
def new_customer(twocheckout):
    """Makes a customer that both sides have, with a card, an entry in the admin's log, and a notification."""

    def make() -> Customer:
        customer = Customer.objects.create(**ADA, phone="+44 20 7946 0000")
        sync.push(customer)
        twocheckout.add_card(customer.customer_reference)
        log_change(customer)
        Notification.objects.create(kind="lcn", outcome="unknown", customer_reference=customer.customer_reference)
        twocheckout.requests.clear()
        return customer

    return make


def sweep_until_done() -> None:
    for _ in range(6):
        if not Erasure.objects.under_way("default").exists():
            break
        leases_expire()
        asks_come_due()
        sync.sweep()


def is_erased(customer: Customer, vendor, heard) -> None:
    """On both sides, and told. Nothing was made twice."""
    Erasure.objects.update(ended_at=timezone.now() - timedelta(hours=1))
    sync.sweep()
    assert {facts["pk"] for name, facts in heard if name == "customer_erased"} == {customer.pk}
    heard.clear()
    erasure = Erasure.objects.get(customer=customer.pk)
    assert (erasure.state, erasure.announced) == ("erased", True), erasure.words
    assert not Customer.objects.exists()
    assert not Attempt.objects.exists()
    assert not Ask.objects.exists()
    assert not Notification.objects.filter(customer_reference=customer.customer_reference).exists()
    assert log_entries(customer.pk) == {("(erased)", "")}
    [theirs] = vendor.customers
    assert (theirs["CustomerReference"], theirs["FirstName"]) == (customer.customer_reference, "Erased")
    assert theirs["ExternalCustomerReference"] == customer.external_customer_reference
    assert not any(secret in str(theirs) for secret in SECRETS)
    assert vendor.cards(customer.customer_reference) == []
    assert "POST" not in [request.method for request in vendor.requests]


def kill_at_each_step(make, check, monkeypatch, *, stride: int = 1) -> int:
    """Erase what *make* made, each time killed some steps later, and let *check* what became of it after some sweeps.

    Returns the number of steps of a whole run.
    """
    ended, number = False, 0
    while not ended:
        customer = make()
        with killed_after(number, monkeypatch) as steps:
            try:
                sync.erase(customer)
                sync.sweep()
                ended = True
            except Killed:
                pass
        if not Erasure.objects.exists():  # killed before it was begun, so it is asked for once more
            sync.erase(Customer.objects.get())
        sweep_until_done()
        check(customer)
        Order.objects.all().delete()
        Customer.objects.all().delete()
        Erasure.objects.all().delete()
        number += stride
    return steps.taken


@pytest.mark.timeout(300)
@pytest.mark.django_db(transaction=True)
def test_killed_at_each_step(new_customer, twocheckout, heard, monkeypatch):
    def check(customer):
        is_erased(customer, twocheckout, heard)
        twocheckout.forget(customer.customer_reference)

    assert kill_at_each_step(new_customer, check, monkeypatch) > 100


@pytest.mark.timeout(300)
@pytest.mark.django_db(transaction=True)
def test_killed_at_each_step__its_create_is_in_doubt(new_customer, twocheckout, heard, monkeypatch):
    """It was sent, and the answer got lost."""

    def make():
        customer = new_customer()
        values = {name: getattr(customer, name) for name in Customer.PUSHED_FIELDS}
        unknown = {"customer_reference": None, "acknowledged": {}, "in_doubt": [values], "sync_state": "pending"}
        Customer.objects.update_unmarked(**unknown)
        return customer

    def check(customer):
        is_erased(customer, twocheckout, heard)
        twocheckout.forget(customer.customer_reference)

    assert kill_at_each_step(make, check, monkeypatch, stride=4) > 100


@pytest.mark.timeout(300)
@pytest.mark.django_db(transaction=True)
def test_killed_at_each_step__the_project_protects_the_row(new_customer, twocheckout, monkeypatch):
    def make():
        customer = new_customer()
        Order.objects.create(customer=customer)
        return customer

    def check(customer):
        row = Customer.objects.get()
        assert (row.erased, row.email, row.customer_reference, row.acknowledged) == (True, "", None, {})
        assert Erasure.objects.get().state == "erased"
        assert not Ask.objects.exists()
        assert twocheckout.customer(customer.customer_reference)["FirstName"] == "Erased"
        twocheckout.forget(customer.customer_reference)

    assert kill_at_each_step(make, check, monkeypatch, stride=7) > 100


@pytest.mark.timeout(300)
@pytest.mark.django_db(transaction=True)
def test_killed_at_each_step__refused_by_the_worker(new_customer, twocheckout, monkeypatch):
    """The row is as before, and can be written and pushed again."""

    def make():
        customer = new_customer()
        twocheckout.edit(customer.customer_reference, Enabled=True)
        return customer

    def check(customer):
        assert Erasure.objects.get().state == "refused"
        row = Customer.objects.get()
        assert (row.erased, row.first_name, Ask.objects.exists()) == (False, "Ada", False)
        change(row, city="Bath")
        leases_expire()
        sync.sweep()
        theirs = twocheckout.customer(customer.customer_reference)
        assert (theirs["FirstName"], theirs["City"]) == ("Ada", "Bath")
        twocheckout.forget(customer.customer_reference)

    assert kill_at_each_step(make, check, monkeypatch, stride=7) > 60


@pytest.mark.django_db(transaction=True)
def test_killed_in_the_worst_order(new_customer, twocheckout, heard, monkeypatch):
    """The placeholders are there, the worker is killed before it writes that, and 2Checkout is down for a while."""
    customer = new_customer()
    sync.erase(customer)
    with monkeypatch.context() as patch:
        patch.setattr("django_twocheckout.engine.batch.erase_row.finish", lambda settled: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            sync.sweep()
    assert twocheckout.customers[0]["FirstName"] == "Erased"
    assert Customer.objects.get().first_name == "Ada"
    with twocheckout.outage("503"):
        leases_expire()
        asks_come_due()
        sync.sweep()
    sync.resume()
    twocheckout.requests.clear()
    sweep_until_done()
    is_erased(customer, twocheckout, heard)
    assert "PUT" not in [request.method for request in twocheckout.requests]
