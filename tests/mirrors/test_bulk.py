"""Bulk writes and related rows: marked at once, mirrored by the sweep."""

from __future__ import annotations

import threading

import pytest
from django.core import serializers
from django.db import IntegrityError, connection, transaction

from django_twocheckout import sync
from django_twocheckout.mirrors import refresh
from django_twocheckout.mirrors.portions import apply_due
from django_twocheckout.models import Customer, MirrorMark

from ..shop.models import Buyer, Guest, Login, Subscriber
from .people import COMPLETE


def people(count):
    return [Buyer(**{**COMPLETE, "email": f"{number}@example.org"}) for number in range(count)]


@pytest.fixture
def buyers(db):
    Buyer.objects.bulk_create(people(5))
    apply_due("default")
    assert not MirrorMark.objects.exists()
    return list(Buyer.objects.order_by("pk"))


def test_bulk_create(db):
    Buyer.objects.bulk_create(people(450))
    assert not Customer.objects.exists()
    done = apply_due("default")
    assert (done.made, done.changed, done.failed) == (450, 0, {})
    assert not MirrorMark.objects.exists()
    for buyer in Buyer.objects.select_related("customer"):
        assert buyer.customer.email == buyer.email
        assert buyer.customer.mirror_of == f"shop.buyer:{buyer.pk}"


def test_update(buyers):
    assert Buyer.objects.filter(city="London", pk__gt=buyers[1].pk).update(city="Paris") == 3
    assert MirrorMark.objects.count() == 3
    assert apply_due("default").changed == 3
    assert Customer.objects.filter(city="Paris").count() == 3


def test_bulk_update(buyers):
    for buyer in buyers[:2]:
        buyer.city = "Paris"
    Buyer.objects.bulk_update(buyers[:2], ["city"], batch_size=1)
    assert MirrorMark.objects.count() == 2
    apply_due("default")
    assert Customer.objects.filter(city="Paris").count() == 2


def test_update_conflicts(buyers):
    if not connection.features.supports_update_conflicts_with_target:
        pytest.skip("This database names no columns in a conflict.")
    for buyer in buyers:
        buyer.city = "Paris"
    Buyer.objects.bulk_create(buyers, update_conflicts=True, update_fields=["city"], unique_fields=["id"])
    apply_due("default")
    assert Customer.objects.filter(city="Paris").count() == 5
    assert Customer.objects.count() == 5


def test_without_keys_of_what_was_inserted(buyers):
    """As with ``ignore_conflicts``, and on databases that tell no keys."""
    Buyer.objects.bulk_create(people(3), ignore_conflicts=True)
    assert MirrorMark.objects.count() == 3
    assert apply_due("default").made == 3


def test_update_or_create_is_a_save(buyers):
    Buyer.objects.update_or_create(pk=buyers[0].pk, defaults={"city": "Paris"})
    assert Customer.objects.filter(city="Paris").count() == 1


def test_a_model_without_a_mirror(db):
    Guest.objects.bulk_create([Guest(email="ada@example.org")])
    Guest.objects.update(email="b@example.org")
    assert not MirrorMark.objects.exists()


@pytest.mark.django_db
def test_keys_that_are_no_numbers(guests_mirrored):
    Guest.objects.bulk_create([Guest(email="ada@example.org"), Guest(email="b@example.org")])
    apply_due("default")
    Guest.objects.update(email="c@example.org")
    assert apply_due("default").changed == 2


def test_a_child_with_a_key_of_its_own(db):
    child = Subscriber.objects.create(number="S-1", **COMPLETE)
    Subscriber.objects.update(city="Paris")  # by the manager of its parent
    refresh(Subscriber.objects.all())
    assert {mark.object_key for mark in MirrorMark.objects.all()} == {str(child.buyer_id)}
    assert apply_due("default").changed == 1


def test_refresh_after_a_related_row_changed(buyers):
    user = Login.objects.create(email="ada@example.org")
    Buyer.objects.filter(pk=buyers[0].pk).update(user=user)
    sync.sweep()
    user.email = "new@example.org"
    user.save()
    refresh(Buyer.objects.filter(user=user))
    refresh(Buyer.objects.filter(user=user))
    assert apply_due("default").changed == 1
    assert Customer.objects.filter(email="new@example.org").count() == 1


