from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from django_twocheckout import sync
from django_twocheckout.flows import notifications_overview, notifications_sweep
from django_twocheckout.models import Account, Ask, Attempt, Customer, Notification, utc_now
from django_twocheckout.testing.notifications import fields_of, signed

from ..customers import ADA, GRACE

LCN = "/2checkout/lcn/"


def outcomes():
    return list(Notification.objects.order_by("pk").values_list("outcome", flat=True))


def many(number, vendor):
    """So many customers that both sides have."""
    for index in range(number):
        Customer.objects.create(**{**ADA, "email": f"ada{index}@example.org"})
    sync.sweep()
    vendor.requests.clear()
    return list(Customer.objects.order_by("pk"))


@pytest.mark.parametrize("kind", ["IPN", "LCN"])
def test_a_change_there_arrives_here(kind, pushed, twocheckout, heard):
    twocheckout.edit(pushed.customer_reference, City="Bath")
    assert twocheckout.notify(kind, pushed).received
    assert twocheckout.requests == []
    sync.sweep()
    pushed.refresh_from_db()
    assert (pushed.city, pushed.sync_state) == ("Bath", "synced")
    assert [request.method for request in twocheckout.requests] == ["GET"]
    assert (outcomes(), Notification.objects.get().customer) == (["asked"], pushed)
    assert pushed.attempts.order_by("-pk").first().source == "notified"
    sync.sweep()
    assert len(twocheckout.requests) == 1  # no echo


def test_a_burst_is_one_ask_for_each_customer(db, twocheckout):
    customers = many(10, twocheckout)
    for number in range(1000):
        twocheckout.edit(customers[number % 10].customer_reference, City=f"City {number}")
        assert twocheckout.notify("LCN" if number % 3 else "IPN", customers[number % 10]).received
        if number == 500:
            sync.sweep()
    sync.sweep()
    assert len(twocheckout.requests) == 20
    assert sorted(Customer.objects.values_list("city", flat=True)) == [f"City {number}" for number in range(990, 1000)]
    assert set(outcomes()) == {"asked"}
    assert not Ask.objects.exists()


def test_sent_again_and_out_of_order(pushed, twocheckout):
    twocheckout.edit(pushed.customer_reference, City="Bath")
    first = twocheckout.notify("IPN", pushed)
    twocheckout.edit(pushed.customer_reference, City="Ely")
    assert twocheckout.notify("IPN", pushed).received
    again = twocheckout.notify_again(first)
    assert again.received
    assert again.body != first.body
    sync.sweep()
    pushed.refresh_from_db()
    assert pushed.city == "Ely"
    assert len(twocheckout.requests) == 1


def test_a_change_here_is_kept(pushed, twocheckout):
    twocheckout.edit(pushed.customer_reference, City="Bath")
    Customer.objects.filter(pk=pushed.pk).update(first_name="Augusta")
    twocheckout.notify("LCN", pushed)
    sync.sweep()
    pushed.refresh_from_db()
    assert (pushed.first_name, pushed.city, pushed.sync_state) == ("Augusta", "Bath", "synced")
    assert twocheckout.customer(pushed.customer_reference)["FirstName"] == "Augusta"


def test_by_the_external_reference_alone(ada, twocheckout):
    """A purchase made the customer there, with the reference of the row that was not pushed yet."""
    reference = twocheckout.add_customer(**GRACE | {"ExternalCustomerReference": ada.external_customer_reference})
    assert twocheckout.notify("IPN", reference, AVANGATE_CUSTOMER_REFERENCE="").received
    sync.sweep()
    ada.refresh_from_db()
    assert (ada.customer_reference, ada.sync_state) == (reference, "synced")
    assert outcomes() == ["asked"]
    assert len(twocheckout.customers) == 1


def test_references_of_two_rows(db, twocheckout):
    one, two = many(2, twocheckout)
    external = two.external_customer_reference
    assert twocheckout.notify("LCN", one, EXTERNAL_CUSTOMER_REFERENCE=external).received
    sync.sweep()
    assert len(twocheckout.requests) == 2
    assert Notification.objects.get().customer == one


def test_an_unknown_customer_makes_no_request(pushed, twocheckout):
    reference = twocheckout.add_customer(**GRACE)
    twocheckout.notify("LCN", reference)
    sync.sweep()
    assert (twocheckout.requests, outcomes(), Customer.objects.count()) == ([], ["unknown"], 1)


