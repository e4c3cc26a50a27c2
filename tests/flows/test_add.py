from __future__ import annotations

import logging
import threading

import pytest
from django.db import connection, transaction

from django_twocheckout import sync
from django_twocheckout.exceptions import AlreadyAdded, ConnectionFailed, NotFound, NotSent, UnreadableAnswer
from django_twocheckout.flows import add
from django_twocheckout.flows.account import current_account
from django_twocheckout.models import Attempt, Customer, Source
from django_twocheckout.signals import customer_pulled

from ..customers import ADA, GRACE, change
from ..vendor_log import methods, put_bodies


@pytest.fixture
def grace(twocheckout, db):
    """2Checkout's reference of a customer that has no row here."""
    reference = twocheckout.add_customer(**GRACE)
    twocheckout.add_card(reference)
    return reference


def add_without_external(vendor):
    return vendor.add_customer(**{**GRACE, "ExternalCustomerReference": None})


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
    twocheckout.add_customer(**{**GRACE, "ExternalCustomerReference": grace, "FirstName": "Other"})
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


def test_find__names_the_row(grace, twocheckout):
    row = Customer.objects.create(customer_reference=grace)
    assert sync.find("shop-7").row == row
    row_of_it = Customer.objects.filter(pk=row.pk)
    row_of_it.update_unmarked(customer_reference=None, external_customer_reference="shop-7")
    assert sync.find(grace).row == row


def test_find__counts_for_the_rate(grace, configure):
    configure(RATE_LIMIT="10/m")
    sync.find(grace)
    with pytest.raises(NotFound):
        sync.find("shop-8")
    assert sum(count for _slice, count in current_account().window) == 2


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
    assert (line.requests, line.http_status, line.sent, line.created) == (1, 200, "", False)
    assert "FirstName" in line.adopted.split()
    assert "Company" not in line.adopted.split()
    assert [(facts["customer"], facts["fields"]) for facts in heard] == [(customer, line.adopted.split())]
    [record] = [record for record in caplog.records if record.name == "twocheckout"]
    assert (record.action, record.customer, record.asked_by, record.requests) == (
        "customer.pulled",
        customer.pk,
        "user",
        1,
    )
    for secret in ("Grace", "grace@", "shop-7", grace):
        assert secret not in record.getMessage() + str(vars(record))


def test_add__without_a_reference_of_ours_2checkout_is_told_none(
    twocheckout, db, sent, django_capture_on_commit_callbacks
):
    references = [add_without_external(twocheckout) for _ in range(2)]
    with django_capture_on_commit_callbacks(execute=True):
        customers = [sync.add(reference) for reference in references]
    for customer, reference in zip(customers, references, strict=True):
        customer.refresh_from_db()
        assert (customer.sync_state, customer.customer_reference) == ("synced", reference)
        assert customer.external_customer_reference is None
        assert str(customer)
    assert sent == []
    assert sync.push_pending().tried == 0

    change(customer, city="Paris")
    assert sync.push(customer).sync_state == "synced"
    [body] = put_bodies(twocheckout)
    assert "ExternalCustomerReference" not in body
    assert customer.external_customer_reference is None
    assert len(twocheckout.customers) == 2


@pytest.mark.parametrize("here", ["customer_reference", "external_customer_reference"])
def test_add__never_a_second_row(grace, here):
    row = Customer.objects.create(**{here: grace if here == "customer_reference" else "shop-7"})
    with pytest.raises(AlreadyAdded) as raised:
        sync.add(grace)
    assert raised.value.pk == row.pk
    assert "shop-7" not in str(raised.value)
    assert Customer.objects.get() == row


@pytest.mark.parametrize("external", ["shop-7", None])
def test_add__another_worker_is_quicker(twocheckout, db, monkeypatch, external):
    """Both have looked, and found no row, before either writes one."""
    reference = twocheckout.add_customer(**{**GRACE, "ExternalCustomerReference": external})
    insert, quicker = add._insert, []

    def insert_second(found, account, database):
        quicker.append(insert(found, account, database))
        return insert(found, account, database)

    monkeypatch.setattr(add, "_insert", insert_second)
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
    twocheckout.add_customer(**{**GRACE, "ExternalCustomerReference": grace})
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
    reference = twocheckout.add_customer(**GRACE)
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


def test_add__what_is_missing_there_is_blank_here_and_named_by_a_later_push(pushed, answer, twocheckout):
    reference = pushed.customer_reference
    pushed.delete()
    answer(Email=None, Zip="  ")
    row = sync.add(reference)
    assert (row.email, row.zip, row.city, row.sync_state) == ("", "", ADA["city"], "synced")

    row.city = "Paris"
    row.save()
    answer(Email=None, Zip="  ")
    sync.push(row)
    assert (put_bodies(twocheckout), row.sync_state) == ([], "failed")
    assert row.sync_error == "Not sent to 2Checkout: Zip is required. Email is required."
    sync.push(row)  # 2Checkout tells all of it now
    assert (row.email, row.zip, row.sync_state) == (ADA["email"], ADA["zip"], "synced")


def test_add__an_unreadable_external_reference_is_not_replaced(pushed, answer):
    reference = pushed.customer_reference
    pushed.delete()
    answer(ExternalCustomerReference="x" * 300)
    with pytest.raises(UnreadableAnswer, match="ExternalCustomerReference"):
        sync.add(reference)
