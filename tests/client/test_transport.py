"""Connections that are kept, and what is sent over them."""

from __future__ import annotations

import pytest

from tests.raw_server import answer, serving

from .clients import client_of
from .data import CUSTOMER


def two_answers_at_once(first):
    """A server that answers the first request of each connection twice."""

    def handler(visit):
        visit.request()
        visit.send(first + answer(b'{"CustomerReference": "2"}'))
        while visit.request():
            visit.send(answer(b'{"CustomerReference": "3"}'))

    return handler


@pytest.mark.parametrize("padding", [0, 9000, 15000])
@pytest.mark.parametrize("tls", [False, True])
def test_second_answer__is_not_taken_for_the_next_ones(monkeypatch, certificate, padding, tls):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificate)
    first = answer(CUSTOMER.ljust(padding))
    with serving(two_answers_at_once(first), certificate if tls else None) as server:
        client = client_of(server, timeout=20)
        for _ in range(3):
            assert client.retrieve_customer("1")["CustomerReference"] == "1"
    assert [number for number, _request in server.requests] == [1, 2, 3]


def test_connection__is_kept_over_tls(monkeypatch, certificate):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificate)

    def handler(visit):
        while visit.request():
            visit.send(answer(CUSTOMER))

    with serving(handler, certificate) as server:
        client = client_of(server, timeout=20)
        for _ in range(3):
            client.retrieve_customer("1")
    assert server.visits == 1


@pytest.mark.parametrize("tls", [False, True])
def test_long_request__arrives_whole(monkeypatch, certificate, tls):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificate)
    arrived = []

    def handler(visit):
        arrived.append(visit.request())
        visit.send(answer(b"601952421"))

    with serving(handler, certificate if tls else None) as server:
        assert client_of(server, timeout=20).create_customer({"FirstName": "x" * 100_000}) == "601952421"
    assert arrived[0].endswith(b'{"FirstName": "' + b"x" * 100_000 + b'"}')
