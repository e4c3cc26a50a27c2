"""Beside Sentry and OpenTelemetry: they see our requests, and keep no reference and no token."""

from __future__ import annotations

import json

import pytest
import sentry_sdk
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sentry_sdk.transport import Transport

from django_twocheckout import reporters
from django_twocheckout.client import TwoCheckoutClient
from django_twocheckout.exceptions import TwoCheckoutError
from tests.raw_server import serving

from ..client.clients import CLIENTS
from ..client.data import CREDENTIALS

TOKEN = "t0ken-s3cret"
REFERENCE = "ref-s3cret"
SECRET = "s3cret"


def talk(client):
    """Each operation with a secret in its address. What it answers is not the point."""
    for act in (
        lambda: client.delete_card(REFERENCE, TOKEN),
        lambda: client.retrieve_customer(REFERENCE, include_payment_data=True),
        lambda: client.retrieve_customer_by_sign_on(REFERENCE),
        lambda: client.update_customer(REFERENCE, {"FirstName": "Ada"}),
        lambda: client._request("GET", "customers/", query={"ssotoken": TOKEN}),
    ):
        with pytest.raises(TwoCheckoutError):
            act()


def hang_up(visit):
    visit.request()


@pytest.fixture(params=["answers", "hangs up", "refuses", "is silent"])
def url(request, twocheckout, configure):
    """The base URL of a server that ends each request in this way."""
    if request.param == "answers":
        configure(BASE_URL=twocheckout.url)
        yield twocheckout.url
        return
    if request.param == "refuses":
        configure(BASE_URL="http://127.0.0.1:9/rest/6.0/")
        yield "http://127.0.0.1:9/rest/6.0/"
        return
    with serving(hang_up if request.param == "hangs up" else lambda visit: visit.server.closing.wait(5)) as server:
        configure(BASE_URL=server.url)
        yield server.url


@pytest.fixture
def spans(request):
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor = RequestsInstrumentor()
    instrumentor.instrument(tracer_provider=provider, request_hook=getattr(request, "param", reporters.hide_address))
    yield lambda: [span.to_json() for span in exporter.get_finished_spans()]
    instrumentor.uninstrument()


@pytest.mark.parametrize("made", CLIENTS)
def test_opentelemetry(spans, url, made):
    talk(made(**CREDENTIALS, base_url=url, timeout=0.3))
    seen = spans()
    assert len(seen) == 5
    assert all("customers/…" in json.loads(span)["attributes"]["http.url"] for span in seen)
    assert SECRET not in "".join(seen)


@pytest.mark.parametrize("spans", [None], indirect=True)
def test_opentelemetry__keeps_the_address_without_the_hook(spans, url):
    """So the test above can fail."""
    talk(TwoCheckoutClient(**CREDENTIALS, base_url=url, timeout=0.3))
    assert TOKEN in spans()[0]


class Kept(Transport):
    """Where Sentry sends to, in this process."""

    def __init__(self, options=None):
        super().__init__(options)
        self.envelopes = []

    def capture_envelope(self, envelope):
        self.envelopes.append(envelope.serialize().decode())


@pytest.fixture(params=[reporters.without_addresses, lambda report, hint: report], ids=["filtered", "unfiltered"])
def sentry(request):
    with sentry_sdk.isolation_scope() as scope:
        scope.clear()  # of what other tests did, which Sentry notes from its first start on
        kept = Kept()
        sentry_sdk.init(
            dsn="https://key@127.0.0.1:9/1",
            transport=kept,
            traces_sample_rate=1.0,
            auto_enabling_integrations=False,
            before_breadcrumb=request.param,
            before_send=request.param,
            before_send_transaction=request.param,
        )
        yield kept
        sentry_sdk.init()


def test_sentry(sentry, url, request):
    with sentry_sdk.start_transaction(name="push", op="task"):
        talk(TwoCheckoutClient(**CREDENTIALS, base_url=url, timeout=0.3))
    sentry_sdk.capture_message("look")
    sentry_sdk.flush()
    [transaction] = [text for text in sentry.envelopes if '"type":"transaction"' in text]
    [event] = [text for text in sentry.envelopes if '"type":"event"' in text]
    sent = "refuses" not in request.node.name  # Sentry sees nothing before the connection is there
    secrets = sent and "unfiltered" in request.node.name
    assert (TOKEN in transaction, TOKEN in event, SECRET in transaction + event) == (secrets, secrets, secrets)
    assert ("customers/" in transaction) == sent
