from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import serializers
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import F
from django.utils import timezone

from django_twocheckout import sync
from django_twocheckout.engine import claims
from django_twocheckout.models import Customer, querysets

from ..customers import ADA


@pytest.fixture
def synced(ada, sent):
    Customer.objects.filter(pk=ada.pk).update_unmarked(
        sync_state="synced", customer_reference="1", failed_attempts=2, sync_error="Old."
    )
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
    assert (synced.failed_attempts, synced.sync_error, synced.changed_since_claim) == (0, "", True)
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


@pytest.fixture(autouse=True)
def _nothing_logged_yet(monkeypatch):
    monkeypatch.setattr(querysets, "_logged_at", set())


def note_of(caplog):
    return [record.getMessage() for record in caplog.records if getattr(record, "action", "") == "engine.columns"]


def test_update__the_mark_wins_over_a_state_of_the_caller(synced, caplog):
    for _ in range(2):
        Customer.objects.update(
            city="Paris", sync_state="synced", failed_attempts=7, lease="mine", acknowledged={"city": "x"}
        )

    assert (state(synced), synced.city, synced.failed_attempts, synced.lease) == ("pending", "Paris", 0, "")
    assert synced.acknowledged != {"city": "x"}
    [words] = note_of(caplog)  # once for the place, and no values
    assert "test_querysets.py" in words
    assert "acknowledged, failed_attempts, lease, sync_state" in words
    assert "Paris" not in words


@pytest.mark.parametrize("name", sorted(Customer.ENGINE_FIELDS))
def test_update__writes_no_bookkeeping(synced, name, sent, on_commit):
    before = Customer.objects.values(name).get()
    with on_commit():
        assert Customer.objects.update(**{name: F("pk")}) == 0
        assert Customer.objects.bulk_update([synced], [name]) == 0

    assert Customer.objects.values(name).get() == before
    assert sent == []


def test_update__of_the_engines_columns_alone_writes_nothing(synced, caplog):
    assert Customer.objects.update(enabled=True, sync_state="failed", customer_reference="2") == 0
    assert (state(synced), synced.enabled, synced.customer_reference) == ("synced", False, "1")
    assert len(note_of(caplog)) == 1


def test_bulk_update__writes_no_bookkeeping(synced, caplog):
    synced.city, synced.sync_state, synced.failed_attempts, synced.sync_error = "Paris", "synced", 9, "Mine."
    assert Customer.objects.bulk_update([synced], ["city", "sync_state", "failed_attempts"]) == 1

    assert (state(synced), synced.city, synced.failed_attempts, synced.sync_error) == ("pending", "Paris", 0, "")
    assert len(note_of(caplog)) == 1


def test_bulk_update__of_no_field_is_refused_as_ever(synced):
    with pytest.raises(ValueError, match="Field names"):
        Customer.objects.bulk_update([synced], [])


@pytest.mark.parametrize(("names", "expected"), [(["city"], "pending"), ([], "synced")])
def test_bulk_create__conflicts_write_no_bookkeeping(synced, caplog, names, expected):
    again = Customer(
        **{**ADA, "city": "Paris"},
        external_customer_reference=synced.external_customer_reference,
        sync_state="failed",
        sync_error="Mine.",
        acknowledged={"city": "x"},
    )
    unique = {"unique_fields": ["external_customer_reference", "account"]} if connection.vendor != "mysql" else {}
    fields = [*names, "sync_state", "sync_error", "acknowledged"]
    Customer.objects.bulk_create([again], update_conflicts=True, update_fields=fields, **unique)

    assert (state(synced), synced.city) == (expected, "Paris" if names else "London")
    assert synced.sync_error == ("" if names else "Old.")
    assert synced.acknowledged != {"city": "x"}
    assert len(note_of(caplog)) == 1


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
    unique = {"unique_fields": ["external_customer_reference", "account"]} if connection.vendor != "mysql" else {}
    with on_commit():
        Customer.objects.bulk_create([again], update_conflicts=True, update_fields=["city"], **unique)

    assert (state(synced), synced.city, synced.customer_reference) == ("pending", "Paris", "1")


