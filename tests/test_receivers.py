from __future__ import annotations

from functools import partial

import pytest
from celery.signals import worker_ready
from django.db import connection, transaction

from django_twocheckout import receivers
from django_twocheckout.kit import synced_customer
from django_twocheckout.models import Customer, customers_marked

from .customers import ADA


@pytest.mark.django_db(transaction=True)
class TestSaving:
    def test_wakes_a_worker_with_the_key_alone(self, sent):
        ada = Customer.objects.create(**ADA)
        [message] = sent
        assert (message.task, message.args, message.kwargs) == ("twocheckout.push_customer", (ada.pk,), {})

    def test_waits_for_the_commit(self, sent):
        with transaction.atomic():
            Customer.objects.create(**ADA)
            assert sent == []
        assert len(sent) == 1

    def test_rolled_back_wakes_no_worker(self, sent, twocheckout):
        with transaction.atomic():
            Customer.objects.create(**ADA)
            transaction.set_rollback(True)
        assert (sent, twocheckout.requests) == ([], [])

    def test_unchanged_wakes_no_worker(self, sent):
        ada = Customer.objects.create(**ADA)
        sent.clear()
        ada.save()
        ada.credit_currency = "EUR"
        ada.save()
        assert sent == []

    def test_of_one_that_2checkout_has_wakes_no_worker(self, sent):
        synced_customer(**ADA)
        assert sent == []

    def test_wakes_no_worker_where_the_settings_say_so(self, sent, configure):
        configure(PUSH_ON_SAVE=False)
        ada = Customer.objects.create(**ADA)
        Customer.objects.update(city="Paris")
        assert sent == []
        assert ada in Customer.objects.due()


def save(**values):
    return Customer.objects.create(**{**ADA, **values})


def update(**values):
    return Customer.objects.update(city="Paris")


def bulk_create(**values):
    return Customer.objects.bulk_create([Customer(**ADA)])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("write", [save, update, bulk_create])
class TestWakingThatFails:
    """It harms neither the project's save nor the project's own hooks."""

    @pytest.fixture
    def ran(self):
        return []

    @pytest.fixture(autouse=True)
    def _a_row(self):
        save()

    def test_a_task_that_fails_in_this_very_process(self, write, ran, other_broker, settings, caplog):
        other_broker("memory://", task_always_eager=True, task_eager_propagates=True)
        settings.TWOCHECKOUT = {}  # so the task raises
        with transaction.atomic():
            write()
            transaction.on_commit(lambda: ran.append("the project's"))
        write()
        assert ran == ["the project's"]
        assert Customer.objects.due().count() == Customer.objects.count()
        assert "waking a worker failed" in caplog.text
        assert "on_commit" not in caplog.text

    @pytest.mark.parametrize("receiver", [partial(int, "none"), lambda **named: int("none")])
    def test_a_receiver_that_fails(self, write, ran, receiver, sent):
        customers_marked.connect(receiver, weak=False)
        try:
            with transaction.atomic():
                write()
                transaction.on_commit(lambda: ran.append("the project's"))
        finally:
            customers_marked.disconnect(receiver)
        assert ran == ["the project's"]

    def test_a_broker_that_is_none(self, write, ran, other_broker, caplog):
        other_broker("none://user:topsecret@127.0.0.1/0")
        with transaction.atomic():
            write()
            transaction.on_commit(lambda: ran.append("the project's"))
        assert ran == ["the project's"]
        assert "Celery has no such transport" in caplog.text

    def test_what_is_registered_has_a_name(self, write):
        with transaction.atomic():
            write()
            assert all(robust and function.__qualname__ for _, function, robust in connection.run_on_commit)
            assert connection.run_on_commit

    def test_without_autocommit(self, write, ran, caplog):
        """There is no commit that Django could tell of, so no worker can be woken after it."""
        transaction.set_autocommit(False)
        try:
            write()
            transaction.commit()
        finally:
            transaction.set_autocommit(True)
        assert Customer.objects.due().count() == Customer.objects.count()


def test_a_worker_that_starts_sweeps(sent):
    worker_ready.send(sender=None)
    assert [message.task for message in sent] == ["twocheckout.push_pending"]


def test_importing_connects_nothing(ada, sent):
    # The functions are plain; apps.py connects them once, and no import does.
    assert receivers.push_saved_customer.__module__ == "django_twocheckout.receivers"
    assert sent == []  # the transaction of this test is never committed
