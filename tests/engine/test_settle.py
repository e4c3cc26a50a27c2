from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest
from django.db import DatabaseError, OperationalError, connection, transaction

from django_twocheckout import signals, sync
from django_twocheckout.client import TwoCheckoutClient
from django_twocheckout.engine import claims, reconcile, settle
from django_twocheckout.engine.batch import finish, run_one
from django_twocheckout.engine.clients import current_client
from django_twocheckout.exceptions import CustomerBusy, UnreadableAnswer
from django_twocheckout.flows.push import unmarked_changes
from django_twocheckout.models import Customer, Erasure, Verb
from django_twocheckout.testing import Fault

from ..clock import leases_expire, retries_come_due
from ..customers import ADA, change, claim_of


def test_lease_lost__the_row_is_deleted(ada, twocheckout, caplog):
    claim = claim_of(Customer.objects.get())
    Customer.objects.all().delete()
    run_one(claim, current_client("default"))
    assert "lease lost" in caplog.text
    assert not Customer.objects.exists()


def test_in_flight__a_change_stays_pending_and_is_pushed_next(pushed, twocheckout):
    change(pushed, city="Paris")
    twocheckout.edit(pushed.customer_reference, Phone="555")
    claim = claim_of(Customer.objects.get())
    change(pushed, fax="1", address1="1 rue de Rivoli")

    summary = run_one(claim, current_client("default"))[0]

    assert summary.changed == 1
    pushed.refresh_from_db()
    assert (pushed.sync_state, pushed.phone, pushed.lease_expires_at) == ("pending", "", None)
    sync.push(pushed)
    theirs = twocheckout.customers[0]
    assert (theirs["City"], theirs["Fax"], theirs["Phone"]) == ("Paris", "1", "555")
    assert (pushed.phone, pushed.sync_state) == ("555", "synced")


def test_in_flight__push_goes_on_until_the_row_is_quiet(pushed, twocheckout, heard):
    seen = []

    def meddle(sender, customer, **facts):
        if len(seen) < 2:
            seen.append(1)
            change(customer, address2=f"{len(seen)}th floor")

    change(pushed, city="Paris")
    # The listener is called after the settling, so it stands for a save that comes just then.
    signals.customer_pushed.connect(meddle)
    try:
        sync.push(pushed)
        sync.push_pending()
    finally:
        signals.customer_pushed.disconnect(meddle)
    pushed.refresh_from_db()
    assert (pushed.sync_state, twocheckout.customers[0]["Address2"]) == ("synced", "2th floor")


def test_in_flight__a_refusal_of_older_values_does_not_fail_the_newer(pushed, twocheckout):
    change(pushed, company="Engines", fiscal_code="INVALID")
    claim = claim_of(Customer.objects.get())
    change(pushed, fiscal_code="RO1")

    run_one(claim, current_client("default"))

    pushed.refresh_from_db()
    assert (pushed.sync_state, pushed.sync_error) == ("pending", "")
    sync.push(pushed)
    assert (pushed.sync_state, twocheckout.customers[0]["FiscalCode"]) == ("synced", "RO1")


def test_lease_lost__settles_nothing(ada, twocheckout, caplog):
    claim = claim_of(Customer.objects.get())
    leases_expire()
    sync.push(ada)
    assert ada.sync_state == "synced"
    twocheckout.fail("500")
    run_one(claim, current_client("default"))
    ada.refresh_from_db()
    assert (ada.sync_state, ada.failed_attempts) == ("synced", 0)
    assert "lease lost" in caplog.text


def test_lease_lost__an_update_that_arrives_late_is_seen_and_overwritten(pushed, twocheckout, caplog):
    """As if the worker was suspended at the moment of sending."""
    change(pushed, city="Paris")
    late = claim_of(Customer.objects.get())
    leases_expire()
    change(pushed, city="London")
    sync.push(pushed)
    assert (pushed.sync_state, twocheckout.customers[0]["City"]) == ("synced", "London")

    run_one(late, current_client("default"))  # its deadline is not past by this machine's clock

    assert twocheckout.customers[0]["City"] == "Paris"
    pushed.refresh_from_db()
    assert pushed.sync_state == "pending"
    assert "looked up" in caplog.text
    sync.push_pending()
    pushed.refresh_from_db()
    assert (pushed.sync_state, pushed.city, twocheckout.customers[0]["City"]) == ("synced", "London", "London")