def test_an_unknown_customer_is_added(db, twocheckout, configure):
    configure(IMPORT_UNKNOWN=True)
    reference = twocheckout.add_customer(**GRACE)
    for _ in range(5):
        twocheckout.notify("LCN", reference)
    sync.sweep()
    customer = Customer.objects.get()
    assert (customer.first_name, customer.customer_reference) == ("Grace", reference)
    assert (customer.sync_state, customer.external_customer_reference) == ("synced", "shop-7")
    assert outcomes() == ["added"] * 5
    assert set(Notification.objects.values_list("customer", flat=True)) == {customer.pk}
    sync.sweep()
    assert [request.method for request in twocheckout.requests] == ["GET"]


def test_an_unknown_customer_is_linked_by_what_2checkout_says(ada, twocheckout, configure):
    """Its notification did not carry the external reference."""
    configure(IMPORT_UNKNOWN=True)
    reference = twocheckout.add_customer(**GRACE | {"ExternalCustomerReference": ada.external_customer_reference})
    Customer.objects.update_unmarked(sync_state="failed")
    twocheckout.notify("LCN", reference, without=["EXTERNAL_CUSTOMER_REFERENCE"])
    sync.sweep()
    assert outcomes() == ["asked"]
    sync.sweep()
    assert Customer.objects.get().customer_reference == reference


def test_one_that_2checkout_does_not_have(db, twocheckout, configure):
    configure(IMPORT_UNKNOWN=True)
    twocheckout.notify("LCN", "123456789")
    sync.sweep()
    assert (outcomes(), Customer.objects.count()) == (["unknown"], 0)


@pytest.mark.parametrize(("fault", "requests"), [("503", 1), ("429", 1), ("401", 1)])
def test_an_outage(fault, requests, db, twocheckout, configure):
    configure(IMPORT_UNKNOWN=True)
    for _ in range(2):
        twocheckout.notify("LCN", twocheckout.add_customer(**GRACE | {"ExternalCustomerReference": f"shop-{_}"}))
    with twocheckout.outage(fault):
        sync.sweep()
    assert outcomes() == ["to_add"] * 2
    assert len(twocheckout.requests) == requests
    sync.sweep()
    if fault == "503":
        assert outcomes() == ["added"] * 2
        return
    assert outcomes() == ["to_add"] * 2  # the account is paused
    Account.objects.update(open_until=utc_now() - timedelta(hours=1))
    sync.sweep()
    assert outcomes() == ["added"] * 2
    assert not Account.objects.get().open_until


def test_one_that_cannot_be_read_is_given_up(db, twocheckout, configure):
    configure(IMPORT_UNKNOWN=True)
    reference = twocheckout.add_customer(**GRACE | {"ExternalCustomerReference": ["shop-7"]})
    twocheckout.notify("LCN", reference, EXTERNAL_CUSTOMER_REFERENCE="")
    sync.sweep()
    assert outcomes() == ["to_add"]
    Notification.objects.update(received_at=utc_now() - timedelta(days=3))
    sync.sweep()
    assert outcomes() == ["unknown"]


def test_limit(db, twocheckout, configure):
    configure(IMPORT_UNKNOWN=True)
    for number in range(3):
        twocheckout.notify("LCN", twocheckout.add_customer(**GRACE | {"ExternalCustomerReference": f"shop-{number}"}))
    sync.sweep(limit=2)
    assert outcomes() == ["added", "added", "to_add"]


def test_nothing_is_sent_while_disabled(db, twocheckout, configure):
    configure(IMPORT_UNKNOWN=True, ENABLED=False)
    assert twocheckout.notify("LCN", twocheckout.add_customer(**GRACE)).received
    sync.sweep()
    assert (twocheckout.requests, outcomes()) == ([], ["to_add"])


def test_each_account_has_its_own(db, twocheckout, configure):
    configure(ACCOUNTS={"us": {"MERCHANT_CODE": "US", "SECRET_KEY": twocheckout.secret_key}})
    [here] = many(1, twocheckout)
    there = Customer.objects.create(**ADA, account="us", customer_reference=here.customer_reference)
    Ask.objects.all().delete()
    Customer.objects.update_unmarked(sync_state="synced")
    assert twocheckout.notify("LCN", here, account="us").received
    notifications_sweep.apply("default")
    assert [ask.customer for ask in Ask.objects.all()] == [there]


