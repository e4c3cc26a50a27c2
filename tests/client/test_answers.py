"""Answers that cannot be read, and redirects."""

from __future__ import annotations

import pytest

from django_twocheckout.client import TwoCheckoutClient
from django_twocheckout.exceptions import ConnectionFailed, NoSecureConnection, UnreadableAnswer
from tests import answers
from tests.raw_server import answer, serving

from .clients import CLIENTS, client_of
from .data import CHUNKED, CREDENTIALS, OK


def test_redirect__is_not_followed(local_client, httpserver):
    httpserver.expect_request("/rest/6.0/customers/1/").respond_with_data("", 302, {"Location": "/elsewhere/"})
    httpserver.expect_request("/elsewhere/").respond_with_json(answers.CUSTOMER)

    with pytest.raises(UnreadableAnswer, match="redirect"):
        local_client.retrieve_customer("1")
    assert [request.path for request, _ in httpserver.log] == ["/rest/6.0/customers/1/"]


@pytest.mark.parametrize(
    "location",
    [
        b"http://[broken",
        "http://example.org\uff03@example.net/".encode(),
        b"http://\xff\xfe/",
        b"//\x85",
        b"",
        b"https://x:y/",
    ],
)
@pytest.mark.parametrize("made", CLIENTS)
def test_location__is_never_looked_at(made, location):
    def handler(visit):
        while visit.request():
            visit.send(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n")

    with serving(handler) as server, pytest.raises(UnreadableAnswer, match="redirects are not followed"):
        client_of(server, made, timeout=20).retrieve_customer("1")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("reset", ConnectionFailed),
        ("half-body", UnreadableAnswer),
        ("huge", UnreadableAnswer),
        ("not-json", UnreadableAnswer),
    ],
)
def test_broken_answers__over_a_real_socket(twocheckout, fault, error):
    client = TwoCheckoutClient(**CREDENTIALS, base_url=twocheckout.url)
    twocheckout.fail(fault)

    with pytest.raises(error):
        client.retrieve_customer("1")


GARBAGE = {
    "no status line": b"\x00\xff\r\n\r\n",
    "status of words": b"HTTP/1.1 abc OK\r\n\r\n",
    "status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "200 headers": OK + b"A: b\r\n" * 200 + b"\r\n",
    "long header": OK + b"A: " + b"b" * 70000 + b"\r\n\r\n",
    "two lengths": OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n1",
    "list of lengths": OK + b"Content-Length: 4, 5\r\n\r\ntrue",
    "no colon": OK + b"\xff\xfe: \xff\r\nno colon\r\n\r\n{",
    "no gzip": OK + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\ntrue",
    "three codings": OK + b"Content-Encoding: deflate, gzip, gzip\r\nContent-Length: 4\r\n\r\ntrue",
    "bytes above 127": OK + b"Set-Cookie: \xff=\xfe; expires=\xff\r\nContent-Length: 2\r\n\r\n\xff\xfe",
    "chunk of words": CHUNKED + b"xyz\r\n",
    "chunk below 0": CHUNKED + b"-5\r\n",
    "cut chunk": CHUNKED + b"4\r\ntr",
    "no last chunk": CHUNKED + b"4\r\ntrue",
    "long chunk size": CHUNKED + b"9" * 70000 + b"\r\n",
    "101": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
}


@pytest.mark.parametrize("raw", GARBAGE.values(), ids=GARBAGE)
def test_garbage__is_one_of_our_errors(raw):
    def handler(visit):
        visit.request()
        visit.send(raw)

    with serving(handler) as server, pytest.raises((ConnectionFailed, UnreadableAnswer)) as caught:
        client_of(server, timeout=20).update_customer("1", {})
    assert not isinstance(caught.value, NoSecureConnection)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(("body", "framed"), [(b"601952421", False), (b"1", False), (b"601952421", True)])
def test_number__that_may_have_been_cut_is_not_believed(body, framed):
    def handler(visit):
        visit.request()
        visit.send(answer(body) if framed else OK + b"Connection: close\r\n\r\n" + body)

    with serving(handler) as server:
        client = client_of(server, timeout=20)
        if framed:
            assert client.create_customer({}) == "601952421"
        else:
            with pytest.raises(UnreadableAnswer):
                client.create_customer({})
            with pytest.raises(UnreadableAnswer):
                client.update_customer("1", {})
