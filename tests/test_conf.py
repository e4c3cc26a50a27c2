from __future__ import annotations

import pytest

from django_twocheckout.conf import KNOWN, REQUIRED, ConfigurationError, conf
from django_twocheckout.exceptions import TwoCheckoutError


def test_defaults(settings):
    settings.TWOCHECKOUT = {}
    assert {name: getattr(conf, name) for name in KNOWN if name not in REQUIRED} == {
        "BASE_URL": "https://api.2checkout.com/rest/6.0/",
        "HASH_ALGORITHM": "sha3-256",
        "TIMEOUT": (5, 30),
        "REFERENCE_PREFIX": "dj-",
        "READ_BEFORE_WRITE": True,
        "CONFLICT": "local",
        "END_USER_UPDATE": False,
        "CARDS_BY_SSO": True,
        "PUSH_ON_SAVE": True,
        "BATCH_SIZE": 100,
        "CONCURRENCY": 4,
        "RATE_LIMIT": None,
        "MAX_ATTEMPTS": 14,
        "HISTORY_DAYS": 90,
        "CONFIRM_ROWS": 50,
        "QUEUE": None,
    }
    assert REQUIRED == ("MERCHANT_CODE", "SECRET_KEY")


def test_read_afresh_each_time(settings):
    settings.TWOCHECKOUT = {"TIMEOUT": 1}
    assert conf.TIMEOUT == 1
    settings.TWOCHECKOUT = {"TIMEOUT": 2}
    assert conf.TIMEOUT == 2


@pytest.mark.parametrize("given", [None, {}, "nonsense"])
def test_missing(settings, given):
    settings.TWOCHECKOUT = given
    with pytest.raises(ConfigurationError, match=r"TWOCHECKOUT\['SECRET_KEY'\] is not set"):
        _ = conf.SECRET_KEY
    del settings.TWOCHECKOUT
    assert conf.CONFLICT == "local"


def test_a_wrong_setting_is_no_trouble_with_2checkout():
    assert not issubclass(ConfigurationError, TwoCheckoutError)
