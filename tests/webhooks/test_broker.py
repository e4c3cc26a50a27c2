"""The endpoint beside a broker that is not there: the answer waits for nothing, and nothing is lost."""

from __future__ import annotations

import socket
import time

import pytest

from django_twocheckout import dispatch, sync
from django_twocheckout.models import Notification
from django_twocheckout.webhooks import views


@pytest.fixture
def silent_broker(other_broker):
    """A broker that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        other_broker(f"redis://127.0.0.1:{server.getsockname()[1]}/0")
        yield


@pytest.mark.django_db(transaction=True)
def test_a_silent_broker(pushed, twocheckout, configure, silent_broker, monkeypatch):
    configure(PUSH_ON_SAVE=True)
    twocheckout.edit(pushed.customer_reference, City="Bath")
    took = []
    close = views.Answer.close

    def noting_close(answer):
        took.append(time.monotonic())
        close(answer)

    monkeypatch.setattr(views.Answer, "close", noting_close)
    began = time.monotonic()
    assert twocheckout.notify("LCN", pushed).received
    # The receipt was there before anything was said to the broker, and the next ones do not try.
    assert took[0] - began < dispatch.PUBLISH_SECONDS / 2
    began = time.monotonic()
    assert twocheckout.notify("LCN", pushed).received
    assert time.monotonic() - began < dispatch.PUBLISH_SECONDS / 2
    sync.sweep()
    pushed.refresh_from_db()
    assert (pushed.city, Notification.objects.filter(outcome="asked").count()) == ("Bath", 2)


@pytest.mark.django_db(transaction=True)
def test_tasks_in_this_process(pushed, twocheckout, other_broker):
    """A project's tests may run tasks at once: the sweep then runs after the answer."""

    other_broker("memory://", task_always_eager=True)
    twocheckout.edit(pushed.customer_reference, City="Bath")
    assert twocheckout.notify("LCN", pushed).received
    pushed.refresh_from_db()
    assert pushed.city == "Bath"


@pytest.mark.django_db(transaction=True)
def test_a_failing_wakeup_is_logged(monkeypatch, twocheckout, configure, caplog):
    configure(PUSH_ON_SAVE=True)
    monkeypatch.setattr(dispatch, "enqueue", lambda *args, **kwargs: 1 / 0)
    assert twocheckout.notify("LCN", "1").received
    assert "waking a worker failed: ZeroDivisionError" in caplog.text
