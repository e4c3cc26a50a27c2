"""A save of the project's object makes and changes its customer."""

from __future__ import annotations

import copy
import pickle

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from django_twocheckout import sync
from django_twocheckout.flows.verify import verify
from django_twocheckout.models import Customer

from ..customers import ADA
from ..shop.models import Buyer, Guest, Login, Subscriber
from .people import COMPLETE


def saved(instance, **values):
    for name, value in values.items():
        setattr(instance, name, value)
    instance.save()
    return Customer.objects.get(pk=type(instance).objects.get(pk=instance.pk).customer_id)


def test_makes_the_customer_and_links_it(buyer):
    customer = Customer.objects.get()
    assert buyer.customer_id == customer.pk
    assert Buyer.objects.get().customer == customer
    assert (customer.first_name, customer.last_name, customer.country_code) == ("Ada", "Lovelace", "GB")
    assert customer.mirror_of == f"shop.buyer:{buyer.pk}"
    assert customer.untried
    assert customer.sync_state == "pending"


def test_changes_the_customer(buyer, twocheckout):
    sync.push(buyer.customer)
    customer = saved(buyer, city="Paris")
    assert (customer.city, customer.sync_state) == ("Paris", "pending")
    sync.push(customer)
    assert twocheckout.customers[0]["City"] == "Paris"
    assert len(twocheckout.customers) == 1


def test_unchanged_is_not_pending(buyer, twocheckout):
    sync.push(buyer.customer)
    assert saved(buyer).sync_state == "synced"
    assert saved(buyer, visits=3).sync_state == "synced"


@pytest.mark.django_db(transaction=True)
def test_wakes_a_worker(sent):
    buyer = Buyer.objects.create(**COMPLETE)
    assert [message.args for message in sent] == [(buyer.customer_id,)]


@pytest.mark.django_db(transaction=True)
def test_in_one_transaction_without_one_of_the_project(mirror_with):
    class Killed(BaseException):
        """As if the process ended here."""

    def killed(buyer):
        raise Killed

    mirror_with(killed)
    with pytest.raises(Killed):
        Buyer.objects.create(**COMPLETE)
    assert not Buyer.objects.exists()


def test_an_edit_at_2checkout_stays_until_the_object_changes(buyer, twocheckout):
    sync.push(buyer.customer)
    twocheckout.edit(buyer.customer.customer_reference, City="Dover")
    sync.pull(buyer.customer)
    assert saved(buyer, visits=1).city == "Dover"
    customer = saved(buyer, name="Ada King")
    assert (customer.city, customer.last_name) == ("Dover", "King")
    assert saved(buyer, city="Paris").city == "Paris"


def test_an_edit_in_the_customer_stays_until_the_object_changes(buyer):
    buyer.customer.phone = "+44 1"
    buyer.customer.city = "Bath"
    buyer.customer.save()
    customer = saved(buyer, name="Ada King")
    assert (customer.phone, customer.city) == ("+44 1", "Bath")


def test_the_same_edit_on_both_sides_is_noted(buyer):
    buyer.customer.city = "Bath"
    buyer.customer.save()
    Customer.objects.update_unmarked(sync_state="synced")
    customer = saved(buyer, city="Bath")
    assert (customer.mirrored["city"], customer.sync_state) == ("Bath", "synced")
    with CaptureQueriesContext(connection) as queries:
        buyer.save()
    assert len(queries) == 2


def test_none_is_not_wanted_yet(db):
    buyer = Buyer.objects.create(name="Ada")
    assert buyer.customer_id is None
    assert not Customer.objects.exists()
    assert saved(buyer, email="ada@example.org").email == "ada@example.org"


def test_none_leaves_the_customer_as_it_is(buyer):
    assert saved(buyer, email="", city="Paris").city == "London"


def test_a_field_that_is_no_longer_returned_keeps_its_value(buyer, mirror_with):
    mirror_with(lambda buyer: {"email": buyer.email})
    customer = saved(buyer)
    assert (customer.city, customer.mirrored) == ("London", {"email": "ada@example.org"})


def test_reads_what_the_database_has(buyer):
    """Neither what is assigned and not saved, nor what another instance of a related row has."""
    user = Login.objects.create(email="old@example.org")
    customer = saved(buyer, user=user)
    user.email = "unsaved@example.org"
    buyer.city = "Paris"
    buyer.save(update_fields=["name"])
    customer.refresh_from_db()
    assert (customer.city, customer.email) == ("London", "old@example.org")


def test_deferred_fields(buyer):
    loaded = Buyer.objects.only("name").get()
    loaded.name = "Ada King"
    loaded.save()
    customer = Customer.objects.get()
    assert (customer.last_name, customer.city) == ("King", "London")
    loaded = Buyer.objects.defer("customer").get()
    loaded.save()
    assert Customer.objects.count() == 1


def test_an_instance_saved_twice_is_one_customer(db):
    with transaction.atomic():
        buyer = Buyer(**COMPLETE)
        buyer.save()
        buyer.city = "Paris"
        buyer.save()
    assert Customer.objects.get().city == "Paris"


