from __future__ import annotations

import io
import json
import threading
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.validate import validator

import pytest

from django_twocheckout.testing import FakeTwoCheckout

from .plain_client import GOOD, ask, create, head, send_raw, signed


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *args):
        """Write no log."""


@pytest.fixture
def under_wsgiref():
    """The vendor under another server, which tells the path decoded and knows nothing of chunks."""
    vendor = FakeTwoCheckout()
    with make_server("127.0.0.1", 0, validator(vendor), handler_class=QuietHandler) as server:
        vendor.url = f"http://127.0.0.1:{server.server_port}/rest/6.0/"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield vendor
        finally:
            server.shutdown()
            thread.join()


def test_wsgiref(under_wsgiref):
    vendor = under_wsgiref
    assert create(vendor, ExternalCustomerReference="50% né?") == (200, 601952421)
    assert ask(vendor, "GET", "customers/50%25%20n%C3%A9%3F/?includePaymentData=true")[0] == 200
    assert ask(vendor, "HEAD", "customers/601952421/") == (200, None)
    answer = send_raw(vendor, head("POST", "customers/", "Transfer-Encoding: chunked"))
    assert answer.splitlines()[0] == b"HTTP/1.0 411 Length Required"
    assert len(vendor.customers) == 1


def test_a_server_that_ends_the_body_itself():
    body = json.dumps(GOOD).encode()
    vendor, said = FakeTwoCheckout(), []
    environ = {
        "REQUEST_METHOD": "POST",
        "RAW_URI": "/rest/6.0/customers/",
        "HTTP_TRANSFER_ENCODING": "chunked",
        "HTTP_X_AVANGATE_AUTHENTICATION": signed(),
        "wsgi.input_terminated": True,
        "wsgi.input": io.BytesIO(body),
    }
    assert list(vendor(environ, lambda *given: said.append(given))) == [b"601952421"]
    assert said[0][0] == "200 OK"
