"""Beside caches of queries and of requests: no pull is old, and ``check`` says what must not be cached."""

from __future__ import annotations

import cacheops.conf
import pytest
import requests_cache
from cachalot.settings import cachalot_settings

from django_twocheckout import sync
from django_twocheckout.checks import check_caches
from django_twocheckout.client import TwoCheckoutClient

from ..client.clients import CLIENTS
from ..client.data import CREDENTIALS


@pytest.fixture(params=["memory", "sqlite"])
def cache(request, tmp_path):
    """A cache that a project installs for all requests, whatever the servers say."""
    requests_cache.install_cache(
        str(tmp_path / "cache"),
        backend=request.param,
        allowable_methods=("GET", "POST", "PUT", "DELETE"),
        allowable_codes=tuple(range(100, 600)),
        stale_if_error=True,
    )
    yield requests_cache.get_cache()
    requests_cache.uninstall_cache()


@pytest.mark.django_db(transaction=True)
def test_requests_cache__pulls_are_not_old(cache, twocheckout, pushed):
    for city in ("Paris", "Rome"):
        twocheckout.edit(pushed.customer_reference, City=city)
        sync.pull(pushed)
        assert pushed.city == city
    twocheckout.edit(pushed.customer_reference, Phone="555")
    pushed.city = "Turin"
    pushed.save()
    sync.push(pushed)
    assert (twocheckout.customers[0]["City"], twocheckout.customers[0]["Phone"]) == ("Turin", "555")
    assert list(cache.responses) == []


@pytest.mark.parametrize("made", CLIENTS)
def test_requests_cache__every_session(cache, twocheckout, made):
    reference = twocheckout.add_customer(FirstName="Ada")
    client = made(**CREDENTIALS, base_url=twocheckout.url)
    seen = []
    for city in ("Paris", "Rome"):
        twocheckout.edit(reference, City=city)
        seen.append(client.retrieve_customer(reference)["City"])
    assert seen == ["Paris", "Rome"]
    assert list(cache.responses) == []


def test_requests_cache__made_before_it_was_installed(twocheckout, tmp_path):
    client = TwoCheckoutClient(**CREDENTIALS, base_url=twocheckout.url)
    reference = twocheckout.add_customer(FirstName="Ada")
    client.retrieve_customer(reference)
    with requests_cache.enabled(str(tmp_path / "cache"), backend="memory"):
        twocheckout.edit(reference, City="Paris")
        assert client.retrieve_customer(reference)["City"] == "Paris"


@pytest.fixture
def ids(settings):
    def found(**values):
        for name, value in values.items():
            setattr(settings, name, value)
        cachalot_settings.load()
        cacheops.conf.prepare_profiles.memory.clear()
        return [message.id for message in check_caches()]

    yield found
    found(CACHALOT_ENABLED=False, CACHALOT_UNCACHABLE_APPS=(), CACHEOPS={})


CACHED = {"ops": "all", "timeout": 60}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, []),
        ({"CACHALOT_ENABLED": True}, ["twocheckout.W007"]),
        ({"CACHALOT_ENABLED": True, "CACHALOT_UNCACHABLE_APPS": ("twocheckout",)}, []),
        ({"CACHEOPS": {"*.*": CACHED}}, ["twocheckout.W008"]),
        ({"CACHEOPS": {"twocheckout.account": CACHED}}, ["twocheckout.W008"]),
        ({"CACHEOPS": {"*.*": CACHED, "twocheckout.*": None}}, []),
        ({"CACHEOPS": {"*.*": {"timeout": 60}}}, []),
        ({"CACHEOPS": {"auth.*": CACHED}}, []),
    ],
)
def test_check(ids, values, expected):
    assert ids(**values) == expected