def test_lease_lost__a_worker_at_the_row_fetched_before_the_late_update(pushed, twocheckout):
    change(pushed, city="Paris")
    late = claim_of(Customer.objects.get())
    leases_expire()
    change(pushed, city="London")
    other = claim_of(Customer.objects.get())
    result = reconcile.push(other, current_client("default"))

    run_one(late, current_client("default"))
    finish([(other, result)])

    pushed.refresh_from_db()
    assert (pushed.sync_state, [values["city"] for values in pushed.in_doubt]) == ("pending", ["Paris", "London"])
    leases_expire()
    sync.push_pending()
    pushed.refresh_from_db()
    assert (pushed.sync_state, pushed.city, twocheckout.customers[0]["City"]) == ("synced", "London", "London")


@pytest.mark.parametrize("step", ["under way", "done", "no erasure"])
def test_lease_lost__a_late_update_of_an_erased_customer_is_told(pushed, twocheckout, caplog, step):
    change(pushed, city="Paris")
    late = claim_of(Customer.objects.get())
    if step != "no erasure":
        Erasure.objects.create(customer=pushed)
    if step == "under way":
        Customer.objects.update_unmarked(erased=True, sync_state="synced", lease="another")
    else:
        Customer.objects.all().delete()

    run_one(late, current_client("default"))

    assert ("look at 2Checkout" in caplog.text) == (step != "no erasure")
    assert not Customer.objects.exclude(sync_state="synced").exists()


@pytest.mark.parametrize("what", ["a pull", "a fetch that fails", "too late to send"])
def test_lease_lost__no_update_was_sent(pushed, twocheckout, caplog, what):
    change(pushed, city="Paris")
    twocheckout.fail("500", method="PUT")
    sync.push(pushed)  # from now on Paris is in doubt
    retries_come_due()
    late = claim_of(Customer.objects.get(), Verb.PULL if what == "a pull" else Verb.PUSH)
    if what == "a fetch that fails":
        twocheckout.fail("500", method="GET")
    elif what == "too late to send":
        late = replace(late, send_by=0.0)
    Customer.objects.update_unmarked(lease="another")

    run_one(late, current_client("default"))

    assert "lease lost" in caplog.text
    assert "looked up" not in caplog.text
    assert Customer.objects.get().lease == "another"


@pytest.mark.parametrize("fault", ["false", "401", None])
def test_lease_lost__nothing_is_in_doubt_if_nothing_was_carried_out(pushed, twocheckout, fault):
    change(pushed, city="Paris")
    late = claim_of(Customer.objects.get())
    leases_expire()
    change(pushed, city="London")
    sync.push(pushed)
    if fault:
        twocheckout.fail(fault)
    else:
        late = replace(late, send_by=0.0)

    run_one(late, current_client("default"))

    pushed.refresh_from_db()
    assert (pushed.sync_state, pushed.in_doubt) == ("synced", [])


@pytest.mark.parametrize("words", ["bad \\ud800 news", "bad \\u0000 news", "bad \\n\\u2028 news"])
def test_settle__words_that_no_database_holds(db, twocheckout, words):
    for _ in range(2):
        Customer.objects.create(**ADA)
    body = f'{{"error_code": "X", "message": "{words}"}}'
    twocheckout.fail(Fault(400, body), method="POST")

    sync.push_pending()

    assert sorted(Customer.objects.values_list("sync_state", "sync_error")) == [
        ("failed", "bad news (X)"),
        ("synced", ""),
    ]


def test_settle__an_answer_that_the_database_refuses(ada, twocheckout, monkeypatch):
    other = Customer.objects.create(**ADA)
    monkeypatch.setattr(TwoCheckoutClient, "create_customer", lambda client, information: "\ud800" * 3)

    sync.push_pending()

    ada.refresh_from_db()
    other.refresh_from_db()
    assert (ada.sync_state, other.sync_state, ada.lease_expires_at) == ("pending", "pending", None)
    assert "cannot be stored" in ada.sync_error
    assert len(ada.in_doubt) == 1  # the next try looks it up


def test_settle__a_character_that_mariadb_does_not_have(pushed, twocheckout):
    """Its driver calls that an operational error, as if the database were away."""

    def narrow(execute, sql, params, many, context):
        if "😀" in str(params):
            raise OperationalError(1366, "Incorrect string value")
        return execute(sql, params, many, context)

    twocheckout.edit(pushed.customer_reference, City="Paris 😀")
    with connection.execute_wrapper(narrow), pytest.raises(UnreadableAnswer, match="cannot be stored"):
        sync.pull(pushed)
    pushed.refresh_from_db()
    assert (pushed.city, pushed.lease_expires_at) == ("London", None)


def test_settle__a_pull_that_cannot_be_written_is_no_success(pushed, twocheckout, monkeypatch):
    twocheckout.edit(pushed.customer_reference, FirstName="Eve")

    def fails(*arguments):
        raise OperationalError

    monkeypatch.setattr(settle, "_settle_one", fails)
    monkeypatch.setattr(settle, "_settle_together", fails)
    with pytest.raises(CustomerBusy):
        sync.pull(pushed)
    assert sync.pull_each([pushed.pk]).pushed == 0


