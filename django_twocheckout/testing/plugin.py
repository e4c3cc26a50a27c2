"""A pytest plugin: its fixtures serve a fake vendor and point the project's settings at it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .project import eager_tasks, notify_by, settings_for
from .vendor import FakeTwoCheckout


@pytest.fixture
def twocheckout(settings: Any, client: Any) -> Iterator[FakeTwoCheckout]:
    """A fresh fake 2Checkout for this test, reached through the project's settings. Needs pytest-django.

    Its notifications (``twocheckout.notify("LCN", customer)``) go to the project's own address, by a test client.

    What saves do follows the project's Celery settings as they are when the test begins:

    - Tasks that are eager (``task_always_eager``) run at the commit, and push to the fake.
    - With a broker in memory (``memory://``), the message waits there.
    - With any other broker, nothing is sent to it: saves only mark their rows, as ``PUSH_ON_SAVE = False`` makes them,
      and the test pushes by ``sync.push(customer)`` or ``sync.sweep()``. A test with a worker of its own sets
      ``PUSH_ON_SAVE`` in ``settings.TWOCHECKOUT`` to True again.
    """
    with FakeTwoCheckout().serve() as vendor:
        settings.TWOCHECKOUT = settings_for(vendor, getattr(settings, "TWOCHECKOUT", None))
        notify_by(vendor, client)
        yield vendor


@pytest.fixture
def twocheckout_eager(twocheckout: FakeTwoCheckout, settings: Any) -> Iterator[FakeTwoCheckout]:
    """The same vendor, and each save is there once it is committed: no broker and no worker is needed.

    All tasks of the project run at once until the test ends, as Celery's ``task_always_eager`` lets them.

    A task runs at the commit. A test marked ``django_db(transaction=True)`` commits as production does. Any other test
    runs in one transaction, which never commits. There, do what saves within pytest-django's
    ``django_capture_on_commit_callbacks(execute=True)``, as for any other ``on_commit`` of Django.
    """
    settings.TWOCHECKOUT = settings_for(twocheckout, settings.TWOCHECKOUT, eager=True)
    with eager_tasks():
        yield twocheckout
