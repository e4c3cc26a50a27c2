"""Instances among everything else that writes: receivers, copies, routers, subclasses."""

from __future__ import annotations

import copy
import pickle

import pytest
from django.core import serializers
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import F, Value
from django.db.models.functions import Concat
from django.db.models.signals import post_save, pre_save

from django_twocheckout import sync
from django_twocheckout.engine import reconcile
from django_twocheckout.engine.batch import finish, run_one
from django_twocheckout.engine.clients import current_client
from django_twocheckout.engine.operations import PULL, PUSH
from django_twocheckout.models import Customer

from ..customers import ADA, change, claim_of
from ..project import ReadsFromReplica, Vip

pytestmark = pytest.mark.django_db(transaction=True)


def fresh():
    return Customer.objects.get()


@pytest.fixture
def connected():
    """Connects receivers until the test ends."""
    pairs = []

    def connect(signal, receiver):
        signal.connect(receiver, sender=Customer)
        pairs.append((signal, receiver))

    yield connect
    for signal, receiver in pairs:
        signal.disconnect(receiver, sender=Customer)


# The engine's columns are the engine's.


def test_engine__a_save_breaks_no_lease():
    Customer.objects.create(**ADA)
    stale = fresh()
    claim = claim_of(fresh())
    stale.save()
    stale.fax = "1"
    stale.save()
    assert (fresh().lease, len(fresh().in_doubt)) == (claim.lease, 1)
    assert claim_of(fresh()) is None


def test_engine__a_save_undoes_no_time(twocheckout):
    Customer.objects.create(**ADA)
    stale = fresh()
    twocheckout.fail("429-retry-after")
    sync.push(fresh())
    wait = fresh().next_attempt_at
    stale.save()
    assert fresh().next_attempt_at == wait
    sync.push(fresh())
    stale.save()
    assert fresh().pushed_at is not None


def test_engine__a_save_within_post_save(connected):
    claims = []

    def host(sender, instance, created, **kwargs):
        if created:
            claims.append(claim_of(fresh()))  # a worker may be as quick as this
            instance.company = "Engines"
            instance.save()

    connected(post_save, host)
    Customer.objects.create(**ADA)
    assert (fresh().company, fresh().lease, len(fresh().in_doubt)) == ("Engines", claims[0].lease, 1)


@pytest.mark.parametrize("edited", [False, True])
@pytest.mark.parametrize("meanwhile", ["claim", "push", "pull"])
def test_engine__a_raw_save_while_a_worker_writes_the_row(connected, twocheckout, meanwhile, edited):
    """As by a package that deserializes and saves without a transaction: nothing can lock the row."""
    sync.push(Customer.objects.create(**ADA))
    old = serializers.serialize("json", Customer.objects.all())
    if edited:
        change(fresh(), city="Paris")
    twocheckout.edit(fresh().customer_reference, Phone="555")
    claims, seen = [], []

    def worker(sender, instance, **kwargs):
        if not claims:
            claims.append(claim_of(fresh()))
            if meanwhile != "claim":
                operation, reconcile_ = (PUSH, reconcile.push) if meanwhile == "push" else (PULL, reconcile.pull)
                finish([(claims[0], reconcile_(claims[0], current_client("default")))], operation=operation)

    def host(sender, instance, **kwargs):
        seen.extend(value for value in vars(instance).values() if hasattr(value, "resolve_expression"))

    connected(pre_save, worker)
    connected(post_save, host)
    for read in serializers.deserialize("json", old):
        read.save()
    row = fresh()
    assert (row.city, row.phone, row.sync_state, row.lease) == ("London", "", "pending", claims[0].lease)
    assert seen == []  # no project's receiver meets an expression
    if meanwhile == "claim":
        assert claim_of(row) is None
        assert run_one(claims[0], current_client("default"))[0].changed == 1
    assert sync.push_pending().pushed == 1
    assert (fresh().sync_state, fresh().city, twocheckout.customers[0]["City"]) == ("synced", "London", "London")
    assert sync.pull(fresh()).phone == (twocheckout.customers[0]["Phone"] or "")


def test_engine__a_save_on_commit(connected):
    claims = []

    def host(sender, instance, created, **kwargs):
        def save():
            claims.append(claim_of(fresh()))
            instance.company = "Engines"
            instance.save()

        if created:
            transaction.on_commit(save)

    connected(post_save, host)
    with transaction.atomic():
        Customer.objects.create(**ADA)
    assert (fresh().company, fresh().lease) == ("Engines", claims[0].lease)


