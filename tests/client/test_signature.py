"""The signature. The vectors are computed from the documented scheme with the documentation's own sample keys."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import time_machine

from django_twocheckout.client import TwoCheckoutClient
from django_twocheckout.client.signature import Signature
from tests import answers

from .data import BASE, CREDENTIALS


@pytest.mark.parametrize(
    ("code", "moment", "algorithm", "digest"),
    [
        (
            "AVANGATE",
            datetime(2010, 5, 13, 12, 12, 12, tzinfo=UTC),
            "sha256",
            "29e85dbf92ce0113e7755c31c0438a7db98a4de9f910bf0a527e005f35e43739",
        ),
        (
            "AVANGATE",
            datetime(2010, 5, 13, 12, 12, 12, tzinfo=UTC),
            "sha3-256",
            "0c7e9c0c96148e5bf8e199a0a0e27977edc099ff0b27794e761853b96e04c7fb",
        ),
        (
            "YOURCODE123",
            datetime(2020, 6, 18, 8, 5, 46, tzinfo=UTC),
            "sha256",
            "483fc633a309cadc65b89519f55cc55e0d0611a6e1dfa62ac4d48fc3703a6a42",
        ),
        (
            "YOURCODE123",
            datetime(2020, 6, 18, 8, 5, 46, tzinfo=UTC),
            "sha3-256",
            "89cff582a336094aa0a917003e383016c173b0bcb38d812375b2b10ea6ce99ed",
        ),
    ],
)
def test_signature(code, moment, algorithm, digest):
    header = Signature(code, "SECRET_KEY", algorithm).header(moment)

    assert header == f'code="{code}" date="{moment:%Y-%m-%d %H:%M:%S}" hash="{digest}" algo="{algorithm}"'


def test_signature__sha3_has_its_own_block_size():
    # What a hand-made HMAC with SHA-2's block of 64 bytes gives.
    wrong = "f5daccbdc5469924838b1fd219471e3ee5691970cbc1af4a3d5723d19bb4327b"

    assert wrong not in Signature("YOURCODE123", "SECRET_KEY", "sha3-256").header(datetime(2020, 6, 18, 8, 5, 46))


def test_signature__is_in_utc_and_made_afresh_for_each_request(client, responses):
    responses.get(BASE + "customers/1/", json=answers.CUSTOMER)

    with time_machine.travel(datetime(2026, 1, 1, 23, 59, 59, tzinfo=UTC), tick=False) as clock:
        client.retrieve_customer("1")
        clock.shift(2)
        client.retrieve_customer("1")

    first, second = (call.request.headers["X-Avangate-Authentication"] for call in responses.calls)
    assert 'date="2026-01-01 23:59:59"' in first
    assert 'date="2026-01-02 00:00:01"' in second


@pytest.mark.parametrize("mistake", [TypeError, KeyError, AttributeError, ValueError])
def test_mistake_of_our_own__stays_visible(monkeypatch, mistake):
    def header(signature, now):
        raise mistake

    monkeypatch.setattr(Signature, "header", header)

    with pytest.raises(mistake):
        TwoCheckoutClient(**CREDENTIALS).retrieve_customer("1")
