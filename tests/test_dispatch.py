from __future__ import annotations

import os
import socket
import sys
import time
from datetime import datetime

import pytest
from celery import current_app
from django.db import connections
from django.utils import timezone
from kombu import Exchange, Queue
from kombu.transport import memory

from django_twocheckout import dispatch, sync, tasks
from django_twocheckout.models import Customer

from .customers import ADA
from .redis_server import redis_server

# Enqueuing.


def test_enqueue__only_the_key_travels(ada, sent):
    assert dispatch.enqueue(tasks.push_customer, ada.pk, database="default") is True
    [message] = sent
    assert (message.args, message.kwargs, message.eta, message.queue) == ((ada.pk,), {}, None, "celery")


def test_enqueue__queue_and_database(configure, sent):
    configure(QUEUE="billing")
    dispatch.enqueue(tasks.push_customer, 1, database="other")
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
def test_enqueue__a_dead_broker_harms_no_save(twocheckout, configure, caplog):
    configure(PUSH_ON_SAVE=True)  # the fixture lets no test ask a broker
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
    mine = dispatch._producers(app)
    assert dispatch._producers(app) is mine
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert dispatch._producers(app) is not mine


def test_enqueue__eager_tasks_are_no_brokers(ada, twocheckout, other_broker):
    other_broker("redis://127.0.0.1:1/0", task_always_eager=True, task_eager_propagates=True)
    assert dispatch.enqueue(tasks.push_customer, ada.pk) is True
    ada.refresh_from_db()
    assert ada.sync_state == "synced"


@pytest.mark.usefixtures("dead_broker")
def test_enqueue__tries_again_after_a_while(monkeypatch):
    assert dispatch.enqueue(tasks.push_pending) is False
    assert dispatch._broken_until > 0
    monkeypatch.setattr(dispatch, "BREAK_SECONDS", 0.0)
    monkeypatch.setattr(dispatch, "_broken_until", 0.0)
    assert dispatch.enqueue(tasks.push_pending) is False


@pytest.mark.parametrize(("countdown", "seconds"), [(0.2, 1), (1.0, 1), (1.2, 2), (59.5, 60)])
def test_enqueue__counts_down_whole_seconds(sent, countdown, seconds):
    dispatch.enqueue(tasks.push_pending, countdown=countdown)
    assert delays(sent) == [pytest.approx(seconds, abs=0.11)]


@pytest.mark.parametrize("countdown", [None, 0, 0.0, -3.5])
def test_enqueue__what_is_due_needs_no_countdown(sent, countdown):
    dispatch.enqueue(tasks.push_pending, countdown=countdown)
    assert delays(sent) == [None]


def test_wake__with_a_quorum_queue(other_broker, sent, clock, monkeypatch):
    """RabbitMQ's delayed delivery knows whole seconds only; there the message waits at another exchange."""
    monkeypatch.setattr(memory.Transport, "driver_type", "amqp")
    queue = Queue("calm", Exchange("calm", "topic"), "calm", queue_arguments={"x-queue-type": "quorum"})
    other_broker("memory://", task_queues=[queue], task_default_queue="calm")
    dispatch.wake(tasks.push_customer, 1)
    dispatch.wake(tasks.push_customer, 2)
    assert [message.queue for message in sent] == ["calm", "0." * 27 + "1.calm"]
    assert dispatch._broken_until == 0.0


# A connection that was closed while it lay idle, and brokers of which one is down.


@pytest.fixture
def redis():
    with redis_server() as server:
        yield server


@pytest.fixture
def down():
    """The address of a broker that is down."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        yield f"redis://user:topsecret@127.0.0.1:{server.getsockname()[1]}/0"


@pytest.fixture
def silent():
    """The address of a broker that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://user:topsecret@127.0.0.1:{server.getsockname()[1]}/0"


@pytest.mark.parametrize("manner", ["fin", "rst"])
def test_enqueue__after_an_idle_connection_was_closed(redis, other_broker, caplog, manner):
    other_broker(redis.url)
    for count in (1, 2, 3):
        assert dispatch.enqueue(tasks.push_pending) is True
        assert len(redis.messages) == count
        redis.cut(manner)
    assert caplog.text == ""


