from __future__ import annotations

from dataclasses import dataclass

import hypothesis
import pytest
import requests
import responses as responses_library
from celery import Celery, current_app
from celery.signals import before_task_publish

from django_twocheckout import tasks
from django_twocheckout.models import Customer
from django_twocheckout.sync import rows

from . import vendor_document

Celery("tests", broker="memory://").set_default()

# How fast a machine is, is no property of the code.
hypothesis.settings.register_profile(
    "suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], max_examples=100
)
hypothesis.settings.load_profile("suite")

pytest_plugins = ["django_twocheckout.testing.plugin"]

ADA = {
    "first_name": "Ada",
    "last_name": "Lovelace",
    "address1": "12 St James Square",
    "city": "London",
    "zip": "SW1Y 4JH",
    "country_code": "GB",
    "email": "ada@example.org",
    "language": "en",
}


@pytest.fixture(autouse=True)
def _documented(monkeypatch):
    """Every request that the suite sends must be one that the vendor's document has."""
    send = requests.Session.send

    def checked_send(session, prepared, **options):
        vendor_document.check(prepared)
        return send(session, prepared, **options)

    monkeypatch.setattr(requests.Session, "send", checked_send)


@pytest.fixture(autouse=True)
def _patience(monkeypatch):
    """No retry comes due by itself within a test, however slow the machine."""
    monkeypatch.setattr(rows, "FIRST_DELAY", 60.0)


@dataclass
class Message:
    """What travels to the workers."""

    task: str
    args: tuple
    kwargs: dict
    eta: str | None
    queue: str


@pytest.fixture(autouse=True)
def sent(monkeypatch):
    """The messages published in this test; they go to a broker in memory, where nobody takes them."""
    messages: list[Message] = []

    def note(sender, body, headers, routing_key, **kwargs):
        messages.append(Message(sender, tuple(body[0]), body[1], headers["eta"], routing_key))

    before_task_publish.connect(note)
    monkeypatch.setattr(tasks, "_broken_until", 0.0)
    monkeypatch.setattr(tasks, "_last_wake", {})
    monkeypatch.setattr(tasks, "_covered_until", {})
    yield messages
    before_task_publish.disconnect(note)


@pytest.fixture
def other_broker():
    """Makes a Celery app with this broker the current one until the test ends."""
    before, apps = current_app._get_current_object(), []

    def use(broker, **conf):
        app = Celery("other", broker=broker, set_as_current=True)
        app.conf.update(conf)
        apps.append(app)

    yield use
    for app in apps:
        app.close()
    before.set_current()


def hold(customer, *, to_push=True):
    """Take the row into our hands as a worker does; None if another one has it."""
    return next(iter(rows.take(Customer.objects.filter(pk=customer.pk), to_push=to_push)), None)


@pytest.fixture
def ada(db) -> Customer:
    """A customer that is complete, saved, and not pushed yet."""
    return Customer.objects.create(**ADA)


@pytest.fixture
def responses():
    """Literal answers; an answer that is never asked for fails the test."""
    with responses_library.RequestsMock() as mock:
        yield mock
