"""Saves and sweeps of one object at the same time: one customer, with the last values."""

from __future__ import annotations

import threading

import pytest
from django.db import close_old_connections, connection, connections

from django_twocheckout.mirrors import refresh
from django_twocheckout.mirrors.portions import apply_all, apply_due
from django_twocheckout.models import Customer, MirrorMark

from ..shop.models import Buyer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _a_server():
    if not connection.features.has_select_for_update:
        pytest.skip("This database has one writer at a time.")


def together(*acts):
    """Run these in threads that begin at once. Returns their errors."""
    start, errors = threading.Barrier(len(acts)), []

    def run(act):
        close_old_connections()
        try:
            start.wait(20)
            act()
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


@pytest.mark.parametrize("attempt", range(5))
def test_one_object_is_one_customer(attempt):
    pk = Buyer.objects.create(name="Ada").pk
    Buyer._base_manager.update(email="ada@example.org")
    stale = [Buyer.objects.get(pk=pk) for _ in range(6)]
    refresh(Buyer.objects.all())
    sweeps = [lambda: apply_due("default"), lambda: apply_all("default")]
    assert together(*(buyer.save for buyer in stale), *sweeps) == []
    apply_due("default")
    assert Buyer.objects.get().customer == Customer.objects.get()


def test_the_last_value_wins():
    buyer = Buyer.objects.create(name="Ada", email="ada@example.org")

    def write(number):
        for step in range(10):
            loaded = Buyer.objects.get(pk=buyer.pk)
            loaded.city = f"{number}-{step}"
            loaded.save()

    def write_in_bulk():
        for step in range(10):
            Buyer.objects.filter(pk=buyer.pk).update(city=f"bulk-{step}")

    def sweep():
        for _ in range(10):
            apply_due("default")

    assert together(lambda: write(1), lambda: write(2), write_in_bulk, sweep, sweep) == []
    MirrorMark.objects.update(due_at="2000-01-01T00:00:00Z")  # those that were busy
    apply_due("default")
    assert Customer.objects.get().city == Buyer.objects.get().city
    assert not MirrorMark.objects.exists()