def test_enqueue__tries_no_third_time(redis, other_broker):
    """A Redis that accepts connections and refuses each message."""
    redis.answers[b"LPUSH"] = b"-OOM command not allowed\r\n"
    other_broker(redis.url)
    assert dispatch.enqueue(tasks.push_pending) is False
    assert len(redis.messages) == 2
    assert dispatch.enqueue(tasks.push_pending) is False
    assert len(redis.messages) == 2


@pytest.mark.parametrize("form", [";".join, list])
@pytest.mark.parametrize("first", ["down", "silent"])
def test_enqueue__the_first_of_several_brokers_is_down(redis, other_broker, caplog, request, first, form):
    other_broker(form([request.getfixturevalue(first), redis.url]))
    began = time.perf_counter()
    assert dispatch.enqueue(tasks.push_pending) is True
    assert time.perf_counter() - began < 3  # not the 30 of Celery's own
    assert (len(redis.messages), dispatch._broken_until, caplog.text) == (1, 0.0, "")


def test_enqueue__all_of_several_brokers_are_down(other_broker, down, silent, caplog):
    other_broker(f"{down};{silent};{down}")
    began = time.perf_counter()
    assert dispatch.enqueue(tasks.push_pending) is False
    assert time.perf_counter() - began < 5
    assert caplog.messages == ["broker unreachable (OperationalError): rows stay pending until the sweep"]


# Mistakes in the settings.


def unknown_route(name, args, kwargs, options, task=None, **more):
    return 5


@pytest.fixture
def no_packaging(monkeypatch):
    """As where ``redis`` is installed, and not all that Celery needs for it."""
    monkeypatch.setitem(sys.modules, "packaging.version", None)
    monkeypatch.delitem(sys.modules, "kombu.transport.redis", raising=False)
    monkeypatch.setattr("kombu.transport._transport_cache", {})