def test_refresh_a_part(buyers):
    refresh(Buyer.objects.order_by("-pk")[:2])
    assert {mark.object_key for mark in MirrorMark.objects.all()} == {str(buyer.pk) for buyer in buyers[-2:]}


def test_refresh_without_a_mirror(db):
    with pytest.raises(ValueError, match="Guest has no mirror"):
        refresh(Guest.objects.all())


@pytest.mark.django_db(transaction=True)
def test_marks_are_committed_with_what_they_tell_of(sent):
    Buyer.objects.bulk_create(people(2))
    assert sent
    MirrorMark.objects.all().delete()
    with transaction.atomic():
        Buyer.objects.update(city="Paris")
        refresh(Buyer.objects.all())
        transaction.set_rollback(True)
    assert not MirrorMark.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_refused_bulk_write_marks_nothing(db):
    [buyer, other] = Buyer.objects.bulk_create(people(2))
    customer = Customer.objects.create()
    MirrorMark.objects.all().delete()
    Buyer.objects.filter(pk=buyer.pk).update(customer=customer)
    MirrorMark.objects.all().delete()
    with pytest.raises(IntegrityError):
        Buyer.objects.filter(pk=other.pk).update(customer=customer)
    assert not MirrorMark.objects.exists()


def test_a_fixture_is_marked_only(db):
    text = serializers.serialize("json", people(1))
    [read] = serializers.deserialize("json", text)
    read.save()
    assert not Customer.objects.exists()
    assert apply_due("default").made == 1


def test_the_sweep_mirrors_and_pushes(db, twocheckout):
    Buyer.objects.bulk_create(people(3))
    sync.sweep()
    assert len(twocheckout.customers) == 3
    Buyer.objects.update(city="Paris")
    sync.sweep()
    assert {customer["City"] for customer in twocheckout.customers} == {"Paris"}


@pytest.mark.django_db(transaction=True)
def test_what_the_project_has_locked_waits():
    if not connection.features.has_select_for_update_skip_locked:
        pytest.skip("This database passes over no locked rows.")
    Buyer.objects.bulk_create(people(3))
    apply_due("default")
    buyers = list(Buyer.objects.order_by("pk"))
    held, release = threading.Event(), threading.Event()

    def hold():
        try:
            with transaction.atomic():
                Buyer.objects.select_for_update().get(pk=buyers[0].pk)
                Customer.objects.select_for_update().get(pk=buyers[1].customer_id)
                held.set()
                release.wait(20)
        finally:
            connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert held.wait(20)
        with transaction.atomic():
            Buyer._base_manager.filter(pk__gt=buyers[1].pk).update(city="Paris")
            refresh(Buyer.objects.all())
        done = apply_due("default")
        assert sorted(done.busy) == [buyers[0].pk, buyers[1].pk]
        assert done.changed == 1
        refresh(Buyer.objects.all())  # waits for nothing
    finally:
        release.set()
        thread.join()
    MirrorMark.objects.update(due_at="2000-01-01T00:00:00Z")
    assert not apply_due("default").busy
    assert not MirrorMark.objects.exists()


def test_a_restored_dump_changes_nothing(buyers, twocheckout):
    sync.sweep()
    twocheckout.edit(Customer.objects.order_by("pk")[0].customer_reference, City="Dover")
    sync.pull(Customer.objects.order_by("pk")[0])
    rows = [*Customer.objects.order_by("pk"), *Buyer.objects.order_by("pk")]
    text = serializers.serialize("json", rows)
    Buyer.objects.all().delete()
    Customer.objects.all().delete()
    for read in serializers.deserialize("json", text):
        read.save()
    twocheckout.requests.clear()
    done = apply_due("default")
    assert (done.made, done.changed) == (0, 0)
    assert sorted(Customer.objects.values_list("city", flat=True)) == ["Dover", *["London"] * 4]
    sync.sweep()
    assert len(twocheckout.customers) == 5
    assert not any(request.method == "PUT" for request in twocheckout.requests)
