"""One session per thread and process, without cookies."""

from __future__ import annotations

import itertools
import os
import threading

import pytest

from django_twocheckout.client import TwoCheckoutClient
from tests.raw_server import answer, serving

from .clients import CLIENTS, client_of
from .data import CREDENTIALS, CUSTOMER


def test_session__is_kept_alive_within_a_thread_and_not_shared_between_threads(twocheckout):
    client = TwoCheckoutClient(**CREDENTIALS, base_url=twocheckout.url)
    reference = twocheckout.add_customer(FirstName="Ada")
    seen = []

    def use():
        client.retrieve_customer(reference)
        first = client._sender().session
        client.retrieve_customer(reference)
        seen.append((first, client._sender().session))

    threads = [threading.Thread(target=use) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (a, again_a), (b, again_b) = seen
    assert a is again_a
    assert b is again_b
    assert a is not b


def test_session__is_new_after_a_fork(client, monkeypatch):
    parent = client._sender().session
    monkeypatch.setattr(os, "getpid", lambda: -1)

    assert client._sender().session is not parent


def test_session__is_new_after_close(client):
    before = client._sender().session
    client.close()
    client.close()

    assert client._sender().session is not before


def test_session__takes_the_proxy_from_the_environment(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/ssl/own.pem")

    session = TwoCheckoutClient(**CREDENTIALS)._sender().session

    assert session.proxies["https"] == "http://proxy.example:3128"
    assert session.verify == "/etc/ssl/own.pem"


@pytest.mark.parametrize("made", CLIENTS)
def test_cookies__are_not_kept(made):
    def handler(visit):
        for number in itertools.count():
            if not visit.request():
                return
            visit.send(answer(CUSTOMER, f"Set-Cookie: name{number}=value; Path=/; Max-Age=9999"))

    with serving(handler) as server:
        client = client_of(server, made, timeout=20)
        for _ in range(3):
            client.retrieve_customer("1")
        assert len(client._sender().session.cookies) == 0
    assert b"Cookie:" not in b"".join(request for _number, request in server.requests)
