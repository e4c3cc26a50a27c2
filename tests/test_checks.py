from __future__ import annotations

import pytest
from django.core.checks import run_checks

from django_twocheckout.checks import check_settings, check_worker

GOOD = {"MERCHANT_CODE": "A", "SECRET_KEY": "topsecret"}


def messages(settings, given):
    settings.TWOCHECKOUT = given
    return check_settings()


def ids(settings, given):
    return [message.id for message in messages(settings, given)]


def test_registered(settings):
    settings.TWOCHECKOUT = {}
    found = [message.id for message in run_checks(tags=["twocheckout"])]
    assert found == ["twocheckout.E003", "twocheckout.E003"]


def test_good_settings(settings):
    assert ids(settings, GOOD) == []
    assert ids(settings, {**GOOD, "TIMEOUT": (1, 2.5), "QUEUE": "billing", "CONFLICT": "remote"}) == []


@pytest.mark.parametrize("given", [None, [], "x"])
def test_no_dictionary(settings, given):
    assert ids(settings, given) == ["twocheckout.E001"]
    del settings.TWOCHECKOUT
    assert [message.id for message in check_settings()] == ["twocheckout.E001"]


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("TIMEOT", "Did you mean 'TIMEOUT'?"),
        ("merchant_code", "Did you mean 'MERCHANT_CODE'?"),
        ("HASH_ALGORITM", "Did you mean 'HASH_ALGORITHM'?"),
        (17, "Known keys are MERCHANT_CODE"),
    ],
)
def test_unknown_key(settings, key, hint):
    [message] = messages(settings, {**GOOD, key: 1})
    assert message.id == "twocheckout.E002"
    assert message.hint.startswith(hint)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"SECRET_KEY": ""}, "twocheckout.E003"),
        ({"MERCHANT_CODE": None}, "twocheckout.E003"),
        ({"MERCHANT_CODE": 250111206876}, "twocheckout.E006"),
        ({"BASE_URL": "http://api.2checkout.com/rest/6.0/"}, "twocheckout.E004"),
        ({"BASE_URL": "nonsense"}, "twocheckout.E004"),
        ({"BASE_URL": None}, "twocheckout.E004"),
        ({"HASH_ALGORITHM": "md5"}, "twocheckout.E005"),
        ({"HASH_ALGORITHM": "sha3_256"}, "twocheckout.E005"),
        ({"HASH_ALGORITHM": ["sha256"]}, "twocheckout.E005"),
        ({"TIMEOUT": 0}, "twocheckout.E006"),
        ({"TIMEOUT": "5"}, "twocheckout.E006"),
        ({"TIMEOUT": (1, 2, 3)}, "twocheckout.E006"),
        ({"REFERENCE_PREFIX": ""}, "twocheckout.E006"),
        ({"REFERENCE_PREFIX": "12"}, "twocheckout.E006"),
        ({"REFERENCE_PREFIX": " a"}, "twocheckout.E006"),
        ({"REFERENCE_PREFIX": "x" * 201}, "twocheckout.E006"),
        ({"CONFLICT": "mine"}, "twocheckout.E006"),
        ({"READ_BEFORE_WRITE": "yes"}, "twocheckout.E006"),
        ({"CARDS_BY_SSO": "no"}, "twocheckout.E006"),
        ({"PUSH_ON_SAVE": 1}, "twocheckout.E006"),
        ({"END_USER_UPDATE": None}, "twocheckout.E006"),
        ({"BATCH_SIZE": 0}, "twocheckout.E006"),
        ({"RATE_LIMIT": "fast"}, "twocheckout.E006"),
        ({"RATE_LIMIT": "0/s"}, "twocheckout.E006"),
        ({"RATE_LIMIT": 10}, "twocheckout.E006"),
        ({"HISTORY_DAYS": -1}, "twocheckout.E006"),
        ({"HISTORY_DAYS": None}, "twocheckout.E006"),
        ({"CONCURRENCY": True}, "twocheckout.E006"),
        ({"MAX_ATTEMPTS": "3"}, "twocheckout.E006"),
        ({"QUEUE": ""}, "twocheckout.E006"),
    ],
)
def test_wrong_value(settings, change, expected):
    [message] = messages(settings, {**GOOD, **change})
    assert message.id == expected
    assert next(iter(change)) in message.msg
    assert message.hint


def test_nothing_secret_is_printed(settings):
    given = {"SECRET_KEY": "topsecret", "BASE_URL": "http://user:topsecret@example.org/", "TIMEOUT": "topsecret"}
    told = str(messages(settings, given))
    assert "topsecret" not in told


def test_worker(other_broker):
    assert [message.id for message in check_worker()] == ["twocheckout.W001"]
    other_broker("redis://localhost/0", task_always_eager=True)
    assert [message.id for message in check_worker()] == ["twocheckout.W002"]
