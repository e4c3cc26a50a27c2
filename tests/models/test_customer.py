from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, connection, transaction

from django_twocheckout import sync
from django_twocheckout.models import Customer, SyncState, querysets

from ..customers import ADA


def stored(customer):
    return Customer.objects.get(pk=customer.pk)


# What a row is.


def test_new_customer__is_pending_with_a_reference_of_our_own(ada, settings):
    assert ada.sync_state == "pending"
    assert ada.external_customer_reference.startswith("dj-")
    assert ada.customer_reference is None
    settings.TWOCHECKOUT = {"REFERENCE_PREFIX": "shop-"}
    assert Customer().external_customer_reference.startswith("shop-")


def test_references__are_unique(ada):
    with pytest.raises(IntegrityError), transaction.atomic():
        Customer.objects.create(external_customer_reference=ada.external_customer_reference)
    Customer.objects.create(customer_reference="1")
    with pytest.raises(IntegrityError), transaction.atomic():
        Customer.objects.create(customer_reference="1")
    with pytest.raises(ValidationError) as caught:
        Customer(**ADA, external_customer_reference=ada.external_customer_reference).full_clean()
    assert "external_customer_reference" in caught.value.message_dict


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("external_customer_reference", "42", "could be mistaken for one of 2Checkout's own"),
        ("external_customer_reference", "..", "must not be made of dots"),
        ("external_customer_reference", " a", "must not be made of dots, nor begin or end with a space"),
        ("external_customer_reference", "x" * 251, "at most 250 characters"),
        ("country_code", "XX", "is not a two-letter ISO 3166 country code"),
        ("country_code", "ROU", "at most 2 characters"),
        ("language", "english", "two-letter ISO 639-1"),
        ("first_name", "x" * 256, "at most 255 characters"),
        ("email", "nobody", "valid email address"),
        ("fiscal_code", "RO1", "2Checkout needs the company's name"),
    ],
)
@pytest.mark.django_db
def test_validation(field, value, words):
    with pytest.raises(ValidationError) as caught:
        Customer(**{**ADA, field: value}).full_clean()
    assert words in str(caught.value)


@pytest.mark.parametrize("country", ["RO", "ro", "XK"])
@pytest.mark.django_db
def test_validation__a_country(country):
    Customer(**{**ADA, "country_code": country}).full_clean()


def test_names(ada):
    assert str(ada) == "Ada Lovelace"
    assert str(Customer(company="Engines")) == "Engines"
    assert str(Customer(external_customer_reference="dj-1")) == "dj-1"
    assert repr(ada) == f"<Customer pk={ada.pk}>"


# What a save costs, and marks.


def test_save__takes_one_statement(django_assert_num_queries, db):
    with django_assert_num_queries(1):
        ada = Customer.objects.create(**ADA)
    ada = stored(ada)
    ada.city = "Paris"
    with django_assert_num_queries(1):
        ada.save()
    with django_assert_num_queries(1):
        ada.save()


def settle(customer, **values):
    """As the engine does after a push."""
    Customer.objects.filter(pk=customer.pk).update_unmarked(sync_state=SyncState.SYNCED, **values)
    return stored(customer)


def test_save__marks_in_the_same_statement(ada, django_assert_num_queries):
    ada = settle(ada, failed_attempts=3, sync_error="Old.", changed_since_claim=False)
    ada.city = "Paris"
    with django_assert_num_queries(1) as captured:
        ada.save()

    assert '"sync_state" = ' in captured[0]["sql"] or "`sync_state` = " in captured[0]["sql"]
    row = stored(ada)
    assert (row.city, row.sync_state, row.sync_error, row.failed_attempts) == ("Paris", "pending", "", 0)
    assert row.changed_since_claim is ada.changed_since_claim is True


def test_save__unchanged_marks_nothing(ada):
    ada = settle(ada, changed_since_claim=False)
    ada.save()
    assert (stored(ada).sync_state, stored(ada).changed_since_claim) == ("synced", False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("credit_currency", "EUR"),
        ("enabled", True),
        ("existing_cards", [{"type": "Visa"}]),
        ("sync_error", "No."),
        ("customer_reference", "2"),
        ("acknowledged", {"city": "Rome"}),
        ("in_doubt", [{"city": "Rome"}]),
        ("lease", "mine"),
        ("failed_attempts", 7),
    ],
)
def test_save__of_the_engines_columns_writes_none_and_logs_it_once(ada, name, value, caplog, monkeypatch):
    monkeypatch.setattr(querysets, "_logged_at", set())
    ada = settle(ada)
    before = Customer.objects.values().get()
    for _ in range(2):
        setattr(ada, name, value)
        ada.save()
    assert Customer.objects.values().get() | {"saved_at": None} == before | {"saved_at": None}
    assert [name in record.getMessage() for record in caplog.records] == [True]


@pytest.mark.parametrize("options", [{"update_fields": ["city", "sync_state"]}, {"force_update": True}])
def test_save__of_the_engines_columns_by_name_writes_none(ada, options):
    ada = settle(ada)
    ada.city, ada.sync_state, ada.lease = "Paris", "synced", "mine"
    ada.save(**options)
    assert (stored(ada).city, stored(ada).sync_state, stored(ada).lease) == ("Paris", "pending", "")


