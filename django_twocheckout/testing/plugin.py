"""A pytest plugin: the fixture ``twocheckout`` serves a fake vendor and points the project's settings at it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from .vendor import FakeTwoCheckout


@pytest.fixture
def twocheckout(settings: Any, client: Any) -> Iterator[FakeTwoCheckout]:
    """A fresh fake 2Checkout for this test, reached through the project's settings. Needs pytest-django.

    Its notifications (``twocheckout.notify("LCN", customer)``) go to the project's own address, by a test client.

    What saves do follows the project's Celery settings as they are when the test begins:

    - Tasks that are eager (``task_always_eager``) run at the commit, and push to the fake.
    - With a broker in memory (``memory://``), the message waits there.
    - With any other broker, nothing is sent to it: saves only mark their rows, as ``PUSH_ON_SAVE = False`` makes them,
      and the test pushes by ``sync.push(customer)`` or ``sync.push_pending()``. A test with a worker of its own sets
      ``PUSH_ON_SAVE`` in ``settings.TWOCHECKOUT`` to True again.
    """
    with FakeTwoCheckout().serve() as vendor:
        settings.TWOCHECKOUT = {
            **(getattr(settings, "TWOCHECKOUT", None) or {}),
            "BASE_URL": vendor.url,
            "MERCHANT_CODE": vendor.merchant_code,
            "SECRET_KEY": vendor.secret_key,
        }
        if _messages_leave():
            settings.TWOCHECKOUT["PUSH_ON_SAVE"] = False
        vendor.project_client, vendor.project_path = client, _path_of
        yield vendor


def _path_of(kind: str, account: str) -> str:
    """The path of the project's address for notifications."""
    # Not imported: the fake vendor works where there is no Django.
    path: str = sys.modules["django.urls"].reverse(
        f"twocheckout:{kind}", args=[] if account == "default" else [account]
    )
    return path


def _messages_leave() -> bool:
    """Whether a message to a worker would leave this process."""
    celery = sys.modules.get("celery")  # asked, not imported: the fake vendor works where there is none
    if celery is None:
        return False
    conf = celery.current_app.conf
    brokers = conf.broker_write_url or ""
    urls = brokers.split(";") if isinstance(brokers, str) else brokers
    return not (conf.task_always_eager or all(url.startswith("memory:") for url in urls))
