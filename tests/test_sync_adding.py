from __future__ import annotations

import logging
import threading

import pytest
from django.db import connection, transaction

from django_twocheckout import sync
from django_twocheckout.exceptions import AlreadyAdded, ConnectionFailed, NotFound, NotSent, UnreadableAnswer
from django_twocheckout.models import Attempt, Customer, Source
from django_twocheckout.signals import customer_pulled
from django_twocheckout.sync import adding

THEIRS = {
    "ExternalCustomerReference": "shop-7",
    "FirstName": "Grace",
    "LastName": "Hopper",
    "Address1": "1 Navy Yard",
    "City": "Arlington",
    "Zip": "22201",
    "CountryCode": "US",
    "Email": "grace@example.org",
    "Language": "en",
    "Enabled": True,
    "Credit": {"Limit": 10, "Remaining": 4.5, "Currency": "EUR"},
}


@pytest.fixture
def grace(twocheckout, db):
    """2Checkout's reference of a customer that has no row here."""
    reference = twocheckout.add_customer(**THEIRS)
    twocheckout.add_card(reference)
    return reference


def methods(vendor):
    return [request.method for request in vendor.requests]


def add_without_external(vendor):
    return vendor.add_customer(**{**THEIRS, "ExternalCustomerReference": None})


# Finding.


@pytest.mark.parametrize("kind", ["internal", "external"])
def test_find__by_either_reference(grace, twocheckout, kind):
    found = sync.find(f" {grace if kind == 'internal' else 'shop-7'} ")
    assert (found.theirs.reference, found.external_reference, found.matched, found.row) == (
        grace,
        "shop-7",
        kind,
        None,
    )
    assert (Customer.objects.count(), Attempt.objects.count(), methods(twocheckout)) == (0, 0, ["GET"])


def test_find__digits_may_be_either_reference(grace, twocheckout):
    twocheckout.add_customer(**{**THEIRS, "ExternalCustomerReference": grace, "FirstName": "Other"})
    assert (sync.find(grace).matched, sync.find(grace).theirs.shared["first_name"]) == ("internal", "Grace")
    twocheckout.behaviour.set(ambiguous_reference="external")
    assert (sync.find(grace).matched, sync.find(grace).theirs.shared["first_name"]) == ("external", "Other")


def test_find__an_answer_that_does_not_carry_the_reference(grace, twocheckout):
    twocheckout.behaviour.set(external_case_sensitive=False)
    with pytest.raises(UnreadableAnswer, match="does not carry this reference"):
        sync.find("SHOP-7")


@pytest.mark.parametrize(
    ("reference", "error"), [("shop-8", NotFound), ("601959999", NotFound), (" ", NotSent), ("..", NotSent)]
)
def test_find__nothing_to_be_found(grace, reference, error):
    with pytest.raises(error):
        sync.find(reference)


def test_find__tells_of_a_row(grace, twocheckout):
    row = Customer.objects.create(customer_reference=grace)
    assert sync.find("shop-7").row == row
    Customer.objects.filter(pk=row.pk).update(customer_reference=None, external_customer_reference="shop-7")
    assert sync.find(grace).row == row


def test_find__counts_for_the_rate(grace, settings):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "RATE_LIMIT": "10/m"}
    sync.find(grace)
    with pytest.raises(NotFound):
        sync.find("shop-8")
    assert sum(count for _slice, count in sync.look().window) == 2


# Adding.


