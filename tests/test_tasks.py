from __future__ import annotations

import logging
import os
import socket
from datetime import datetime, timedelta

import pytest
from celery import current_app
from django.utils import timezone

from django_twocheckout import sync, tasks
from django_twocheckout.client import TwoCheckoutClient
from django_twocheckout.models import Account, Customer

from .conftest import ADA


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


# Enqueuing.


def test_enqueue__only_the_key_travels(ada, sent):
    assert tasks.enqueue(tasks.push_customer, ada.pk, database="default") is True
    [message] = sent
    assert (message.args, message.kwargs, message.eta, message.queue) == ((ada.pk,), {}, None, "celery")


def test_enqueue__queue_and_database(settings, sent):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "QUEUE": "billing"}
    tasks.enqueue(tasks.push_customer, 1, database="other")
    [message] = sent
    assert (message.kwargs, message.queue) == ({"database": "other"}, "billing")


@pytest.fixture(params=["redis refusing", "redis silent", "amqp refusing", "amqp silent"])
def dead_broker(request, other_broker):
    """A broker that refuses connections, or accepts them and never says a word; its address holds a password."""
    kind, manner = request.param.split()
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if manner == "silent":
            server.listen()
        other_broker(f"{kind}://user:topsecret@127.0.0.1:{server.getsockname()[1]}/0")
        yield


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("dead_broker")
def test_enqueue__a_dead_broker_harms_no_save(twocheckout, caplog):
    # With Celery's own settings a silent Redis would hold this up for ever, and the test's time would run out.
    ada = Customer.objects.create(**ADA)
    Customer.objects.create(**ADA)

    assert caplog.text.count("broker unreachable (OperationalError)") == 1  # the second save did not even try
    assert "topsecret" not in caplog.text
    assert sync.push_pending().pushed == 2
    ada.refresh_from_db()
    assert ada.sync_state == "synced"


def test_enqueue__a_forked_process_has_connections_of_its_own(monkeypatch):
    app = current_app._get_current_object()
    mine = tasks._producers(app)
    assert tasks._producers(app) is mine
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert tasks._producers(app) is not mine


def test_enqueue__eager_tasks_are_no_brokers(ada, twocheckout, other_broker):
    other_broker("redis://127.0.0.1:1/0", task_always_eager=True, task_eager_propagates=True)
    assert tasks.enqueue(tasks.push_customer, ada.pk) is True
    ada.refresh_from_db()
    assert ada.sync_state == "synced"


@pytest.mark.usefixtures("dead_broker")
def test_enqueue__tries_again_after_a_while(monkeypatch):
    assert tasks.enqueue(tasks.push_pending) is False
    assert tasks._broken_until > 0
    monkeypatch.setattr(tasks, "BREAK_SECONDS", 0.0)
    monkeypatch.setattr(tasks, "_broken_until", 0.0)
    assert tasks.enqueue(tasks.push_pending) is False


# Wake-ups.


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(tasks.time, "monotonic", lambda: now[0])

    def move(seconds):
        now[0] += seconds

    return move


def delays(sent):
    return [
        message.eta and round((datetime.fromisoformat(message.eta) - timezone.now()).total_seconds(), 1)
        for message in sent
    ]


def test_wake__the_first_at_once_and_those_that_follow_share_one(sent, clock):
    for pk in range(10):
        tasks.wake(pk)
    assert [(message.task, message.args) for message in sent] == [
        ("twocheckout.push_customer", (0,)),
        ("twocheckout.push_customer", (1,)),
    ]
    assert delays(sent) == [None, pytest.approx(0.6, abs=0.11)]


def test_wake__what_comes_after_the_shared_one_gets_another(sent, clock):
    for _ in range(100):
        tasks.wake(1)
        clock(0.0999)
    assert 19 <= len(sent) <= 22
    clock(5)
    tasks.wake(1)
    assert sent[-1].eta is None


def test_wake__each_save_has_a_wake_up_after_it(sent, clock):
    """The invariant that makes sharing safe, over many moments of saving."""
    moments, arrivals, now = [], [], 0.0
    for step in [0.0, 0.1, 0.3, 0.05, 0.04, 0.02, 0.6, 0.01, 0.49, 0.01, 0.5, 0.5, 0.25, 0.2, 0.1, 3.0, 0.1]:
        clock(step)
        now += step
        moments.append(now)
        count = len(sent)
        tasks.wake(1)
        if len(sent) > count:
            arrivals.append(now + (delays(sent[-1:])[0] or 0.0))
    for moment in moments:
        assert any(moment - 0.051 <= arrival <= moment + 0.7 for arrival in arrivals), moment


def test_wake__of_each_database_on_its_own(sent, clock):
    tasks.wake(1, database="default")
    tasks.wake(1, database="replica")
    assert delays(sent) == [None, None]


@pytest.mark.usefixtures("dead_broker")
def test_wake__that_was_not_taken_covers_nothing(monkeypatch, clock):
    tasks.wake(1)
    monkeypatch.setattr(tasks, "_broken_until", 0.0)
    tasks.wake(2)
    assert tasks._covered_until == {}


def test_wake__bulk_writes_share_too(ada, sent, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        for city in ("Paris", "Rome", "Oslo"):
            Customer.objects.update(city=city)
    assert [(message.task, message.eta is None) for message in sent] == [
        ("twocheckout.push_pending", True),
        ("twocheckout.push_pending", False),
    ]


def test_come_back__for_each_that_waits(db, twocheckout, sent):
    """Two rows wait; when the first one's time has come, the second one's must not be forgotten."""
    first, second = (Customer.objects.create(**ADA) for _ in range(2))
    for customer, seconds in ((first, -1), (second, 30)):
        Customer.objects.filter(pk=customer.pk).settle(next_try_at=timezone.now() + timedelta(seconds=seconds), tries=1)
    tasks.push_pending()
    assert delays(sent) == [pytest.approx(30, abs=2)]
    tasks.push_pending()  # which finds nothing due, and somebody asked already
    assert len(sent) == 1
    Account.objects.update(wake_at=timezone.now() + timedelta(seconds=0.3))  # that one comes a little early
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


def test_come_back__what_cannot_be_taken_is_not_asked_for_at_once(ada, sent, monkeypatch):
    monkeypatch.setattr(sync.rows, "take", lambda *args, **options: [])
    tasks.push_pending()
    assert delays(sent) == [pytest.approx(1, abs=0.2)]


def test_eager_tasks_call_no_helper(db, twocheckout, settings, other_broker):
    other_broker("memory://", task_always_eager=True, task_eager_propagates=True)
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "BATCH_SIZE": 1, "CONCURRENCY": 1}
    for _ in range(100):
        Customer.objects.create(**ADA)
    tasks.push_pending()
    assert Customer.objects.filter(sync_state="synced").count() == 100


def test_push_pending__asks_for_help_and_for_more_time(db, twocheckout, sent, settings, monkeypatch):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "BATCH_SIZE": 2}
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
