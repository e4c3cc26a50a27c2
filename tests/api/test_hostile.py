"""What a stranger sends instead of a customer: refused in words, and never a mistake of ours."""

from __future__ import annotations

import json

import pytest

from django_twocheckout.api.parsers import MOST_BYTES
from django_twocheckout.models import Customer

from ..customers import ADA
from .addresses import LIST, at

BODIES = {
    "no JSON": b"{",
    "nothing": b"",
    "blanks": b"   ",
    "a list": b"[]",
    "null": b"null",
    "a text": b'"Ada"',
    "a number": b"1",
    "NaN": b'{"city": NaN}',
    "Infinity": b'{"city": -Infinity}',
    "a huge number": b'{"city": 1e400}',
    "many digits": b'{"city": ' + b"9" * 5000 + b"}",
    "half a pair": rb'{"city": "\ud800"}',
    "half a pair as a name": rb'{"\udfff": "x"}',
    "half a pair in a list": rb'{"city": ["\ud800"]}',
    "NUL": rb'{"city": "a\u0000"}',
    "NUL as a name": rb'{"\u0000": "a"}',
    "no UTF-8": b'{"city": "\xff"}',
    "UTF-16": '{"city": "Paris"}'.encode("utf-16"),
    "nested": b"[" * 30_000 + b"]" * 30_000,
    "nested objects": b'{"city":' * 5_000 + b"1" + b"}" * 5_000,
    "a name of ours": b'{"__class__": "x", "pk": 1, "id": 2}',
    "an object as a text": b'{"city": {"$ne": ""}}',
    "a long text": json.dumps({"city": "x" * 60_000}).encode(),
    "many names": json.dumps({f"name{n}": n for n in range(3000)}).encode(),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("method", ["post", "patch"])
def test_a_body(ada, api, method, body):
    before = list(Customer.objects.values())
    address = LIST if method == "post" else at(ada)
    answer = getattr(api, method)(address, body, content_type="application/json")
    if (method, body) != ("patch", b""):  # which changes nothing
        assert answer.status_code == 400, answer.content
        assert answer.json()
    assert list(Customer.objects.values()) == before or body == b""


@pytest.mark.parametrize("size", [MOST_BYTES + 1, 10 * 1024 * 1024])
@pytest.mark.parametrize("method", ["post", "patch"])
def test_too_large(ada, api, method, size):
    address = LIST if method == "post" else at(ada)
    answer = getattr(api, method)(address, b'"' + b"x" * size + b'"', content_type="application/json")
    assert (answer.status_code, answer.json()) == (413, {"detail": "The body is too large."})


def test_the_longest_customer_is_not_too_large(api, db):
    """Each text at its full length, in characters of four bytes, escaped."""
    longest = {
        name: "\U0001f4b3" * (Customer._meta.get_field(name).max_length or 0)
        for name in ("first_name", "last_name", "company", "address1", "address2", "city", "state", "zip", "phone")
    }
    body = json.dumps({**ADA, **longest})
    assert api.post(LIST, body, content_type="application/json").status_code == 201


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "x"]
)
def test_another_type_of_body(ada, api, content_type):
    assert api.patch(at(ada), b"city=Paris", content_type=content_type).status_code == 415


@pytest.mark.parametrize("charset", ["utf-7", "hex", "zip", "rot13", "utf-16", "none-such"])
def test_json_is_utf_8_whatever_the_header_says(ada, api, charset):
    answer = api.patch(at(ada), b'{"city": "Paris"}', content_type=f"application/json; charset={charset}")
    assert (answer.status_code, answer.json()["city"]) == (200, "Paris")


def test_a_body_that_breaks_off(ada, api):
    class Broken:
        def read(self, *args):
            raise OSError("the client is gone")

        readline = read

    answer = api.generic(
        "PATCH", at(ada), content_type="application/json", **{"wsgi.input": Broken(), "CONTENT_LENGTH": "20"}
    )
    assert (answer.status_code, answer.json()) == (400, {"detail": "The body could not be read."})


@pytest.mark.parametrize("action", ["cards/delete", "account-link"])
@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{",
        b'{"card": 1, "page": 1}',
        b'{"card": "\\ud800"}',
        b'{"page": "\\ud800"}',
        b'{"card": null, "page": null}',
        b'{"card": {}, "page": []}',
        b'{"token": "x"}',
    ],
)
def test_a_body_of_an_action(pushed, api, twocheckout, action, body):
    assert api.post(at(pushed, action), body, content_type="application/json").status_code == 400
    assert twocheckout.requests == []


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "image/*", "\x00", "application/json;q=x"])
def test_what_is_accepted(ada, api, accept):
    assert api.get(at(ada), headers={"Accept": accept}).status_code in (200, 406)
