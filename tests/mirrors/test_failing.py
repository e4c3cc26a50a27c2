"""A mirror that fails: the project's save goes on, the object is marked with words, and tried again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import checks
from django.db import OperationalError, connection, models, transaction
from django.db.models.signals import post_save
from django.utils import timezone

from django_twocheckout import mirrors
from django_twocheckout.mirrors.overview import overview
from django_twocheckout.mirrors.portions import PORTION, apply_due
from django_twocheckout.models import Account, Customer, MirrorMark

from ..shop.models import Buyer, Guest, Order
from .people import COMPLETE


def raises(buyer):
    if buyer.name.startswith("Bad"):
        raise LookupError(buyer.email)
    return {"email": buyer.email, "last_name": buyer.name}


def at(moment):
    MirrorMark.objects.update(due_at=moment)


def test_the_save_goes_on_and_is_told(db, mirror_with, marked, caplog):
    mirror_with(raises)
    bad, good = Buyer.objects.create(name="Bad", email="b@example.org"), Buyer.objects.create(**COMPLETE)
    assert Buyer.objects.count() == 2
    assert bad.customer_id is None
    assert good.customer_id
    assert marked() == [(str(bad.pk), "tests.mirrors.test_failing.raises failed with LookupError.")]
    assert "LookupError" in caplog.text
    assert "test_failing.py" in caplog.text
    assert "b@example.org" not in caplog.text


def test_tried_again_later_and_later(db, mirror_with, marked):
    mirror_with(raises)
    bad = Buyer.objects.create(name="Bad", email="b@example.org")
    for attempt in range(1, 4):
        assert apply_due("default").failed == {bad.pk: marked()[0][1]}
        [mark] = MirrorMark.objects.all()
        assert mark.failed_attempts == attempt
        assert mark.due_at > timezone.now() + timedelta(seconds=50 * 2 ** (attempt - 1))
        assert not apply_due("default").failed
        at(timezone.now() - timedelta(seconds=5))
    Buyer._base_manager.update(name="Good")
    assert apply_due("default").made == 1
    assert marked() == []


def test_one_of_a_portion(db, mirror_with):
    mirror_with(raises)
    Buyer.objects.bulk_create([Buyer(name=name, email="b@example.org") for name in ["Good", "Bad", "Better"]])
    done = apply_due("default")
    assert (done.made, len(done.failed)) == (2, 1)


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        ({"nickname": "x"}, "It returned a field that is none of CustomerFields"),
        ({"sync_state": "synced"}, "It returned a field that is none of CustomerFields"),
        (["email"], "It must return a dictionary of a customer's fields, or None"),
        ({"last_name": "x" * 256}, "Its last_name is longer than 255 characters"),
        ({"last_name": "a\0b"}, "Its last_name has a character that cannot be stored"),
        ({"last_name": models.F("name")}, "Its last_name is no text"),
        ({"last_name": str.upper}, "Its last_name is no text"),
    ],
)
def test_what_no_customer_can_be_given(db, mirror_with, marked, returned, words):
    mirror_with(lambda buyer: returned)
    Buyer.objects.create(**COMPLETE)
    assert marked()[0][1].endswith(f": {words}.")
    assert not Customer.objects.exists()


def test_values_of_any_kind_become_texts(db, mirror_with):
    mirror_with(lambda buyer: {"zip": 10115, "phone": None, "country_code": "de", "last_name": models.Model.__name__})
    Buyer.objects.create(**COMPLETE)
    customer = Customer.objects.get()
    assert (customer.zip, customer.phone, customer.country_code) == ("10115", "", "DE")


def test_what_2checkout_would_refuse_is_the_customers(db, mirror_with, twocheckout, marked):
    mirror_with(lambda buyer: {"email": "no address"})
    Buyer.objects.create(**COMPLETE)
    assert marked() == []
    from django_twocheckout import sync

    customer = sync.push(Customer.objects.get())
    assert customer.sync_state == "failed"
    assert "LastName is required." in customer.sync_error


def test_a_database_error_inside(db, mirror_with, marked):
    def queries(buyer):
        Order.objects.create(customer_id=None)

    mirror_with(queries)
    buyer = Buyer.objects.create(**COMPLETE)
    assert Buyer.objects.filter(pk=buyer.pk).exists()
    assert marked()[0][1].endswith(" failed with IntegrityError.")


def test_a_reference_that_another_has(db, mirror_with, marked):
    Customer.objects.create(external_customer_reference="taken")
    mirror_with(lambda buyer: {"external_customer_reference": "taken"})
    buyer = Buyer.objects.create(**COMPLETE)
    assert buyer.customer_id is None
    assert marked()[0][1].endswith(" failed with IntegrityError.")
    Buyer.objects.bulk_create([Buyer(**COMPLETE), Buyer(**COMPLETE)])
    assert len(apply_due("default").failed) == 3
    assert Customer.objects.count() == 1


def test_a_move_to_another_account(buyer, mirror_with, marked, configure):
    configure(ACCOUNTS={"eu": {"MERCHANT_CODE": "EU", "SECRET_KEY": "x"}})
    Customer.objects.update_unmarked(customer_reference="7", acknowledged={"email": "a"})
    mirror_with(lambda buyer: {"account": "eu"})
    buyer.save()
    assert marked()[0][1].endswith(" failed with AccountIsFixed.")
    assert Customer.objects.get().account == "default"


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_the_database_has_given_up(mirror_with):
    """As after a deadlock: what the project wrote before is gone, so its save must not seem to have succeeded."""

    def lost(buyer):
        with connection.cursor() as cursor:
            cursor.execute("ROLLBACK")
        raise OperationalError("deadlock")

    Buyer.objects.create(**COMPLETE)
    mirror_with(lost)
    with pytest.raises(OperationalError), transaction.atomic():
        Buyer.objects.create(**COMPLETE)
    assert Buyer.objects.count() == 1
    mirrors.refresh(Buyer.objects.all())
    assert not apply_due("default").failed
    assert [mark.reason for mark in MirrorMark.objects.all()] == [""]
    assert MirrorMark.objects.get().due_at > timezone.now() - timedelta(seconds=60)


class TestCircular:
    @pytest.fixture
    def receiver(self):
        connected = []

        def connect(function):
            connected.append(function)
            post_save.connect(function, sender=Customer)

        yield connect
        for function in connected:
            post_save.disconnect(function, sender=Customer)

    def test_a_receiver_that_settles(self, buyer, receiver, marked):
        def copy_back(instance, **kwargs):
            owner = Buyer.objects.get(customer=instance)
            owner.city = instance.city.title()
            owner.save()

        receiver(copy_back)
        buyer.city = "paris"
        buyer.save()
        assert Customer.objects.get().city == Buyer.objects.get().city == "Paris"
        assert marked() == []

    def test_without_end(self, buyer, receiver, marked):
        def count_up(instance, **kwargs):
            Buyer.objects.get(customer=instance).save()
            Buyer._base_manager.update(city=f"{instance.city}!")
            Buyer.objects.get(customer=instance).save()

        receiver(count_up)
        buyer.city = "Paris"
        buyer.save()
        assert Buyer.objects.get().city == "Paris!!!"
        assert marked()[0][1].endswith("cause each other without end.")

    def test_a_mirror_that_saves_its_object(self, buyer, mirror_with, marked):
        def saves(buyer):
            buyer.save()
            return {"email": buyer.email}

        mirror_with(saves)
        buyer.save()
        assert marked()[0][1].endswith("cause each other without end.")


class TestChecks:
    def ids(self):
        ids = [str(message.id) for message in checks.run_checks(tags=["twocheckout"])]
        return [one for one in ids if one.startswith("twocheckout.E01")]

    def test_right(self):
        assert self.ids() == []

    @pytest.mark.parametrize("link", ["nothing", "user", "name"])
    def test_a_wrong_link(self, db, mirror_with, marked, link):
        mirror_with(raises, link=link)
        assert "twocheckout.E010" in self.ids()
        Buyer.objects.create(**COMPLETE)  # and yet the save goes on
        Buyer.objects.update(city="Paris")
        assert marked()
        apply_due("default")
        assert all(reason for _key, reason in marked())

    def test_a_link_that_may_not_be_null(self):
        mirrors.register(Order, link="customer")(raises)
        try:
            assert "twocheckout.E010" in self.ids()
        finally:
            mirrors.unregister(Order)

    def test_two_mirrors_on_one_model(self, db):
        mirrors.register(Buyer, link="customer")(lambda buyer: {"city": "Rome"})
        try:
            assert "twocheckout.E011" in self.ids()
            Buyer.objects.create(**COMPLETE)
            assert Customer.objects.get().city == "London"
        finally:
            mirrors.unregister(Buyer)
            from ..shop.twocheckout import customer_fields

            mirrors.register(Buyer, link="customer", select_related=["user"])(customer_fields)


def test_marks_of_a_model_without_a_mirror(db, marked):
    MirrorMark.objects.create(mirror="shop.ghost", object_key="1")
    apply_due("default")
    assert marked() == [("1", "No mirror is registered for this model.")]
    MirrorMark.objects.update(failed_attempts=24)
    at("2000-01-01T00:00:00Z")
    apply_due("default")
    assert marked() == []


def test_marks_of_objects_that_are_gone(buyer, marked):
    mirrors.refresh(Buyer.objects.all())
    MirrorMark.objects.create(mirror="shop.buyer", object_key="no number")
    buyer.delete()
    apply_due("default")
    assert marked() == []


def test_overview(db, mirror_with):
    mirror_with(raises)
    names = ["Bad"] * 7 + ["Good"] * 3
    Buyer.objects.bulk_create([Buyer(name=name, email="b@example.org") for name in names])
    assert (overview().waiting, overview().failed) == (10, 0)
    apply_due("default")
    told = overview()
    assert (told.waiting, told.failed) == (0, 7)
    [failure] = told.failures
    assert (failure.mirror, failure.count, len(failure.examples)) == ("shop.buyer", 7, 5)
    assert "LookupError" in failure.reason
    assert "LookupError" not in repr(told)


def test_unregistered(db):
    mirrors.register(Guest, link="customer")(raises)
    mirrors.unregister(Guest)
    assert "save" not in vars(Guest)
    Guest.objects.create(email="ada@example.org")
    assert not Customer.objects.exists()
    assert PORTION
    assert Account