def test_engine__an_instance_made_by_hand_with_the_key_of_a_row(twocheckout):
    ada = Customer.objects.create(**ADA)
    sync.push(ada)
    Customer(pk=ada.pk, **{**ADA, "city": "Paris"}).save()
    assert (fresh().city, fresh().sync_state, fresh().customer_reference) == ("Paris", "pending", "601952421")
    sync.push(ada)
    assert [customer["City"] for customer in twocheckout.customers] == ["Paris"]


# What receivers do.


def test_pre_save__what_a_receiver_assigns_is_written(connected):
    ada = Customer.objects.create(**ADA)

    def host(sender, instance, **kwargs):
        instance.city = instance.city.upper()

    connected(pre_save, host)
    ada.phone = "1"
    ada.save()
    assert fresh().city == "LONDON"


def test_post_save__what_a_receiver_assigns_is_written_by_the_next_save(connected):
    ada = Customer.objects.create(**ADA)

    def host(sender, instance, **kwargs):
        instance.city = "Paris"

    connected(post_save, host)
    ada.city = "Lyon"
    ada.save()
    assert fresh().city == "Lyon"
    ada.save()
    assert fresh().city == "Paris"


# Copies.


def test_copy__of_a_synced_row_is_a_new_customer(twocheckout):
    sync.push(Customer.objects.create(**ADA))
    twin = fresh()
    twin.pk, twin._state.adding = None, True
    twin.external_customer_reference, twin.customer_reference = "dj-twin", None
    twin.save()
    assert (twin.sync_state, twin.acknowledged, twin.in_doubt) == ("pending", {}, [])
    sync.push(twin)
    assert len(twocheckout.customers) == 2


def test_copy__of_a_row_in_flight_does_not_touch_the_original(twocheckout):
    Customer.objects.create(**ADA)
    claim = claim_of(fresh())
    twin = fresh()
    run_one(claim, current_client("default"))
    twin.pk, twin._state.adding = None, True
    twin.external_customer_reference, twin.first_name = "dj-twin", "Bob"
    twin.save()
    sync.push(twin)
    assert sorted(customer["FirstName"] for customer in twocheckout.customers) == ["Ada", "Bob"]


def test_copy__with_the_same_reference_is_refused():
    Customer.objects.create(**ADA)
    twin = fresh()
    twin.pk, twin._state.adding = None, True
    with pytest.raises(IntegrityError):
        twin.save()


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, lambda instance: pickle.loads(pickle.dumps(instance))])
def test_copy__of_the_instance_knows_what_it_knew(how):
    Customer.objects.create(**ADA)
    twin = how(fresh())
    Customer.objects.update_unmarked(phone="555", sync_state="synced")
    twin.save()
    assert (fresh().phone, fresh().sync_state) == ("555", "synced")
    twin.city = "Paris"
    twin.save()
    assert (fresh().phone, fresh().city, fresh().sync_state) == ("555", "Paris", "pending")


def test_a_blank_reference_is_replaced():
    assert Customer.objects.create(**ADA, external_customer_reference="").external_customer_reference.startswith("dj-")
    assert Customer.objects.create(**ADA, external_customer_reference=None).external_customer_reference.startswith(
        "dj-"
    )


# Ways to write.


@pytest.mark.parametrize("city", ["London", "Paris"])
def test_update_fields__writes_exactly_what_it_names(city):
    Customer.objects.create(**ADA)
    stale = fresh()
    Customer.objects.update_unmarked(city="Rome", fax="9", sync_state="synced")
    stale.city, stale.phone = city, "555"
    stale.save(update_fields=["city"])
    assert (fresh().city, fresh().fax, fresh().phone, fresh().sync_state) == (city, "9", "", "pending")


def test_a_failed_row_is_revived_by_any_save():
    Customer.objects.create(**ADA)
    Customer.objects.update_unmarked(sync_state="failed", sync_error="No.")
    fresh().save()
    assert (fresh().sync_state, fresh().sync_error) == ("pending", "")


def test_expressions():
    Customer.objects.create(**ADA)
    Customer.objects.update_unmarked(sync_state="synced")
    ada = fresh()
    ada.city = Concat(F("city"), Value("!"))
    ada.save()
    assert (fresh().city, fresh().sync_state) == ("London!", "pending")
    Customer.objects.update_unmarked(sync_state="synced")
    Customer.objects.update(city=F("first_name"))
    assert (fresh().city, fresh().sync_state) == ("Ada", "pending")


