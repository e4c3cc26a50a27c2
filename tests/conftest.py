from __future__ import annotations

import hypothesis
import pytest
import responses as responses_library
from celery import Celery, current_app
from celery.signals import before_task_publish
from django.apps import apps
from requests.adapters import HTTPAdapter

from django_twocheckout import dispatch, mirrors, signals, sync
from django_twocheckout.client import senders
from django_twocheckout.engine import retry
from django_twocheckout.models import Customer

from . import vendor_document
from .customers import ADA
from .messages import Message

Celery("tests", broker="memory://").set_default()

# How fast a machine is, is no property of the code.
hypothesis.settings.register_profile(
    "suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], max_examples=100
)
hypothesis.settings.load_profile("suite")

pytest_plugins = ["django_twocheckout.testing.plugin"]
#: A project of its own, with settings of its own.
collect_ignore = ["host_project"]


_published: list[Message] = []


# One receiver for all tests: Celery 5.5 mistakes a new one for an old one at the same address.
@before_task_publish.connect
def _note(sender, body, headers, routing_key, **kwargs):
    _published.append(Message(sender, tuple(body[0]), body[1], headers["eta"], routing_key))


@pytest.fixture(autouse=True)
def _documented(monkeypatch):
    """Every request that the suite sends must be one that the vendor's document has."""
    send = HTTPAdapter.send

    def checked_send(adapter, prepared, *args, **options):
        vendor_document.check(prepared)
        return send(adapter, prepared, *args, **options)

    monkeypatch.setattr(HTTPAdapter, "send", checked_send)


@pytest.fixture(autouse=True)
def _patience(monkeypatch):
    """No retry comes due by itself within a test, however slow the machine."""
    monkeypatch.setattr(retry, "FIRST_BACKOFF", 60.0)


@pytest.fixture(autouse=True)
def _short_connections(monkeypatch):
    """Each test has clients of its own, whose connections no later test takes."""
    monkeypatch.setattr(senders, "IDLE_SECONDS", 0.2)


@pytest.fixture(autouse=True)
def sent(monkeypatch):
    """The messages published in this test; they go to a broker in memory, where they stay."""
    _published.clear()
    monkeypatch.setattr(dispatch, "_broken_until", 0.0)
    monkeypatch.setattr(dispatch, "_logged", set())
    monkeypatch.setattr(dispatch, "_last_wake", {})
    monkeypatch.setattr(dispatch, "_covered_until", {})
    monkeypatch.setattr(dispatch, "_notified_until", {})
    return _published


@pytest.fixture
def clock(monkeypatch):
    """Stops the clock of the wake-ups, and moves it by these seconds."""
    now = [1000.0]
    monkeypatch.setattr(dispatch.time, "monotonic", lambda: now[0])

    def move(seconds):
        now[0] += seconds

    return move


@pytest.fixture
def other_broker():
    """Makes a Celery app with this broker the current one until the test ends."""
    before, apps = current_app._get_current_object(), []

    def make_current(broker, **conf):
        app = Celery("other", broker=broker, set_as_current=True)
        app.conf.update(conf)
        apps.append(app)

    yield make_current
    for app in apps:
        app.close()
    before.set_current()


@pytest.fixture
def configure(settings):
    """Changes these settings of the app until the test ends; all others stay as they are."""

    def change(**values):
        settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, **values}

    return change


@pytest.fixture
def ada(db) -> Customer:
    """A customer that is complete, saved, and not pushed yet."""
    return Customer.objects.create(**ADA)


@pytest.fixture
def pushed(ada, twocheckout) -> Customer:
    """A customer that both sides have; the fake vendor's log starts after it."""
    sync.push(ada)
    assert ada.sync_state == "synced", ada.sync_error
    twocheckout.requests.clear()
    return ada


@pytest.fixture
def with_cards(pushed, twocheckout) -> Customer:
    """A customer with two cards at 2Checkout; a subscription needs the second one."""
    twocheckout.add_card(pushed.customer_reference, "Visa", "1111")
    twocheckout.add_card(pushed.customer_reference, "Mastercard", "4444", subscription="SUB-42")
    return pushed


@pytest.fixture
def customer_fields():
    """The function of the shop's mirror."""
    # Only here: a project's tests may have other apps.
    from .shop.twocheckout import customer_fields

    return customer_fields


@pytest.fixture
def mirror_with(customer_fields):
    """Replaces the mirror of the shop's buyers by this function until the test ends."""
    model = apps.get_model("shop", "Buyer")

    def replace(function, **options):
        mirrors.unregister(model)
        mirrors.register(model, **{"link": "customer", **options})(function)

    yield replace
    replace(customer_fields, select_related=["user"])


@pytest.fixture
def heard():
    """What the app's signals said, as (name, facts)."""
    said = []
    receivers = []
    for name in ("customer_pushed", "customer_push_failed", "customer_pulled", "card_deleted", "customer_erased"):

        def note(signal, sender, _name=name, **facts):
            said.append((_name, facts))

        getattr(signals, name).connect(note)
        receivers.append((getattr(signals, name), note))
    yield said
    for signal, note in receivers:
        signal.disconnect(note)


@pytest.fixture
def responses():
    """Literal answers; an answer that is never asked for fails the test."""
    with responses_library.RequestsMock() as mock:
        yield mock


def pytest_collection_modifyitems(config, items):
    """In a project without the admin, leave out what looks at the admin's pages."""
    if apps.is_installed("django.contrib.admin"):
        return
    logged_in = {"admin_client", "admin_user", "django_user_model"}
    pages = [item for item in items if not logged_in.isdisjoint(getattr(item, "fixturenames", ()))]
    config.hook.pytest_deselected(items=pages)
    items[:] = [item for item in items if item not in pages]
