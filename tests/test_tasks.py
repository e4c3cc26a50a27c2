from __future__ import annotations

import logging
import os
import socket
from datetime import datetime, timedelta

import pytest
from celery import current_app
from django.utils import timezone

from django_twocheckout import sync, tasks
from django_twocheckout.models import Customer

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
    assert (message.task, message.args, message.kwargs) == ("twocheckout.push_customer", (ada.pk,), {})
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
