"""The recipes of docs/how-to/metrics.md and monitoring.md, with the real packages."""

from __future__ import annotations

import pytest
import sentry_sdk
from opentelemetry import metrics
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from sentry_sdk.transport import Transport

from django_twocheckout import signals, sync
from django_twocheckout.engine import circuit_breaker
from django_twocheckout.exceptions import AuthenticationFailed
from django_twocheckout.models import LONG_DUE, Account, Customer

from ..customers import ADA, change
from ..recipes import module_of

SECRETS = ("Lovelace", "ada@example.org")


@pytest.fixture
def recipe():
    """Runs a page's code, and takes its receivers away at the end."""
    opened = []

    def run(page, file):
        before = {name: list(getattr(signals, name).receivers) for name in ("exchange_finished", "account_paused")}
        context = module_of(page, file)
        opened.append((context, before))
        return context.__enter__()

    yield run
    for context, before in reversed(opened):
        for name, receivers in before.items():
            getattr(signals, name).receivers = receivers
        context.__exit__(None, None, None)


@pytest.fixture
def exchanges(db, twocheckout):
    """Talks to 2Checkout: a create, a push without a difference, a pull, a fetch, a refusal, and a failure."""

    def act():
        ada = Customer.objects.create(**ADA)
        sync.push(ada)
        sync.push(ada)
        sync.pull(ada)
        sync.compare(ada)
        sync.push(Customer.objects.create(**ADA, company="Engines", fiscal_code="INVALID"))
        twocheckout.fail("503")
        change(ada, city="Rome")
        sync.push(ada)
        return ada

    return act


# Prometheus.


@pytest.fixture
def registry(monkeypatch):
    """A registry of the test's own, instead of the process's."""
    registry = CollectorRegistry()
    monkeypatch.setattr("prometheus_client.REGISTRY", registry)
    monkeypatch.setattr("prometheus_client.metrics.REGISTRY", registry)
    known = set(REGISTRY._names_to_collectors)
    yield registry
    for collector in {REGISTRY._names_to_collectors[name] for name in set(REGISTRY._names_to_collectors) - known}:
        REGISTRY.unregister(collector)


def test_prometheus(recipe, registry, exchanges, twocheckout):
    module = recipe("how-to/metrics.md", "myshop/prometheus.py")
    exchanges()

    def value(name, **labels):
        for source in (registry, REGISTRY):
            if (found := source.get_sample_value(name, {"account": "default", **labels})) is not None:
                return found
        return None

    counted = {
        (verb, outcome): value("twocheckout_exchanges_total", verb=verb, outcome=outcome)
        for verb in ("push", "pull", "fetch")
        for outcome in ("done", "agreed", "retry", "failed")
    }
    assert {key: number for key, number in counted.items() if number} == {
        ("push", "done"): 1,
        ("push", "agreed"): 1,
        ("push", "failed"): 1,
        ("push", "retry"): 1,
        ("pull", "done"): 1,
        ("fetch", "done"): 1,
    }
    sent = sum(value("twocheckout_requests_total", verb=verb) for verb in ("push", "pull", "fetch"))
    assert sent == len(twocheckout.requests)
    assert value("twocheckout_exchange_seconds_count", verb="push") == 4
    assert value("twocheckout_customers", state="pending") == 1
    assert value("twocheckout_customers", state="failed") == 1
    assert value("twocheckout_paused") == 0
    page = b"".join(map(generate_latest, {registry, REGISTRY})).decode()
    assert "twocheckout_oldest_pending_seconds" in page
    assert not any(secret in page for secret in SECRETS)
    assert module.Customers().describe() == []


# OpenTelemetry.


def test_opentelemetry(recipe, exchanges, twocheckout, monkeypatch):
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    monkeypatch.setattr(metrics, "get_meter", provider.get_meter)
    try:
        recipe("how-to/metrics.md", "myshop/telemetry.py")
        exchanges()
        read = reader.get_metrics_data()
        found = {
            one.name: list(one.data.data_points)
            for resource in read.resource_metrics
            for scope in resource.scope_metrics
            for one in scope.metrics
        }
    finally:
        RequestsInstrumentor().uninstrument()
    assert sum(point.value for point in found["twocheckout.exchanges"]) == 6
    assert sum(point.value for point in found["twocheckout.requests"]) == len(twocheckout.requests)
    assert sum(point.count for point in found["twocheckout.exchange.duration"]) == 6
    outcomes = {point.attributes["outcome"] for point in found["twocheckout.exchanges"]}
    assert outcomes == {"done", "agreed", "retry", "failed"}
    assert not any(secret in read.to_json() for secret in SECRETS)


# Sentry.


class Kept(Transport):
    """Where Sentry sends to, in this process."""

    def __init__(self, options=None):
        super().__init__(options)
        self.sent = ""

    def capture_envelope(self, envelope):
        self.sent += envelope.serialize().decode()


def test_sentry(recipe, exchanges, twocheckout):
    module, kept = recipe("how-to/metrics.md", "myshop/sentry.py"), Kept()
    with sentry_sdk.isolation_scope() as scope:
        scope.clear()
        options = {"transport": kept, "auto_enabling_integrations": False, "traces_sample_rate": 1.0}
        module.start(dsn="https://key@127.0.0.1:9/1", **options)
        try:
            ada = exchanges()
            circuit_breaker.trip("default", "default", AuthenticationFailed(vendor_message="Ada Lovelace is unwelcome"))
            sentry_sdk.flush()
        finally:
            sentry_sdk.init()
    assert "2Checkout: the account default is paused" in kept.sent
    assert "twocheckout.exchanges" in kept.sent
    assert '"agreed"' in kept.sent
    assert "customers/" in kept.sent  # as a breadcrumb
    for secret in (*SECRETS, "unwelcome", ada.customer_reference, ada.external_customer_reference):
        assert secret not in kept.sent


# django-health-check.


@pytest.fixture
def health(recipe, settings):
    recipe("how-to/monitoring.md", "myshop/health.py")
    settings.ROOT_URLCONF = recipe("how-to/monitoring.md", "myshop/urls.py").__name__


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("health")
def test_health(client, twocheckout):
    ada = Customer.objects.create(**ADA)

    def asked():
        response = client.get("/health/?format=json")
        return response.status_code, response.content.decode()

    status, words = asked()
    assert status == 200, words
    circuit_breaker.trip("default", "default", AuthenticationFailed())
    status, words = asked()
    assert (status, "Nothing is sent in the accounts: default." in words) == (500, True)
    sync.resume()
    Customer.objects.filter(pk=ada.pk).update_unmarked(pending_since=LONG_DUE, next_attempt_at=LONG_DUE)
    Account.objects.update(worked_at=LONG_DUE)
    status, words = asked()
    assert (status, "no worker or sweep was seen" in words) == (500, True)
    assert twocheckout.requests == []
