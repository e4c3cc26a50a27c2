from __future__ import annotations

import logging
from datetime import datetime, timedelta

import pytest
from celery import current_app
from django.db import connections
from django.utils import timezone

from django_twocheckout import sync, tasks
from django_twocheckout.client import TwoCheckoutClient
from django_twocheckout.engine import sources
from django_twocheckout.models import Account, Customer

from .customers import ADA
from .messages import delays


def test_names_are_stable():
    for name in ("push_customer", "push_pending", "pull_customer"):
        assert getattr(tasks, name).name == f"twocheckout.{name}"
        assert f"twocheckout.{name}" in current_app.tasks


def test_push_customer__pushes_what_is_due(ada, twocheckout, sent):
    tasks.push_customer(ada.pk)
    ada.refresh_from_db()
    assert ada.sync_state == "synced"
    assert sent == []


def test_push_customer__delivered_twice(ada, twocheckout):
    tasks.push_customer(ada.pk)
    tasks.push_customer(ada.pk)
    assert len(twocheckout.requests) == 1


def test_push_customer__of_a_row_that_is_gone(db, twocheckout):
    tasks.push_customer(4711)
    tasks.push_pending()
    assert twocheckout.requests == []


def test_push_customer__comes_back_by_itself_after_trouble(ada, twocheckout, sent):
    twocheckout.fail("503")
    tasks.push_customer(ada.pk)
    [message] = sent
    assert (message.task, message.args, message.kwargs) == ("twocheckout.push_pending", (), {})
    wait = datetime.fromisoformat(message.eta) - timezone.now()
    assert timedelta(seconds=0) < wait < timedelta(seconds=80)


def test_push_customer__leaves_what_is_far_away_to_the_sweep(ada, twocheckout, sent):
    twocheckout.behaviour.set(rate_limit=0, retry_after="3600")
    tasks.push_customer(ada.pk)
    assert sent == []


def test_push_pending(ada, twocheckout):
    tasks.push_pending()
    assert len(twocheckout.customers) == 1


@pytest.mark.django_db(databases=["default", "replica"])
def test_push_pending__where_our_tables_are_not(caplog, twocheckout):
    """Such as the shared schema of a project with many tenants."""
    with connections["replica"].cursor() as cursor:
        cursor.execute("ALTER TABLE twocheckout_customer RENAME TO elsewhere")
    for _ in range(2):
        tasks.push_pending(database="replica")
    assert [record.levelname for record in caplog.records if record.name == "twocheckout"] == ["WARNING"]
    assert "replica" in caplog.text


def test_pull_customer(ada, twocheckout, caplog):
    caplog.set_level(logging.INFO)
    sync.push(ada)
    twocheckout.edit(ada.customer_reference, Phone="555")
    tasks.pull_customer(ada.pk)
    ada.refresh_from_db()
    assert ada.phone == "555"
    twocheckout.fail("503")
    tasks.pull_customer(ada.pk)
    assert "pull failed: GET customers/…/: 503" in caplog.text
    tasks.pull_customer(4711)
    assert "the row is gone" in caplog.text


def test_come_back__for_each_that_waits(db, twocheckout, sent):
    """Two rows wait; when the first one's time has come, the second one's must not be forgotten."""
    first, second = (Customer.objects.create(**ADA) for _ in range(2))
    for customer, seconds in ((first, -1), (second, 30)):
        Customer.objects.filter(pk=customer.pk).update_unmarked(
            next_attempt_at=timezone.now() + timedelta(seconds=seconds), failed_attempts=1
        )
    tasks.push_pending()
    assert delays(sent) == [pytest.approx(30, abs=2)]
    tasks.push_pending()  # which finds nothing due, and a wake-up is reserved already
    assert len(sent) == 1
    Account.objects.update(wakeup_at=timezone.now() + timedelta(seconds=0.3))  # that one comes a little early
    tasks.push_pending()
    assert len(sent) == 2


def test_come_back__for_what_changes_again_and_again(ada, twocheckout, sent, monkeypatch):
    create, update = TwoCheckoutClient.create_customer, TwoCheckoutClient.update_customer
    numbers = iter(range(100))

    def meanwhile(act):
        def acted(*arguments):
            Customer.objects.update(city=f"Paris {next(numbers)}")
            return act(*arguments)

        return acted

    monkeypatch.setattr(TwoCheckoutClient, "create_customer", meanwhile(create))
    monkeypatch.setattr(TwoCheckoutClient, "update_customer", meanwhile(update))
    tasks.push_customer(ada.pk)
    assert Customer.objects.due().count() == 1
    assert sent[-1].task == "twocheckout.push_pending"


def test_come_back__what_cannot_be_claimed_waits_a_second(ada, sent, monkeypatch):
    monkeypatch.setattr(sources, "claim", lambda *args, **options: [])
    tasks.push_pending()
    assert delays(sent) == [pytest.approx(1, abs=0.2)]


def test_eager_tasks_wake_no_second_worker(db, twocheckout, configure, other_broker):
    other_broker("memory://", task_always_eager=True, task_eager_propagates=True)
    configure(BATCH_SIZE=1, CONCURRENCY=1)
    for _ in range(100):
        Customer.objects.create(**ADA)
    tasks.push_pending()
    assert Customer.objects.filter(sync_state="synced").count() == 100


def test_push_pending__asks_for_a_second_worker_and_for_more_time(db, twocheckout, sent, configure, monkeypatch):
    configure(BATCH_SIZE=2)
    for _ in range(5):
        Customer.objects.create(**ADA)
    tasks.push_pending()
    assert [message.task for message in sent] == ["twocheckout.push_pending"]
    sent.clear()
    Customer.objects.update(city="Paris")
    monkeypatch.setattr(tasks, "TASK_SECONDS", -1.0)
    tasks.push_pending()
    assert [message.task for message in sent] == ["twocheckout.push_pending"]
    assert Customer.objects.due().count() == 5
