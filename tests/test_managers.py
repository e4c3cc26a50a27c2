from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import serializers
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.utils import timezone

from django_twocheckout.models import Customer
from django_twocheckout.sync import rows

from .conftest import ADA


@pytest.fixture
def synced(ada, sent):
    Customer.objects.filter(pk=ada.pk).settle(sync_state="synced", customer_reference="1", tries=2, sync_error="Old.")
    sent.clear()
    return Customer.objects.get(pk=ada.pk)


@pytest.fixture
def on_commit(django_capture_on_commit_callbacks):
    return lambda: django_capture_on_commit_callbacks(execute=True)


def state(customer):
    customer.refresh_from_db()
    return customer.sync_state


def test_update__marks_in_the_same_statement_and_wakes(synced, sent, on_commit, django_assert_num_queries):
    with on_commit(), django_assert_num_queries(1):
        Customer.objects.filter(pk=synced.pk).update(city="Paris")

    assert state(synced) == "pending"
    assert (synced.tries, synced.sync_error, synced.touched) == (0, "", True)
    assert [message.task for message in sent] == ["twocheckout.push_pending"]


def test_update__of_other_columns_marks_nothing(synced, sent, on_commit):
    with on_commit():
        Customer.objects.update(enabled=True)
        Customer.objects.filter(pk=-1).update(city="Paris")

    assert (state(synced), sent) == ("synced", [])


def test_bulk_update__marks(synced, sent, on_commit):
    synced.city = "Paris"
    with on_commit():
        Customer.objects.bulk_update([synced], ["city"])

    assert state(synced) == "pending"
    assert [message.task for message in sent] == ["twocheckout.push_pending"]


def test_bulk_create__rows_are_born_pending(db, sent, on_commit):
    with on_commit():
        Customer.objects.bulk_create([Customer(**ADA), Customer(**ADA)])

    assert Customer.objects.due().count() == 2
    assert [message.task for message in sent] == ["twocheckout.push_pending"]


def test_bulk_create__of_nothing(db, sent, on_commit):
    with on_commit():
        Customer.objects.bulk_create([])
    assert sent == []


def test_bulk_create__updating_conflicts_marks_them(synced, on_commit):

    again = Customer(**{**ADA, "city": "Paris"}, external_customer_reference=synced.external_customer_reference)
    unique = {"unique_fields": ["external_customer_reference"]} if connection.vendor != "mysql" else {}
    with on_commit():
        Customer.objects.bulk_create([again], update_conflicts=True, update_fields=["city"], **unique)

    assert (state(synced), synced.city, synced.customer_reference) == ("pending", "Paris", "1")


def test_update_or_create__marks(synced, sent, on_commit):
    with on_commit():
        Customer.objects.update_or_create(customer_reference="1", defaults={"city": "Paris"})

    assert state(synced) == "pending"
    assert [message.task for message in sent] == ["twocheckout.push_customer"]


def test_loaddata__loads_as_is_and_wakes_nobody(synced, sent, on_commit, tmp_path):
    fixture = tmp_path / "customers.json"
    fixture.write_text(serializers.serialize("json", [synced]))
    Customer.objects.all().delete()
    with on_commit():
        call_command("loaddata", str(fixture), verbosity=0)

    row = Customer.objects.get()
    assert (row.sync_state, row.customer_reference, row.touched) == ("synced", "1", synced.touched)
    assert sent == []


def test_settle__marks_nothing_and_wakes_nobody(synced, sent, on_commit):
    with on_commit():
        Customer.objects.settle(city="Paris")
    assert (state(synced), synced.city, sent) == ("synced", "Paris", [])


def test_mark_pending__revives_a_failed_row(synced):
    Customer.objects.settle(sync_state="failed", next_try_at=timezone.now() + timedelta(days=1))
    assert Customer.objects.mark_pending() == 1
    assert Customer.objects.due().get() == synced
    assert state(synced) == "pending"


def test_due__has_its_conditions(ada):
    now = timezone.now()
    due = {"sync_state": "pending", "next_try_at": now - timedelta(1), "lease_until": None}
    for change, is_due in [
        ({}, True),
        ({"sync_state": "failed"}, False),
        ({"sync_state": "synced"}, False),
        ({"next_try_at": now + timedelta(1)}, False),
        ({"lease_until": now + timedelta(1)}, False),
        ({"lease_until": now - timedelta(1)}, True),
    ]:
        Customer.objects.settle(**{**due, **change})
        assert Customer.objects.due().exists() is is_due, change


def test_due__the_longest_due_first(db):
    for days in (1, 3, 2):
        Customer.objects.create(**ADA, next_try_at=timezone.now() - timedelta(days))
    times = [customer.next_try_at for customer in Customer.objects.due()]
    assert times == sorted(times)


@pytest.fixture
def berlin(db, monkeypatch):
    """A database that keeps its times in a zone of its own."""
    database = connections[DEFAULT_DB_ALIAS]  # not its proxy, whose attributes are not those that are remembered

    def forget():
        for name in ("timezone", "timezone_name"):
            vars(database).pop(name, None)

    with monkeypatch.context() as patch:
        patch.setitem(database.settings_dict, "TIME_ZONE", "Europe/Berlin")
        forget()
        yield
    forget()


@pytest.mark.skipif(connection.vendor == "postgresql", reason="PostgreSQL keeps the moment, in no zone")
def test_due__where_the_database_keeps_its_times_in_a_zone_of_its_own(berlin):
    assert connection.timezone_name == "Europe/Berlin"
    Customer.objects.create(**ADA)
    assert Customer.objects.due().count() == 1
    assert rows.due_in(Customer.objects.all()) == 0
    Customer.objects.update(next_try_at=timezone.now() + timedelta(minutes=1))
    assert not Customer.objects.due().exists()
    assert rows.due_in(Customer.objects.all()) == pytest.approx(60, abs=5)