MISTAKES = {
    "a scheme": ("postgres://user:topsecret@127.0.0.1/0", {}, "begins with postgres://, and Celery has no such"),
    "a port": ("redis://user:topsecret@127.0.0.1:port/0", {}, "the broker's address cannot be read: the port must"),
    "a password": ("redis://user:topsecret/more@127.0.0.1:6379/0", {}, "/ and # in a password be encoded"),
    "the second": ("redis://127.0.0.1:1/0;foo://user:topsecret@127.0.0.1/0", {}, "begins with foo://"),
    "a queue": ("memory://", {"task_create_missing_queues": False, "task_queues": [Queue("x")]}, "Queue 'celery' miss"),
    "a serializer": ("memory://", {"task_serializer": "soap"}, "the serializer of twocheckout.push_customer"),
    "a compression": ("memory://", {"task_compression": "soap"}, "the compression of twocheckout.push_customer"),
    "a route": ("memory://", {"task_routes": [unknown_route]}, "the route of twocheckout.push_customer"),
    "a router": ("memory://", {"task_routes": "tests.none.such"}, "No module named 'tests.none'"),
    "an option": ("memory://", {"task_routes": {"*": {"expires": "soon"}}}, "can make no message or no connection"),
    "a database": ("redis://user:topsecret@127.0.0.1:6379/zero", {}, "can make no message or no connection"),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", MISTAKES)
def test_mistake__is_logged_once_and_harms_no_save(other_broker, twocheckout, caplog, monkeypatch, kind):
    broker, conf, words = MISTAKES[kind]
    other_broker(broker, **conf)
    for _ in range(3):
        Customer.objects.create(**ADA)
        monkeypatch.setattr(dispatch, "_broken_until", 0.0)
    [record] = [record for record in caplog.records if record.name == "twocheckout"]
    assert (record.levelname, words in record.message) == ("ERROR", True), record.message
    assert "unreachable" not in caplog.text
    assert "topsecret" not in caplog.text
    assert sync.push_pending().pushed == 3


@pytest.mark.usefixtures("no_packaging")
def test_mistake__a_transport_that_cannot_be_imported(other_broker, caplog):
    other_broker("redis://user:topsecret@127.0.0.1/0")
    assert dispatch.enqueue(tasks.push_pending) is False
    assert "transport cannot be imported: " in caplog.text
    assert "packaging" in caplog.text
    assert "install django-twocheckout[redis]" in caplog.text
    assert "topsecret" not in caplog.text


def test_mistake__settings_that_cannot_be_imported(other_broker, caplog):
    other_broker("memory://")
    current_app.config_from_object("tests.no_such_settings")
    dispatch.wake(tasks.push_customer, 1)
    assert "Celery's settings cannot be imported: " in caplog.text


@pytest.mark.parametrize(("command", "answer"), [(b"AUTH", b"-WRONGPASS x\r\n"), (b"SELECT", b"-ERR DB index\r\n")])
def test_mistake__what_redis_refuses(redis, other_broker, caplog, command, answer):
    redis.answers |= {b"HELLO": answer, command: answer}
    other_broker(redis.url.replace("/0", "/99"))
    assert dispatch.enqueue(tasks.push_pending) is False
    assert "the broker refuses what Celery's settings ask for" in caplog.text
    assert "topsecret" not in caplog.text


def test_mistake__of_one_task_stops_no_other(other_broker, sent):
    other_broker("memory://", task_routes={"*.pull_customer": {"compression": "soap"}})
    assert dispatch.enqueue(tasks.pull_customer, 1) is False
    assert dispatch.enqueue(tasks.push_pending) is True


# Wake-ups.


def delays(sent):
    return [
        message.eta and round((datetime.fromisoformat(message.eta) - timezone.now()).total_seconds(), 1)
        for message in sent
    ]


def test_wake__the_first_at_once_and_those_that_follow_share_one(sent, clock):
    for pk in range(10):
        dispatch.wake(tasks.push_customer, pk)
    assert [(message.task, message.args) for message in sent] == [
        ("twocheckout.push_customer", (0,)),
        ("twocheckout.push_customer", (1,)),
    ]
    assert delays(sent) == [None, pytest.approx(1, abs=0.11)]


def test_wake__what_comes_after_the_shared_one_gets_another(sent, clock):
    for _ in range(100):
        dispatch.wake(tasks.push_customer, 1)
        clock(0.0999)
    assert 10 <= len(sent) <= 12
    clock(5)
    dispatch.wake(tasks.push_customer, 1)
    assert sent[-1].eta is None


def test_wake__each_save_has_a_wake_up_after_it(sent, clock):
    """The invariant that makes sharing safe, over many moments of saving."""
    moments, arrivals, now = [], [], 0.0
    for step in [0.0, 0.1, 0.3, 0.05, 0.04, 0.02, 0.6, 0.01, 0.49, 0.01, 0.5, 0.5, 0.25, 0.2, 0.1, 3.0, 0.1]:
        clock(step)
        now += step
        moments.append(now)
        count = len(sent)
        dispatch.wake(tasks.push_customer, 1)
        if len(sent) > count:
            arrivals.append(now + (delays(sent[-1:])[0] or 0.0))
    for moment in moments:
        assert any(moment - 0.051 <= arrival <= moment + 1.1 for arrival in arrivals), moment


def test_wake__of_each_database_on_its_own(sent, clock):
    dispatch.wake(tasks.push_customer, 1, database="default")
    dispatch.wake(tasks.push_customer, 1, database="replica")
    assert delays(sent) == [None, None]


def test_wake__of_each_schema_on_its_own(sent, clock, monkeypatch):
    for tenant in ("north", "south", "east", "north"):
        monkeypatch.setattr(connections["default"], "schema_name", tenant, raising=False)
        dispatch.wake(tasks.push_customer, 1)
    assert delays(sent) == [None, None, None, pytest.approx(1, abs=0.11)]


@pytest.mark.usefixtures("dead_broker")
def test_wake__that_was_not_sent_covers_nothing(monkeypatch, clock):
    dispatch.wake(tasks.push_customer, 1)
    monkeypatch.setattr(dispatch, "_broken_until", 0.0)
    dispatch.wake(tasks.push_customer, 2)
    assert dispatch._covered_until == {}


def test_wake__bulk_writes_share_too(ada, sent, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        for city in ("Paris", "Rome", "Oslo"):
            Customer.objects.update(city=city)
    assert [(message.task, message.eta is None) for message in sent] == [
        ("twocheckout.push_pending", True),
        ("twocheckout.push_pending", False),
    ]