def test_a_stale_instance_takes_no_link_away(db):
    buyer = Buyer.objects.create(name="Ada")
    stale = Buyer.objects.get()
    customer = saved(buyer, email="ada@example.org")
    assert saved(stale, email="ada@example.org", city="Bath").pk == customer.pk
    assert stale.customer_id == customer.pk
    assert Customer.objects.get().city == "Bath"


def test_a_customer_that_the_project_linked_before_gets_the_values(db):
    customer = Customer.objects.create(first_name="A", city="Rome", phone="1")
    buyer = Buyer(**COMPLETE, customer=customer)
    assert saved(buyer).pk == customer.pk
    customer.refresh_from_db()
    assert (customer.first_name, customer.city, customer.phone) == ("Ada", "London", "1")
    assert customer.mirror_of == f"shop.buyer:{buyer.pk}"


def test_the_object_goes_and_the_customer_stays(buyer):
    buyer.delete()
    assert Customer.objects.get().city == "London"


def test_the_customer_goes_and_comes_again(buyer):
    Customer.objects.get().delete()
    buyer.refresh_from_db()
    assert saved(buyer).city == "London"


def test_a_copy_of_the_customer_is_nobodys(buyer):
    copied = Customer.objects.get()
    copied.pk = copied.external_customer_reference = None
    copied.save()
    assert (copied.mirror_of, copied.mirrored) == (None, {})


def test_a_child_with_a_key_of_its_own(db):
    child = Subscriber.objects.create(number="S-1", **COMPLETE)
    customer = Customer.objects.get()
    assert child.customer_id == customer.pk
    assert customer.mirror_of == f"shop.buyer:{child.buyer_id}"
    child.city = "Paris"
    child.save()
    assert Customer.objects.get().city == "Paris"


def test_keys_that_are_no_numbers(db, guests_mirrored):
    guest = Guest.objects.create(email="ada@example.org")
    assert guest.customer == Customer.objects.get()


def test_own_reference_and_account(db, mirror_with):
    mirror_with(lambda buyer: {"email": buyer.email, "external_customer_reference": f"shop-{buyer.pk}", "account": ""})
    buyer = Buyer.objects.create(**COMPLETE)
    customer = Customer.objects.get()
    assert customer.external_customer_reference == f"shop-{buyer.pk}"
    assert (customer.account, customer.untried) == ("default", False)


@pytest.mark.django_db(transaction=True)
class TestRolledBack:
    def test_a_new_object_can_be_saved_again(self):
        buyer = Buyer(**COMPLETE)
        with transaction.atomic():
            buyer.save()
            assert buyer.customer_id
            transaction.set_rollback(True)
        assert not Customer.objects.exists()
        buyer.save()
        assert buyer.customer == Customer.objects.get()

    def test_to_a_savepoint(self):
        buyer = Buyer.objects.create(name="Ada")
        buyer.email = "ada@example.org"
        with transaction.atomic():
            with transaction.atomic():
                buyer.save()
                transaction.set_rollback(True)
            buyer.save()
        assert Buyer.objects.get().customer == Customer.objects.get() == buyer.customer

    def test_an_instance_can_be_copied_and_pickled_meanwhile(self):
        with transaction.atomic():
            buyer = Buyer.objects.create(**COMPLETE)
            others = [copy.copy(buyer), copy.deepcopy(buyer), pickle.loads(pickle.dumps(buyer))]
            for other in others:
                other.save()
                assert other.customer_id == buyer.customer_id
        assert "twocheckout_link" not in vars(buyer)
        for other in others:
            other.save()
        assert Buyer.objects.get().customer == Customer.objects.get()


@pytest.mark.django_db(databases=["default", "replica"])
def test_another_database():
    buyer = Buyer(**COMPLETE)
    buyer.save(using="replica")
    assert not Customer.objects.exists()
    assert Customer.objects.using("replica").get().pk == buyer.customer_id
    buyer.city = "Paris"
    buyer.save()
    assert Customer.objects.using("replica").get().city == "Paris"


@pytest.mark.django_db(databases=["default", "replica"])
def test_a_database_without_our_tables(settings):
    settings.DATABASE_ROUTERS = ["tests.mirrors.routers.Elsewhere"]
    Buyer(**COMPLETE).save(using="replica")
    assert not Customer.objects.using("replica").exists()


def test_an_excluded_field_is_left_out(db, mirror_with, marked, configure, twocheckout):
    configure(EXCLUDE_FIELDS=("phone",))
    mirror_with(lambda buyer: {**ADA, "email": buyer.email, "phone": buyer.name})
    buyer = Buyer.objects.create(**COMPLETE)
    sync.push(buyer.customer)
    buyer.name = "Grace"
    buyer.save()
    customer = Customer.objects.get()
    assert (customer.phone, "phone" in customer.mirrored, customer.sync_state, marked()) == ("", False, "synced", [])
    configure(EXCLUDE_FIELDS=())
    verify()
    customer.refresh_from_db()
    assert (customer.phone, customer.sync_state) == ("Grace", "pending")