def test_purge(db, twocheckout, configure):
    ages = {"asked": [0, 91], "": [0, 91], "to_add": [6, 8], "forged": [0, 2], "unnamed": [89, 91]}
    for outcome, days in ages.items():
        for age in days:
            Notification.objects.create(
                kind="lcn", outcome=outcome, account="gone", received_at=utc_now() - timedelta(days=age)
            )
    sync.sweep()
    assert sorted(outcomes()) == ["", "asked", "forged", "to_add", "to_add", "unnamed"]
    configure(HISTORY_DAYS=0)
    sync.sweep()
    assert sorted(outcomes()) == ["", "forged", "to_add"]


def test_without_a_history(pushed, twocheckout, configure):
    configure(HISTORY_DAYS=0)
    twocheckout.edit(pushed.customer_reference, City="Bath")
    twocheckout.notify("LCN", pushed)
    before = notifications_overview.overview()[0]
    sync.sweep()
    pushed.refresh_from_db()
    assert (pushed.city, outcomes()) == ("Bath", [])
    assert notifications_overview.overview()[0].last == before.last is not None


@pytest.mark.parametrize("stored", [0, 50])
def test_a_sweep_with_nothing_new_asks_once(stored, pushed, twocheckout):
    for _ in range(stored):
        twocheckout.notify("LCN", pushed)
    sync.sweep()
    before = Account.objects.get().version, Account.objects.get().notified_at
    with CaptureQueriesContext(connections["default"]) as queries:
        sync.sweep()
    asked = [query["sql"] for query in queries if Notification._meta.db_table in query["sql"]]
    assert len(asked) == 1
    assert asked[0].startswith("SELECT 1")
    assert not [query for query in queries if "notified_at" in query["sql"] and "UPDATE" in query["sql"]]
    assert (Account.objects.get().version, Account.objects.get().notified_at) == before


@pytest.mark.parametrize(("days", "kept"), [(90, 1), (0, 0)])
@pytest.mark.parametrize("fields", [{}, {"TEST": "1"}, {"AVANGATE_CUSTOMER_REFERENCE": ""}])
def test_when_the_last_one_came_outlives_it(days, kept, fields, pushed, twocheckout, configure):
    configure(HISTORY_DAYS=days, TEST_ORDERS=False)
    twocheckout.notify("LCN", pushed.customer_reference, EXTERNAL_CUSTOMER_REFERENCE="", **fields)
    last = notifications_overview.overview()[0].last
    sync.sweep()
    assert Notification.objects.count() == kept
    assert notifications_overview.overview()[0].last == last is not None


def test_killed_between_asking_and_noting(pushed, twocheckout, monkeypatch):
    twocheckout.notify("LCN", pushed)

    def killed(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("django.db.models.query.QuerySet.bulk_update", killed)
    with pytest.raises(KeyboardInterrupt):
        sync.sweep()
    monkeypatch.undo()
    sync.sweep()
    assert (len(twocheckout.requests), outcomes()) == (1, ["asked"])


def test_a_deleted_customer(pushed, twocheckout):
    twocheckout.notify("LCN", pushed)
    notifications_sweep.apply("default")
    pushed.delete()
    assert outcomes() == []


@pytest.mark.django_db(transaction=True)
def test_the_endpoint_waits_for_no_row(twocheckout):
    if not connections["default"].features.has_select_for_update_skip_locked:
        pytest.skip("this database has no row locks")
    [customer] = many(1, twocheckout)
    body = signed(fields_of("LCN", {"CustomerReference": customer.customer_reference}), "SECRET_KEY", ["sha3-256"])
    other = connections["default"].copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            for table in (Customer, Ask, Account, Attempt):
                cursor.execute(f"SELECT * FROM {table._meta.db_table} FOR UPDATE")
            began = time.monotonic()
            assert Client().post(LCN, body, content_type="application/x-www-form-urlencoded").status_code == 200
            assert time.monotonic() - began < 2
            cursor.execute("ROLLBACK")
    finally:
        other.close()
    assert outcomes() == [""]