def test_update_or_create__marks(synced, sent, on_commit):
    with on_commit():
        Customer.objects.update_or_create(customer_reference="1", defaults={"city": "Paris"})

    assert state(synced) == "pending"
    assert [message.task for message in sent] == ["twocheckout.push_customer"]


@pytest.mark.parametrize(("acknowledged_city", "state"), [("London", "synced"), ("Rome", "pending")])
def test_loaddata__a_new_row_keeps_what_was_acknowledged(synced, sent, on_commit, tmp_path, acknowledged_city, state):
    acknowledged = {name: getattr(synced, name) for name in Customer.PUSHED_FIELDS} | {"city": acknowledged_city}
    Customer.objects.update_unmarked(acknowledged=acknowledged, lease="another's", lease_expires_at=timezone.now())
    synced.refresh_from_db()
    fixture = tmp_path / "customers.json"
    fixture.write_text(serializers.serialize("json", [synced]))
    Customer.objects.all().delete()
    with on_commit():
        call_command("loaddata", str(fixture), verbosity=0)

    row = Customer.objects.get()
    assert (row.sync_state, row.customer_reference, row.lease, row.lease_expires_at) == (state, "1", "", None)
    assert row.acknowledged == acknowledged
    assert sent == []


@pytest.mark.parametrize("twice", [False, True])
def test_loaddata__over_newer_rows_takes_back_nothing_of_the_engines(ada, twocheckout, tmp_path, twice):
    fixture = tmp_path / "customers.json"
    fixture.write_text(serializers.serialize("json", [ada]))  # before it was created at 2Checkout
    sync.push(ada)
    ada.city = "Paris"
    ada.save()
    sync.push(ada)
    for _ in range(1 + twice):
        call_command("loaddata", str(fixture), verbosity=0)
        row = Customer.objects.get()
        assert (row.city, row.customer_reference, row.acknowledged["city"]) == (
            "London",
            ada.customer_reference,
            row.acknowledged["city"],
        )
        sync.push_pending()
    assert [customer["City"] for customer in twocheckout.customers] == ["London"]
    assert Customer.objects.get().sync_state == "synced"


def test_update_unmarked__marks_nothing_and_wakes_no_worker(synced, sent, on_commit):
    with on_commit():
        Customer.objects.update_unmarked(city="Paris")
    assert (state(synced), synced.city, sent) == ("synced", "Paris", [])


def test_mark_pending__revives_a_failed_row(synced):
    Customer.objects.update_unmarked(sync_state="failed", next_attempt_at=timezone.now() + timedelta(days=1))
    assert Customer.objects.mark_pending() == 1
    assert Customer.objects.due().get() == synced
    assert state(synced) == "pending"


def test_due__has_its_conditions(ada):
    now = timezone.now()
    due = {"sync_state": "pending", "next_attempt_at": now - timedelta(1), "lease_expires_at": None}
    for change, is_due in [
        ({}, True),
        ({"sync_state": "failed"}, False),
        ({"sync_state": "synced"}, False),
        ({"next_attempt_at": now + timedelta(1)}, False),
        ({"lease_expires_at": now + timedelta(1)}, False),
        ({"lease_expires_at": now - timedelta(1)}, True),
    ]:
        Customer.objects.update_unmarked(**{**due, **change})
        assert Customer.objects.due().exists() is is_due, change


def test_due__the_longest_due_first(db):
    for days in (1, 3, 2):
        pk = Customer.objects.create(**ADA).pk
        Customer.objects.filter(pk=pk).update_unmarked(next_attempt_at=timezone.now() - timedelta(days))
    times = [customer.next_attempt_at for customer in Customer.objects.due()]
    assert times == sorted(times)
    assert len({*times}) == 3


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
    assert claims.due_in(Customer.objects.all()) == 0
    Customer.objects.update_unmarked(next_attempt_at=timezone.now() + timedelta(minutes=1))
    assert not Customer.objects.due().exists()
    assert claims.due_in(Customer.objects.all()) == pytest.approx(60, abs=5)