def test_save__with_update_fields(ada):
    ada = settle(ada)
    ada.city, ada.fax = "Paris", "1"
    ada.save(update_fields=["city"])
    assert (stored(ada).city, stored(ada).fax, stored(ada).sync_state) == ("Paris", "", "pending")
    with pytest.raises(ValueError, match="citi"):
        ada.save(update_fields=["citi"])


def test_save__there_and_back_again_is_still_written(ada):
    ada = settle(ada)
    for city in ("Paris", "London"):
        ada.city = city
        ada.save()
    assert (stored(ada).city, stored(ada).sync_state) == ("London", "pending")


# Stale instances.


def test_stale__cannot_take_back_what_the_engine_wrote(ada):
    stale = stored(ada)
    settle(ada, customer_reference="601952421", phone="555", acknowledged={"City": "London"}, enabled=True)

    stale.city = "Paris"
    stale.save()

    row = stored(ada)
    assert (row.customer_reference, row.phone, row.enabled, row.city) == ("601952421", "555", True, "Paris")
    assert row.acknowledged == {"City": "London"}
    assert row.sync_state == "pending"


def test_stale__unchanged_takes_back_nothing(ada):
    stale = stored(ada)
    settle(ada, customer_reference="601952421", phone="555")

    stale.save()

    assert (stored(ada).customer_reference, stored(ada).phone, stored(ada).sync_state) == ("601952421", "555", "synced")


@pytest.mark.django_db(transaction=True)
def test_stale__created_here_and_saved_again():
    ada = Customer.objects.create(**ADA)
    settle(ada, customer_reference="601952421")

    ada.city = "Paris"
    ada.save()

    assert (stored(ada).customer_reference, stored(ada).city) == ("601952421", "Paris")


@pytest.mark.django_db(transaction=True)
def test_stale__created_in_bulk_and_saved_again():
    [ada] = Customer.objects.bulk_create([Customer(**ADA)])
    if ada.pk is None:
        pytest.skip("this database does not return the keys of a bulk insert")
    settle(ada, customer_reference="601952421")

    ada.city = "Paris"
    ada.save()

    assert (stored(ada).customer_reference, stored(ada).city) == ("601952421", "Paris")


def test_stale__refreshed_or_deferred_fields_count_as_loaded(ada):
    ada = Customer.objects.only("city").get(pk=ada.pk)
    Customer.objects.filter(pk=ada.pk).update_unmarked(phone="555", sync_state="synced")
    assert ada.phone == "555"
    ada.save()
    assert stored(ada).sync_state == "synced"
    ada.phone = "556"
    ada.save()
    assert (stored(ada).phone, stored(ada).sync_state) == ("556", "pending")
    settle(ada, phone="557")
    ada.refresh_from_db(fields=["phone", "sync_state"])
    ada.save()
    assert (stored(ada).phone, stored(ada).sync_state) == ("557", "synced")


# Transactions.


@pytest.mark.django_db(transaction=True)
def test_rollback__the_next_save_writes_again():
    ada = Customer.objects.create(**ADA)
    ada = settle(ada)
    ada.city = "Paris"
    with transaction.atomic():
        ada.save()
        transaction.set_rollback(True)
    assert (stored(ada).city, stored(ada).sync_state) == ("London", "synced")

    ada.save()

    assert (stored(ada).city, stored(ada).sync_state) == ("Paris", "pending")


@pytest.mark.django_db(transaction=True)
def test_rollback__of_a_create_the_next_save_creates():
    ada = Customer(**ADA)
    with transaction.atomic():
        ada.save()
        transaction.set_rollback(True)

    ada.save()

    assert stored(ada).city == "London"


@pytest.mark.django_db(transaction=True)
def test_one_transaction__two_saves_that_cancel_out():
    ada = settle(Customer.objects.create(**ADA))
    with transaction.atomic():
        ada.city = "Paris"
        ada.save()
        ada.city = "London"
        ada.save()
    assert stored(ada).city == "London"
    ada.save()
    with transaction.atomic():
        ada.save()
    assert stored(ada).city == "London"


@pytest.mark.parametrize("options", [{}, {"force_update": True}, {"update_fields": ["city"]}])
def test_deleted_meanwhile__does_not_rise_again(ada, options):
    stale = stored(ada)
    Customer.objects.all().delete()
    stale.city = "Paris"
    with pytest.raises(DatabaseError), transaction.atomic():
        stale.save(**options)
    assert not Customer.objects.exists()


def test_copied__by_clearing_the_key(ada):
    copy = stored(ada)
    copy.pk, copy.external_customer_reference = None, "dj-copy"
    copy._state.adding = True
    copy.save()
    assert Customer.objects.count() == 2


def test_unsaved_fields(ada):
    ada = stored(ada)
    ada.city = "Paris"
    assert ada.unsaved_fields() == {"city"}


def test_indexes__serve_the_queue(ada):
    if connection.vendor != "sqlite":
        pytest.skip("reads SQLite's plan")
    assert "twocheckout_due" in Customer.objects.filter(account="default").due().explain()


def test_deleted_meanwhile__put_back_by_force_keeps_what_was_acknowledged(ada, twocheckout):
    sync.push(ada)
    row = stored(ada)
    stored(ada).delete()
    row.save(force_insert=True)
    assert (stored(ada).acknowledged, stored(ada).customer_reference) == (row.acknowledged, ada.customer_reference)
    assert row.acknowledged
