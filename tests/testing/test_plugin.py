from __future__ import annotations

import socket
import time

import pytest
from celery import current_app
from django.db import transaction
from django.test import TestCase, TransactionTestCase

from django_twocheckout import dispatch, sync
from django_twocheckout.kit import TwoCheckoutMixin
from django_twocheckout.models import Customer
from django_twocheckout.testing.project import eager_tasks

from ..customers import ADA


@pytest.fixture
def broker():
    """A listener in the place of a developer's broker."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def connections(server):
    """How many connections have come."""
    count = 0
    while True:
        try:
            server.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


def save_in_all_ways():
    ada = Customer.objects.create(**ADA)
    ada.city = "Bath"
    ada.save()
    Customer.objects.update(city="Rome")
    Customer.objects.bulk_create([Customer(**ADA)])
    return ada


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("form", ["{0}", "memory://;{0}", "list"])
@pytest.mark.parametrize("scheme", ["amqp", "redis"])
def test_fixture__sends_to_no_broker(other_broker, broker, request, configure, scheme, form):
    url = f"{scheme}://guest:guest@127.0.0.1:{broker.getsockname()[1]}/0"
    other_broker([url] if form == "list" else form.format(url))
    configure(PUSH_ON_SAVE=True)
    vendor = request.getfixturevalue("twocheckout")
    ada = save_in_all_ways()
    assert (connections(broker), vendor.requests) == (0, [])
    assert sync.push(ada).sync_state == "synced"
    assert sync.push_pending().pushed == 1
    assert [customer["City"] for customer in vendor.customers] == ["Rome", "London"]
    assert connections(broker) == 0


@pytest.mark.django_db(transaction=True)
def test_fixture__the_listener_counts(other_broker, broker, twocheckout):
    """As the fixture finds a broker in memory, and another one comes after it."""
    other_broker(f"amqp://guest:guest@127.0.0.1:{broker.getsockname()[1]}/0")
    Customer.objects.create(**ADA)
    assert connections(broker) > 0


@pytest.mark.django_db(transaction=True)
def test_fixture__eager_tasks_push_at_the_commit(other_broker, broker, request):
    url = f"amqp://guest:guest@127.0.0.1:{broker.getsockname()[1]}/0"
    other_broker(url, task_always_eager=True, task_eager_propagates=True)
    vendor = request.getfixturevalue("twocheckout")
    save_in_all_ways()
    assert [customer["City"] for customer in vendor.customers] == ["Rome", "London"]
    assert connections(broker) == 0


@pytest.mark.django_db(transaction=True)
def test_fixture__messages_wait_in_memory(twocheckout, sent):
    save_in_all_ways()
    assert sent[0].task == "twocheckout.push_customer"
    assert twocheckout.requests == []


# twocheckout_eager.


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("order", ["first", "last"])
def test_eager__a_save_is_there_at_the_commit(other_broker, broker, request, configure, order):
    other_broker(f"amqp://guest:guest@127.0.0.1:{broker.getsockname()[1]}/0")
    configure(PUSH_ON_SAVE=False)
    for name in ("twocheckout", "twocheckout_eager") if order == "last" else ("twocheckout_eager",):
        vendor = request.getfixturevalue(name)
    with transaction.atomic():
        ada = Customer.objects.create(**ADA)
        assert vendor.requests == []
    vendor.assert_pushed(ada)
    Customer.objects.update(city="Rome")
    vendor.assert_pushed(ada, City="Rome")
    assert connections(broker) == 0


@pytest.mark.django_db(transaction=True)
def test_eager__a_rollback_sends_nothing(twocheckout_eager):
    with transaction.atomic():
        Customer.objects.create(**ADA)
        transaction.set_rollback(True)
    assert twocheckout_eager.requests == []


def test_eager__in_one_transaction(db, twocheckout_eager, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        ada = Customer.objects.create(**ADA)
        assert twocheckout_eager.requests == []
    twocheckout_eager.assert_pushed(ada)


@pytest.mark.django_db(transaction=True)
def test_eager__after_a_broker_that_was_away(twocheckout_eager, monkeypatch):
    monkeypatch.setattr(dispatch, "_broken_until", time.monotonic() + 30)
    twocheckout_eager.assert_pushed(Customer.objects.create(**ADA))


def test_eager__ends_with_the_test():
    with eager_tasks():
        assert current_app.conf.task_always_eager
    assert not current_app.conf.task_always_eager


# assert_pushed.


def test_assert_pushed(db, twocheckout):
    ada = Customer.objects.create(**ADA)
    sync.push(ada)
    theirs = twocheckout.assert_pushed(ada)
    assert theirs["CountryCode"] == "GB"
    assert twocheckout.assert_pushed(Customer.objects.get()) == theirs
    assert twocheckout.assert_pushed(ada.customer_reference, CountryCode="gb", Company=None) == theirs
    twocheckout.assert_pushed(ada.external_customer_reference, FirstName="Ada")


def test_assert_pushed__not_there(db, twocheckout):
    ada = Customer.objects.create(**ADA)
    with pytest.raises(AssertionError, match=r"(?s)no such customer.*is pending.*twocheckout_eager"):
        twocheckout.assert_pushed(ada)
    with pytest.raises(AssertionError, match="no such customer"):
        twocheckout.assert_pushed("601952421")
    with twocheckout.outage("401"):
        sync.push(ada)
    with pytest.raises(AssertionError, match="is pending: Authentication"):
        twocheckout.assert_pushed(ada)


def test_assert_pushed__other_values(db, twocheckout):
    ada = sync.push(Customer.objects.create(**ADA))
    ada.city, ada.phone = "Bath", "555"
    with pytest.raises(AssertionError, match=r"(?s)City: 'London', and not 'Bath'.*Phone: .*, and not '555'"):
        twocheckout.assert_pushed(ada)
    with pytest.raises(AssertionError, match="City: 'London', and not 'Rome'"):
        twocheckout.assert_pushed(ada, City="Rome")
    with pytest.raises(ValueError, match="Did you mean City"):
        twocheckout.assert_pushed(ada, city="London")


def test_assert_pushed__twice(db, twocheckout):
    ada = sync.push(Customer.objects.create(**ADA))
    twocheckout.add_customer(ExternalCustomerReference=ada.external_customer_reference)
    with pytest.raises(AssertionError, match="has 2 such customers"):
        twocheckout.assert_pushed(ada)


# The mixin for unittest.


class OfTransactions(TwoCheckoutMixin, TransactionTestCase):
    twocheckout_eager = True
    databases = ("default", "replica")

    def test_a_save_is_there_at_the_commit(self):
        self.twocheckout.assert_pushed(Customer.objects.create(**ADA))


class InOne(TwoCheckoutMixin, TestCase):
    twocheckout_eager = True
    databases = ("default", "replica")

    def test_captured(self):
        with self.captureOnCommitCallbacks(execute=True):
            ada = Customer.objects.create(**ADA)
        self.twocheckout.assert_pushed(ada)
        assert self.twocheckout.notify("LCN", ada).received


class Usual(TwoCheckoutMixin, TestCase):
    databases = ("default", "replica")

    def test_nothing_is_sent_by_itself(self):
        with self.captureOnCommitCallbacks(execute=True):
            ada = Customer.objects.create(**ADA)
        assert self.twocheckout.requests == []
        sync.sweep()
        self.twocheckout.assert_pushed(Customer.objects.get(pk=ada.pk))
