from __future__ import annotations

import pytest
from pytest_httpserver import HTTPServer

from django_twocheckout.client import TwoCheckoutClient
from tests import raw_server

from .data import CREDENTIALS


@pytest.fixture
def client():
    return TwoCheckoutClient(**CREDENTIALS)


@pytest.fixture
def local_client(httpserver: HTTPServer):
    """A client of a real socket on this machine."""
    return TwoCheckoutClient(**CREDENTIALS, base_url=httpserver.url_for("/rest/6.0/"))


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    return raw_server.make_certificate(str(tmp_path_factory.mktemp("tls") / "both.pem"))


@pytest.fixture
def wrong(tmp_path):
    path = tmp_path / "wrong.pem"
    path.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    return str(path)
