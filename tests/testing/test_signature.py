from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta

import pytest

from .plain_client import ask, signed


@pytest.mark.parametrize(
    "way", [{"algorithm": "sha256"}, {"algorithm": "sha3_256", "name": "sha3-256"}, {"quote": "'"}]
)
def test_signature__accepted(vendor, way):
    assert ask(vendor, "GET", "customers/1/", header=signed(**way))[0] == 404


def test_signature__a_little_old(vendor):
    header = signed(moment=datetime.now(UTC) - timedelta(seconds=100))
    assert ask(vendor, "GET", "customers/1/", header=header)[0] == 404


@pytest.mark.parametrize(
    "header",
    [
        "",
        signed(key="WRONG"),
        signed(code="OTHER"),
        signed(algorithm="md5"),
        signed(algorithm="md5", name="none"),
        signed(algorithm="sha512"),
        signed(moment=datetime.now(UTC) - timedelta(hours=2)),
        signed().replace("date=", "dates="),
        "code=\"YOURCODE123\" date=\"now\" hash=\"{}\"".format(
            hmac.new(b"SECRET_KEY", b"11YOURCODE1233now", "sha256").hexdigest()
        ) + ' algo="sha256"',
    ],
    ids=range(9),
)  # fmt: skip
def test_signature__refused(vendor, header):
    assert ask(vendor, "GET", "customers/1/", header=header) == (
        401,
        {"error_code": "AUTHENTICATION_ERROR", "message": "Authentication needed for this resource"},
    )


def test_signature__switches(vendor):
    vendor.behaviour.set(accept_md5=True, allowed_skew=None)
    old = datetime(2010, 5, 13, 12, 12, 12, tzinfo=UTC)
    assert ask(vendor, "GET", "customers/1/", header=signed(algorithm="md5", name="none", moment=old))[0] == 404
