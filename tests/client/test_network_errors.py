"""No connection, or no secure one."""

from __future__ import annotations

import socket

import pytest

from django_twocheckout.client import TwoCheckoutClient
from django_twocheckout.exceptions import ConnectionFailed, NoSecureConnection, TransientError
from tests.raw_server import serving

from .clients import client_of
from .data import CREDENTIALS
from .servers import answering


def test_refused_connection():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        client = TwoCheckoutClient(**CREDENTIALS, base_url=f"http://127.0.0.1:{listener.getsockname()[1]}/rest/6.0/")

        with pytest.raises(ConnectionFailed) as caught:
            client.retrieve_customer("secret-reference")
    assert "secret-reference" not in str(caught.value) + repr(caught.value.__cause__)


@pytest.mark.parametrize("bundle", ["nowhere", "wrong", "empty", "unverified", "folder"])
def test_certificates__that_do_not_do(monkeypatch, certificate, wrong, tmp_path, bundle):
    (tmp_path / "empty.pem").write_text("")
    paths = {
        "nowhere": "/nowhere/ca.pem",
        "wrong": wrong,
        "empty": str(tmp_path / "empty.pem"),
        "folder": str(tmp_path),
    }
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    if bundle in paths:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", paths[bundle])
    else:
        monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)

    with serving(answering, certificate) as server, pytest.raises(NoSecureConnection) as caught:
        client_of(server, timeout=20).retrieve_customer("1")
    assert caught.value.words.startswith(
        "This machine cannot make a secure connection to 2Checkout. (GET customers/…/: "
    )


@pytest.mark.parametrize("proxy", ["http://[broken", "http://", "http://host:port", "nonsense://host", "http://[::1"])
def test_proxy__that_cannot_be_read(monkeypatch, proxy):
    monkeypatch.setenv("HTTPS_PROXY", proxy)

    with pytest.raises(NoSecureConnection):
        TwoCheckoutClient(**CREDENTIALS, timeout=1).retrieve_customer("1")


@pytest.mark.parametrize("name", ["/nowhere/client.pem", "wrong"])
def test_client_certificate__that_does_not_do(monkeypatch, certificate, wrong, name):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificate)

    with serving(answering, certificate) as server:
        client = client_of(server, timeout=20)
        client._sender().session.cert = wrong if name == "wrong" else name
        with pytest.raises(NoSecureConnection):
            client.retrieve_customer("1")


def test_plain_http__where_tls_is_spoken():
    with serving(answering) as server:
        url = server.url.replace("http:", "https:")
        with pytest.raises(TransientError):
            TwoCheckoutClient(**CREDENTIALS, base_url=url, timeout=1).retrieve_customer("1")