def test_expressions__count_each_time_they_are_assigned():
    Customer.objects.create(**ADA)
    ada = fresh()
    for _ in range(2):
        ada.city = Concat(F("city"), Value("!"))
        ada.save()
    ada.phone = "1"
    ada.save()
    assert fresh().city == "London!!"


def test_deferred__assigned_and_not_saved_stays_assigned(twocheckout):
    Customer.objects.create(**ADA)
    ada = Customer.objects.defer("city").get()
    ada.city = "Paris"
    sync.push(ada)
    assert ada.city == "Paris"


def test_deferred__a_failed_row_is_revived():
    Customer.objects.create(**ADA)
    Customer.objects.update_unmarked(sync_state="failed")
    Customer.objects.defer("fax").get().save()
    assert fresh().sync_state == "pending"


def test_deleted__with_update_fields_raises_as_ever():
    ada = Customer.objects.create(**ADA)
    Customer.objects.all().delete()
    with pytest.raises(DatabaseError):
        ada.save(update_fields=["city"])


def test_bulk_update__the_instances_know_what_was_written():
    ada = Customer.objects.create(**ADA)
    ada.city = "Paris"
    Customer.objects.bulk_update([ada], ["city"])
    Customer.objects.update_unmarked(city="Rome")
    ada.phone = "1"
    ada.save()
    assert (fresh().city, fresh().phone) == ("Rome", "1")


def test_upsert__of_loaded_rows_marks_them(twocheckout):
    sync.push(Customer.objects.create(**ADA))
    [ada] = Customer.objects.all()
    ada.city = "Paris"
    unique = {"unique_fields": ["id"]} if connection.vendor != "mysql" else {}
    Customer.objects.bulk_create([ada], update_conflicts=True, update_fields=["city", "failed_attempts"], **unique)
    assert (fresh().city, fresh().sync_state, fresh().customer_reference) == ("Paris", "pending", "601952421")


def test_upsert__the_instance_knows_what_was_not_written():
    Customer.objects.create(**ADA, external_customer_reference="dj-1", phone="111")
    again = Customer(**{**ADA, "city": "Paris"}, external_customer_reference="dj-1", phone="777")
    unique = {"unique_fields": ["external_customer_reference", "account"]} if connection.vendor != "mysql" else {}
    Customer.objects.bulk_create([again], update_conflicts=True, update_fields=["city"], **unique)
    again.pk = fresh().pk
    again.save()
    assert (fresh().city, fresh().phone) == ("Paris", "777")


def test_assigned_in_a_transaction_and_not_saved_stays_assigned(twocheckout):
    with transaction.atomic():
        ada = Customer.objects.create(**ADA)
        ada.city = "Paris"
    sync.push(ada)
    assert ada.city == "Paris"


def test_push_inside_a_transaction_is_refused(twocheckout):
    """What is noted before a request must survive a rollback, or the next try would not know of it."""
    with transaction.atomic():
        ada = Customer.objects.create(**ADA)
        with pytest.raises(RuntimeError, match="durable"):
            sync.push(ada)
    assert twocheckout.requests == []


# Proxies and routers.


def test_proxy__wakes_a_worker(sent):
    Vip.objects.create(**ADA)
    Vip.objects.update(city="Paris")
    assert [message.task for message in sent] == ["twocheckout.push_customer", "twocheckout.push_pending"]


@pytest.mark.django_db(transaction=True, databases=["default", "replica"])
def test_replica__an_instance_read_there_is_written_and_pushed_at_home(settings, twocheckout):
    settings.DATABASE_ROUTERS = [ReadsFromReplica()]
    Customer.objects.create(**ADA)
    row = Customer.objects.using("default").values().get()
    Customer.objects.using("replica").bulk_create([Customer(**row)])
    read, stale = Customer.objects.get(), Customer.objects.get()
    assert read._state.db == "replica"

    sync.push(read)
    stale.phone = "555"
    stale.save()

    home = Customer.objects.using("default").get()
    assert (home.customer_reference, home.phone, home.sync_state) == ("601952421", "555", "pending")
    assert read.sync_state == "synced"
    assert Customer.objects.using("replica").get().customer_reference is None
