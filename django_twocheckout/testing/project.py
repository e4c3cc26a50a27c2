"""Points a project under test at the fake vendor: what the pytest fixtures and the unittest mixin have in common.

Django and Celery are asked where they are loaded, and not imported: the fake vendor works where there are none.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .vendor import FakeTwoCheckout


def settings_for(vendor: FakeTwoCheckout, given: object, *, eager: bool = False) -> dict[str, Any]:
    """The project's ``TWOCHECKOUT`` with this vendor in 2Checkout's place.

    Without *eager*, saves only mark their rows if a message to a worker would leave this process.
    """
    values = {
        **(given if isinstance(given, dict) else {}),
        "BASE_URL": vendor.url,
        "MERCHANT_CODE": vendor.merchant_code,
        "SECRET_KEY": vendor.secret_key,
    }
    if eager:
        values |= {"PUSH_ON_SAVE": True, "ENABLED": True}
    elif _messages_leave():
        values["PUSH_ON_SAVE"] = False
    return values


def notify_by(vendor: FakeTwoCheckout, client: Any) -> None:
    """Let the vendor's notifications go to the project's own addresses, by this Django test client."""
    vendor.project_client, vendor.project_path = client, _path_of


@contextmanager
def eager_tasks() -> Iterator[None]:
    """Let Celery run tasks in this process, at the moment in which they are sent, until the block ends."""
    conf = sys.modules["celery"].current_app.conf
    before = conf.task_always_eager
    conf.task_always_eager = True
    try:
        yield
    finally:
        conf.task_always_eager = before


def _path_of(kind: str, account: str) -> str:
    """The path of the project's address for notifications."""
    path: str = sys.modules["django.urls"].reverse(
        f"twocheckout:{kind}", args=[] if account == "default" else [account]
    )
    return path


def _messages_leave() -> bool:
    """Whether a message to a worker would leave this process."""
    celery = sys.modules.get("celery")
    if celery is None:
        return False
    conf = celery.current_app.conf
    brokers = conf.broker_write_url or ""
    urls = brokers.split(";") if isinstance(brokers, str) else brokers
    return not (conf.task_always_eager or all(url.startswith("memory:") for url in urls))