def test_settled_together_and_each_with_what_is_its_own(many, twocheckout):
    """One statement for rows of which some were adopted, some were saved meanwhile, and some lost."""
    sync.push_pending()
    for customer in twocheckout.customers:
        twocheckout.edit(customer["CustomerReference"], Phone=f"55{customer['Address2'][4:]}")
    Customer.objects.update(city="Paris")
    claimed = claims.claim(Customer.objects.due(), Verb.PUSH)
    ended = [(claim, reconcile.push(claim, current_client("default"))) for claim in claimed]
    Customer.objects.filter(pk=many[1].pk).update(city="Oslo")
    Customer.objects.filter(pk=many[2].pk).update_unmarked(lease="another worker's")
    Customer.objects.filter(pk=many[3].pk).delete()

    summary, _locked = finish(ended)

    assert (summary.pushed, summary.changed) == (28, 1)
    for number, customer in enumerate(many):
        row = Customer.objects.filter(pk=customer.pk).first()
        expected = {
            1: ("pending", "Oslo", "", "Paris"),
            2: ("pending", "Paris", "", "London"),
        }.get(number, ("synced", "Paris", f"55{number}", "Paris"))
        if number == 3:
            assert row is None
        else:
            assert (row.sync_state, row.city, row.phone, row.acknowledged["city"]) == expected
    sync.push_pending()
    assert Customer.objects.get(pk=many[1].pk).phone == "551"


@pytest.mark.django_db
def test_raw_sql_in_flight_is_not_acknowledged(twocheckout):
    for _ in range(2):
        Customer.objects.create(**ADA)
    claimed = claims.claim(Customer.objects.due(), Verb.PUSH)
    ended = [(claim, reconcile.push(claim, current_client("default"))) for claim in claimed]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE twocheckout_customer SET city = 'Paris' WHERE id = %s", [claimed[0].pk])
    finish(ended)
    assert list(unmarked_changes(Customer.objects.all())) == [claimed[0].pk]


class Host:
    """The project, in a transaction of its own that writes these rows and does not end before the test lets it."""

    def __init__(self, *pks):
        self.pks, self.writes, self.ends, self.error = pks, threading.Event(), threading.Event(), None
        self.thread = threading.Thread(target=self.run)

    def run(self):
        try:
            with transaction.atomic():
                for pk in self.pks:
                    Customer.objects.filter(pk=pk).update_unmarked(fax="555")
                    self.writes.set()
                    self.ends.wait(20)
        except DatabaseError as error:
            self.error = error
        finally:
            connection.close()

    def __enter__(self):
        self.thread.start()
        assert self.writes.wait(20)
        return self

    def __exit__(self, *exc):
        self.ends.set()
        self.thread.join()


@pytest.fixture
def row_locks(transactional_db):
    if not connection.features.has_select_for_update_skip_locked:
        pytest.skip("this database locks as a whole")


@pytest.mark.usefixtures("row_locks")
def test_a_row_that_the_project_is_writing_holds_up_no_other(twocheckout, configure, monkeypatch):
    configure(BATCH_SIZE=5, CONCURRENCY=2)
    keys = {c.external_customer_reference: c.pk for c in (Customer.objects.create(**ADA) for _ in range(20))}
    hosts, lock, create = [], threading.Lock(), TwoCheckoutClient.create_customer

    def create_and_lock(client, information):
        with lock:
            if not hosts:
                hosts.append(Host(keys[information["ExternalCustomerReference"]]))
                hosts[0].__enter__()
        return create(client, information)

    def end_when_the_others_are_done(_count):
        if Customer.objects.filter(sync_state="synced").count() == 19:
            hosts[0].ends.set()

    monkeypatch.setattr(TwoCheckoutClient, "create_customer", create_and_lock)
    summary = sync.push_pending(on_settled=end_when_the_others_are_done)
    assert hosts[0].ends.is_set()
    hosts[0].__exit__()
    assert (summary.pushed, Customer.objects.filter(sync_state="synced", fax="555").count()) == (20, 1)


@pytest.mark.usefixtures("row_locks")
def test_the_projects_transactions_are_never_the_victims(twocheckout):
    customers = [Customer.objects.create(**ADA) for _ in range(10)]
    with Host(customers[7].pk, customers[1].pk) as host:
        worker = threading.Thread(target=lambda: (sync.push_each([c.pk for c in customers]), connection.close()))
        worker.start()
        time.sleep(0.3)  # for the worker to come to the row that is locked
    worker.join()
    assert host.error is None
    assert Customer.objects.filter(sync_state="synced").count() == 10