@pytest.mark.parametrize("typed", ["internal", "external"])
def test_add__a_row_that_is_in_step(grace, twocheckout, sent, typed, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        customer = sync.add(grace if typed == "internal" else "shop-7", source=Source.USER, user=7)
    row = Customer.objects.get()
    assert row == customer
    assert (row.customer_reference, row.external_customer_reference) == (grace, "shop-7")
    assert (row.first_name, row.country_code, row.company, row.email) == ("Grace", "US", "", "grace@example.org")
    assert (row.enabled, row.trial) == (True, False)
    assert row.existing_cards == [{"type": "Visa", "last_digits": "1111", "expiry": "12/2029"}]
    assert (str(row.credit_limit), str(row.credit_remaining), row.credit_currency) == ("10.00", "4.50", "EUR")
    assert (row.sync_state, row.sync_error, row.in_doubt) == ("synced", "", [])
    assert row.acknowledged == {name: getattr(row, name) for name in Customer.PUSHED_FIELDS}
    assert row.pulled_at is not None
    assert row.pushed_at is None
    assert sent == []
    assert sync.push(row).sync_state == "synced"
    assert methods(twocheckout) == ["GET"]


def test_add__leaves_a_line_in_the_history_a_signal_and_a_log_line(grace, caplog):
    heard = []
    customer_pulled.connect(lambda **facts: heard.append(facts), weak=False, dispatch_uid="heard")
    try:
        with caplog.at_level(logging.INFO, "twocheckout"):
            customer = sync.add(grace, source=Source.USER, user=7)
    finally:
        customer_pulled.disconnect(dispatch_uid="heard")
    [line] = customer.attempts.all()
    assert (line.verb, line.outcome, line.source, line.user) == ("pull", "done", "user", "7")
    assert (line.requests, line.status, line.sent, line.created) == (1, 200, "", False)
    assert "FirstName" in line.adopted.split()
    assert "Company" not in line.adopted.split()
    assert [(facts["customer"], facts["fields"]) for facts in heard] == [(customer, line.adopted.split())]
    [record] = [record for record in caplog.records if record.name == "twocheckout"]
    assert (record.event, record.customer, record.source, record.requests) == (
        "customer.pulled",
        customer.pk,
        "user",
        1,
    )
    for secret in ("Grace", "grace@", "shop-7", grace):
        assert secret not in record.getMessage() + str(vars(record))


def test_add__without_a_reference_of_ours_2checkout_is_told_one(
    twocheckout, db, sent, django_capture_on_commit_callbacks
):
    reference = add_without_external(twocheckout)
    with django_capture_on_commit_callbacks(execute=True):
        customer = sync.add(reference)
    assert (customer.sync_state, customer.customer_reference) == ("pending", reference)
    assert customer.external_customer_reference.startswith("dj-")
    assert customer.acknowledged["external_customer_reference"] == ""
    assert [message.args for message in sent] == [(customer.pk,)]

    sync.push(customer)
    assert customer.sync_state == "synced"
    assert twocheckout.customer(reference)["ExternalCustomerReference"] == customer.external_customer_reference
    assert customer.attempts.get(verb="push").sent == "ExternalCustomerReference"
    assert len(twocheckout.customers) == 1


@pytest.mark.parametrize("here", ["customer_reference", "external_customer_reference"])
def test_add__never_a_second_row(grace, here):
    row = Customer.objects.create(**{here: grace if here == "customer_reference" else "shop-7"})
    with pytest.raises(AlreadyAdded) as raised:
        sync.add(grace)
    assert raised.value.pk == row.pk
    assert "shop-7" not in str(raised.value)
    assert Customer.objects.get() == row


@pytest.mark.parametrize("external", ["shop-7", None])
def test_add__somebody_is_quicker(twocheckout, db, monkeypatch, external):
    """Both have looked, and found no row, before either writes one."""
    reference = twocheckout.add_customer(**{**THEIRS, "ExternalCustomerReference": external})
    insert, quicker = adding._insert, []

    def insert_second(found, database):
        quicker.append(insert(found, database))
        return insert(found, database)

    monkeypatch.setattr(adding, "_insert", insert_second)
    with pytest.raises(AlreadyAdded) as raised:
        sync.add(reference)
    assert [raised.value.pk] == [row.pk for row in quicker]
    assert Customer.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite in memory has one connection")
def test_add__two_people_at_once(twocheckout):
    reference = add_without_external(twocheckout)
    barrier, ends = threading.Barrier(2), []

    def work():
        try:
            barrier.wait()
            sync.add(reference)
            ends.append("added")
        except AlreadyAdded:
            ends.append("there already")
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == ["added", "there already"]
    assert Customer.objects.count() == 1


def test_add__the_customer_that_was_looked_at_or_none(grace, twocheckout):
    twocheckout.add_customer(**{**THEIRS, "ExternalCustomerReference": grace})
    twocheckout.behaviour.set(ambiguous_reference="external")
    with pytest.raises(UnreadableAnswer, match="another customer"):
        sync.add(grace, customer_reference=grace)
    assert Customer.objects.count() == 0
    twocheckout.behaviour.set(ambiguous_reference="internal")
    assert sync.add(grace, customer_reference=grace).customer_reference == grace


@pytest.mark.parametrize(("fault", "error"), [("reset", ConnectionFailed), ("not-json", UnreadableAnswer)])
def test_add__no_usable_answer(grace, twocheckout, fault, error):
    twocheckout.fail(fault)
    with pytest.raises(error):
        sync.add(grace)
    assert (Customer.objects.count(), Attempt.objects.count()) == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_add__refuses_to_work_in_a_transaction(twocheckout):
    reference = twocheckout.add_customer(**THEIRS)
    with transaction.atomic(), pytest.raises(RuntimeError):
        sync.add(reference)
    assert Customer.objects.count() == 0


def test_add__what_the_database_cannot_hold(grace, monkeypatch):
    def refuse(self, **options):
        raise ValueError("Grace")

    monkeypatch.setattr(Customer, "save", refuse)
    with pytest.raises(UnreadableAnswer, match="cannot be stored: ValueError") as raised:
        sync.add(grace)
    assert "Grace" not in str(raised.value)
