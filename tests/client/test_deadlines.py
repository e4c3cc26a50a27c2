"""Answers that never end, from a hostile server or from a server in between."""

from __future__ import annotations

import itertools
import threading
import time

import pytest
from werkzeug import Response

from django_twocheckout.client import TwoCheckoutClient, send_by
from django_twocheckout.exceptions import ConnectionFailed, TransientError, UnreadableAnswer
from tests import raw_server
from tests.raw_server import answer, serving

from .clients import CLIENTS, client_of
from .data import CHUNKED, CONTINUE, CREDENTIALS, CUSTOMER, OK, SOON

GZIP = OK + b"Content-Encoding: gzip\r\n\r\n" + b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

NOTHING = b"\x00\x00\x00\xff\xff"  # a block of deflate without content

DRIPS = {
    "nothing": (b"", []),
    "status line": (b"HTTP/1.1 200 O", b"K"),
    "header": (OK + b"X-Long: ", b"a"),
    "headers": (OK, b"X-Many: 1\r\n"),
    "100": (CONTINUE, CONTINUE),
    "100 with headers": (CONTINUE, b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\n"),
    "body with its length": (OK + b"Content-Length: 9999\r\n\r\n", b" "),
    "body without a length": (OK + b"\r\n", b" "),
    "chunks": (CHUNKED, b"1\r\n \r\n"),
    "chunk": (CHUNKED + b"fff\r\n", b" "),
    "chunk's size": (CHUNKED, b"0"),
    "chunk's extension": (CHUNKED + b"4;", b"x"),
    "trailers": (CHUNKED + b"4\r\ntrue\r\n0\r\n", b"X: y\r\n"),
    "gzip without output": (GZIP, NOTHING),
    "redirect": (b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 9999\r\n\r\n", b" "),
    "failure": (b"HTTP/1.1 500 Oops\r\nContent-Length: 9999\r\n\r\n", b" "),
}


@pytest.mark.parametrize(("first", "drop"), DRIPS.values(), ids=DRIPS)
@pytest.mark.parametrize("made", CLIENTS)
def test_drip__ends_in_time(made, first, drop):
    def handler(visit):
        visit.request()
        visit.drip(first, itertools.repeat(drop or b""))

    with serving(handler) as server:
        began = time.monotonic()
        with pytest.raises(ConnectionFailed):
            client_of(server, made).update_customer("1", {"City": "Paris"})
        assert time.monotonic() - began < SOON


FLOODS = {
    "100": (CONTINUE, CONTINUE * 1000),
    "redirect": (b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", b" " * 65536),
    "body": (OK + b"\r\n", b" " * 65536),
    "trailers": (CHUNKED + b"4\r\ntrue\r\n0\r\n", b"X: y\r\n" * 1000),
    "gzip without output": (GZIP, NOTHING * 10000),
}


@pytest.mark.parametrize(("first", "more"), FLOODS.values(), ids=FLOODS)
@pytest.mark.parametrize("made", CLIENTS)
def test_flood__ends_by_its_size(made, first, more):
    def handler(visit):
        visit.request()
        visit.drip(first, itertools.repeat(more), pause=0)

    with serving(handler) as server, pytest.raises((ConnectionFailed, UnreadableAnswer)):
        client_of(server, made, timeout=20).retrieve_customer("1")


@pytest.mark.parametrize("drop", [b"", b"\x00"])
def test_handshake__ends_in_time(certificate, monkeypatch, drop):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificate)

    def handler(visit):
        visit.drip(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc", itertools.repeat(drop))

    with serving(handler) as server:
        client = TwoCheckoutClient(**CREDENTIALS, base_url=server.url.replace("http:", "https:"), timeout=(0.3, 0.3))
        began = time.monotonic()
        with pytest.raises(ConnectionFailed) as caught:
            client.retrieve_customer("1")
        assert time.monotonic() - began < SOON
    assert type(caught.value) is ConnectionFailed


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        (b"", b""),
        (b"HTTP/1.1 200 O", b"K"),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 200 OK\r\n\r\n\x16\x03\x03\x40\x00\x02\x00\x3f\xfc", b"\x00"),
    ],
)
def test_proxy__ends_in_time(monkeypatch, first, drop):
    def handler(visit):
        visit.request()
        visit.drip(first, itertools.repeat(drop))

    with serving(handler) as server:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.port}")
        client = TwoCheckoutClient(**CREDENTIALS, timeout=(0.3, 0.3))
        began = time.monotonic()
        with pytest.raises(ConnectionFailed):
            client.retrieve_customer("1")
        assert time.monotonic() - began < SOON
    assert server.requests[0][1].startswith(b"CONNECT api.2checkout.com:443 ")


def test_slow_reader__ends_in_time():
    def handler(visit):
        visit.server.closing.wait(raw_server.LONGEST)

    with serving(handler) as server, pytest.raises(ConnectionFailed):
        client_of(server).create_customer({"FirstName": "x" * 32 * 1024 * 1024})


def test_answer__in_time_is_taken_however_many_parts_it_has():
    def handler(visit):
        while visit.request():
            visit.send(CONTINUE + CHUNKED)
            for byte in CUSTOMER:
                visit.send(b"1\r\n%c\r\n" % byte)
            visit.send(b"0\r\nX-Trailer: y\r\n\r\n")

    with serving(handler) as server:
        client = client_of(server, timeout=20)
        assert client.retrieve_customer("1") == client.retrieve_customer("1")
    assert server.visits == 1


@pytest.mark.parametrize("drips", [[], [b"{"]])
def test_timeout__no_answer_or_not_to_its_end(local_client, httpserver, drips):
    given_up = threading.Event()

    def stall():
        yield from drips
        given_up.wait(20)
        yield b""

    httpserver.expect_request("/rest/6.0/customers/1/").respond_with_handler(lambda request: Response(stall()))
    local_client.timeout = (0.3, 0.3)

    with pytest.raises(ConnectionFailed):
        local_client.retrieve_customer("1")
    given_up.set()


def test_timeout__answer_that_drips(local_client, httpserver):
    given_up, dripped_dry = threading.Event(), threading.Event()

    def drip():
        for _ in range(200):
            if given_up.wait(0.1):
                return
            yield b" "
        dripped_dry.set()

    httpserver.expect_request("/rest/6.0/customers/1/").respond_with_handler(lambda request: Response(drip()))

    local_client.timeout = (0.3, 0.3)
    with pytest.raises(ConnectionFailed, match="did not end in time"):
        local_client.retrieve_customer("1")
    assert not dripped_dry.is_set()
    given_up.set()


def test_send_by__refuses_what_comes_too_late():
    def handler(visit):
        while visit.request():
            visit.send(answer(CUSTOMER))

    with serving(handler) as server:
        client = client_of(server, timeout=20)
        with pytest.raises(TransientError, match="Too little time"), send_by(time.monotonic() - 1):
            client.retrieve_customer("1")
        with send_by(time.monotonic() + 1):
            time.sleep(1.1)
            with pytest.raises(TransientError, match="Too little time"):
                client.retrieve_customer("1")
        assert server.requests == []
        with send_by(time.monotonic() + SOON):
            client.retrieve_customer("1")
        client.retrieve_customer("1")
    assert len(server.requests) == 2
