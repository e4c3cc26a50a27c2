"""The short way past requests' own ``send()``: the same bytes, and only where nobody could miss anything."""

from __future__ import annotations

import functools
import logging
import re
from contextlib import contextmanager, suppress

import pytest
import requests
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from requests.adapters import HTTPAdapter

from django_twocheckout.client import TwoCheckoutClient
from django_twocheckout.exceptions import TwoCheckoutError
from tests import vendor_document
from tests.raw_server import answer, serving

from .clients import client_of


class WithHook(TwoCheckoutClient):
    """A session for which requests' own way is taken."""

    def create_session(self):
        session = super().create_session()
        session.hooks["response"].append(lambda response, **options: None)
        return session


class WithHeaders(TwoCheckoutClient):
    def create_session(self):
        session = super().create_session()
        session.headers.update({"X-Team": "billing", "accept-language": "ro"})
        return session


@contextmanager
def recording():
    """A server that says true to everything, and the requests that it received."""
    received = []

    def handler(visit):
        while data := visit.request():
            received.append(re.sub(rb'date="[^"]*" hash="[^"]*"', b"signed", data))
            visit.send(answer(b"true"))

    with serving(handler) as server:
        yield server, received


REFERENCES = st.text(max_size=20) | st.sampled_from(["ä/ö?#", "%2e%2e", "a b+c", "~._-", "[x]", "dj-1"])
BODIES = st.dictionaries(st.sampled_from(["City", "Zip", "ExistingCards"]), st.text(max_size=20) | st.none())


@pytest.fixture(scope="module")
def both():
    """A client of each way, and what was received."""
    with recording() as (server, received):
        yield client_of(server, timeout=20), client_of(server, WithHook, timeout=20), received


@pytest.fixture
def undocumented(monkeypatch):
    """Bodies that 2Checkout's document does not allow may be sent."""
    monkeypatch.setattr(vendor_document, "check", lambda prepared: None)


@given(reference=REFERENCES, body=BODIES, flag=st.booleans(), verb=st.sampled_from(["put", "post", "get", "delete"]))
@example(reference="1", body={}, flag=True, verb="put")
@example(reference="1", body={}, flag=True, verb="get")
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_both_ways_send_the_same_bytes(both, undocumented, reference, body, flag, verb):
    *clients, received = both
    received.clear()
    for client in clients:
        with suppress(TwoCheckoutError):  # true is no customer
            if verb == "put":
                client.update_customer(reference, body, flag)
            elif verb == "post":
                client.create_customer(body)
            elif verb == "get":
                client.retrieve_customer(reference, include_payment_data=flag)
            else:
                client.delete_card(reference, reference)

    sent = len(received)
    assert sent in (0, 2)
    assert sent == 0 or received[0] == received[1]
    assert clients[0].requests_sent == clients[1].requests_sent


def test_headers__of_the_session_and_those_set_later():
    with recording() as (server, received):
        client = client_of(server, WithHeaders, timeout=20)
        client.update_customer("1", {})
        client._sender().session.headers["X-Team"] = "support"
        client.update_customer("1", {})

    assert [re.findall(rb"X-Team: (\w+)", one) for one in received] == [[b"billing"], [b"support"]]
    assert all(b"accept-language: ro" in one for one in received)


def test_a_tracer_that_wraps_send_later__sees_each_request(monkeypatch):
    seen, send = [], requests.Session.send

    @functools.wraps(send)
    def traced(session, request, **options):
        seen.append(request.method)
        return send(session, request, **options)

    with recording() as (server, _received):
        client = client_of(server, timeout=20)
        client.update_customer("1", {})
        monkeypatch.setattr(requests.Session, "send", traced)
        client.update_customer("1", {})

    assert seen == ["PUT"]


def test_an_adapter_s_own_hook__is_called_once_per_request():
    class Adapter(HTTPAdapter):
        def send(self, request, **options):
            request.register_hook("response", lambda response, **options: seen.append(response.status_code))
            return super().send(request, **options)

    class Client(TwoCheckoutClient):
        def create_session(self):
            session = super().create_session()
            session.mount(self.base_url, Adapter())
            return session

    seen = []
    with recording() as (server, _received):
        client = client_of(server, Client, timeout=20)
        for _ in range(3):
            client.update_customer("1", {})

    assert seen == [200, 200, 200]


def test_no_body__is_kept():
    with recording() as (server, _received):
        client = client_of(server, timeout=20)
        client.update_customer("1", {"City": "Ockham"})
        kept = client._sender()._prepared.values()

    assert [request.body for request in kept] == [None]


def test_a_session_that_only_delegates__takes_requests_own_way():
    class Wrapped:
        def __init__(self, session):
            self.session = session

        def __getattr__(self, name):
            return getattr(self.session, name)

    class Client(TwoCheckoutClient):
        def create_session(self):
            return Wrapped(super().create_session())

    with recording() as (server, received):
        client_of(server, Client, timeout=20).update_customer("1", {})

    assert len(received) == 1


def test_a_session_with_a_send_of_its_own():
    class Session(requests.Session):
        def send(self, request, **options):
            seen.append(request.method)
            return super().send(request, **options)

    class Client(TwoCheckoutClient):
        def create_session(self):
            return Session()

    seen = []
    with recording() as (server, _received):
        client_of(server, Client, timeout=20).update_customer("1", {})

    assert seen == ["PUT"]


def test_requests_own_way__is_told_once(caplog):
    caplog.set_level(logging.DEBUG, "twocheckout")
    with recording() as (server, _received):
        client = client_of(server, WithHook, timeout=20)
        client.update_customer("1", {})
        client.update_customer("1", {})
        client_of(server, timeout=20).update_customer("1", {})

    assert len([one for one in caplog.records if "requests' own way" in one.getMessage()]) == 1


def test_head_and_body__leave_in_one_call(monkeypatch):
    from django_twocheckout.client import transport

    calls = []
    send = transport.HTTPConnection.send

    def counted(connection, data):
        calls.append(bytes(data))
        return send(connection, data)

    monkeypatch.setattr(transport.HTTPConnection, "send", counted)
    with recording() as (server, _received):
        client = client_of(server, timeout=20)
        for _ in range(2):
            client.update_customer("1", {"City": "Ockham"})

    assert [one.endswith(b'\r\n\r\n{"City": "Ockham"}') for one in calls] == [True, True]


def test_signature__of_one_second_is_made_once(monkeypatch):
    made, digest = [], TwoCheckoutClient(merchant_code="A", secret_key="b")._signature.__class__.header

    def counted(signature, now):
        made.append(now)
        return digest(signature, now)

    monkeypatch.setattr("django_twocheckout.client.signature.Signature.header", counted)
    with recording() as (server, received):
        client = client_of(server, timeout=20)
        for _ in range(20):
            client.update_customer("1", {})

    assert len(received) == 20
    assert len(made) == len(set(made)) < 20
