from __future__ import annotations

import json
import re

import pytest

from django_twocheckout.testing import FAULTS

from .plain_client import GOOD, ask, chunked, create, head, send_raw


@pytest.mark.parametrize("body", ["{", "[]", "null", "5", "[" * 100_000, "\xff"])
def test_bodies__of_writing_are_json_objects(vendor, body):
    assert ask(vendor, "POST", "customers/", body)[0] == 400


@pytest.mark.parametrize("body", ["null", "{}", "", " ", "{"])
def test_bodies__of_reading_and_deleting_have_no_meaning(vendor, body):
    create(vendor)
    assert ask(vendor, "GET", "customers/dj-1/", body)[0] == 200
    assert ask(vendor, "DELETE", "customers/dj-1/credit-card/wrong", body)[1]["error_code"] == "SIM_UNKNOWN_CARD"


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json", 404),
        ("application/json, text/plain, */*", 404),
        ("*/*", 404),
        ("text/html, application/*;q=0.1", 404),
        ("Application/JSON; charset=utf-8", 404),
        ("application/json;q=high", 404),
        ("", 404),
        (None, 404),
        ("text/html", 406),
        ("application/json;q=0, */*", 406),
        ("*/*;q=0", 406),
        ("application/json-patch", 406),
    ],
)
def test_accept(vendor, accept, status):
    assert ask(vendor, "GET", "customers/1/", accept=accept)[0] == status


@pytest.mark.parametrize("end", [b"0\r\n\r\n", b"0\r\nChecksum: 5\r\n\r\n"])
def test_chunked__is_read_and_the_connection_lives_on(vendor, end):
    body = chunked(json.dumps(GOOD).encode(), end)
    answer = send_raw(
        vendor, head("POST", "customers/", "Transfer-Encoding: chunked"), body, head("GET", "customers/dj-1/")
    )
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert vendor.customers[0]["FirstName"] == "Ada"


@pytest.mark.parametrize(
    ("header", "body", "status"),
    [
        ("Transfer-Encoding: chunked", b"x\r\n", 400),
        ("Transfer-Encoding: chunked", b"-1\r\n", 400),
        ("Transfer-Encoding: chunked", b"2\r\n{}x\r\n0\r\n\r\n", 400),
        ("Transfer-Encoding: chunked", b"5\r\n{}", 400),
        ("Transfer-Encoding: chunked", b"", 400),
        ("Transfer-Encoding: chunked", b"F" * 30 + b"\r\n", 413),
        ("Transfer-Encoding: gzip, chunked", b"0\r\n\r\n", 501),
        ("Content-Length: -1", b"", 400),
        ("Content-Length: two", b"GET / HTTP/1.1\r\n\r\n" * 20_000, 400),
        ("Content-Length: 2\r\nContent-Length: 3", b"{}", 400),
        ("Content-Length: 99", b"{}", 400),
        ("Content-Length: " + "9" * 30, b"{}", 413),
    ],
)
def test_bodies__that_end_nowhere_end_the_connection(vendor, header, body, status):
    answer = send_raw(vendor, head("PUT", "customers/1/", header), body)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.count(b"HTTP/1.1") == 1
    assert b"Connection: close" in answer
    assert vendor.requests == []


def test_chunks__are_limited_in_all(vendor, monkeypatch):
    monkeypatch.setattr("django_twocheckout.testing.server._MAX_BODY", 3)
    answer = send_raw(vendor, head("PUT", "customers/1/", "Transfer-Encoding: chunked"), chunked(b"{  }"))
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("path", ["customers/dj-1/", "customers/nobody/", "customers/dj-1/credit-card/t", "elsewhere/"])
def test_head__has_no_body(vendor, path):
    create(vendor)
    asked = send_raw(vendor, head("GET", path))
    answer = send_raw(vendor, head("HEAD", path), head("HEAD", path))
    status = asked.partition(b"\r\n")[0]
    assert answer.count(status) == answer.count(b"HTTP/1.1") == 2
    length = re.search(rb"Content-Length: \d+", asked)[0]
    assert answer.count(length) == 2
    assert b"{" not in answer


@pytest.mark.parametrize("name", ["503", "half-body", "reset", "not-json"])
def test_head__has_no_body_when_it_fails(vendor, name):
    vendor.fail(name)
    try:
        answer = send_raw(vendor, head("HEAD", "customers/1/"))
    except ConnectionResetError:
        answer = b""
    assert answer.partition(b"\r\n\r\n")[2] == b""
    assert bool(answer) == (FAULTS[name].cut is None)
