from __future__ import annotations

from http.client import HTTPException
from typing import get_args

import pytest

from django_twocheckout.testing import FAULTS, Fault, FaultName

from .plain_client import GOOD, ask, create


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_faults(vendor, name):
    fault = FAULTS[name]
    if fault.delay:
        vendor.fail(Fault(commit=fault.commit, delay=0.01))
    else:
        vendor.fail(name)
    if fault.cut:
        with pytest.raises((OSError, HTTPException)):
            create(vendor)
    else:
        assert create(vendor)[0] == (fault.status if not fault.delay else 500)
    assert len(vendor.customers) == fault.commit
    assert create(vendor)[0] == (400 if fault.commit else 200)
    assert vendor.requests[0].fault == (name if not fault.delay else "custom")


def test_faults__editors_know_their_names_and_people_their_meaning():
    assert get_args(FaultName) == tuple(FAULTS)
    assert [name for name, fault in FAULTS.items() if not fault.meaning.endswith(".")] == []


def test_faults__by_method_and_healed(vendor):
    vendor.fail("500", times=5, method="PUT")
    assert create(vendor)[0] == 200
    assert ask(vendor, "PUT", "customers/601952421/", GOOD)[0] == 500
    vendor.heal()
    assert ask(vendor, "PUT", "customers/601952421/", GOOD)[0] == 200
    with vendor.outage():
        assert create(vendor)[0] == 503


@pytest.mark.parametrize("name", ["504", 504, "resett", None])
def test_faults__wrong_names(vendor, name):
    for call in (vendor.fail, lambda name: vendor.outage(name).__enter__()):
        with pytest.raises(ValueError, match=f"No such fault: {name}. There are: 401, 429, ") as caught:
            call(name)
    assert ("Did you mean" in str(caught.value)) == (name is not None)
    assert create(vendor)[0] == 200


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"times": 0}, "times cannot be 0"),
        ({"times": "2"}, "times cannot be '2'"),
        ({"method": "put"}, "No such method: put. There are: DELETE, GET, HEAD, POST, PUT."),
    ],
)
def test_faults__wrong_arguments(vendor, arguments, words):
    with pytest.raises(ValueError, match=words):
        vendor.fail("500", **arguments)


@pytest.mark.parametrize("wrong", [{"cut": "rest"}, {"delay": -1}, {"status": 0}])
def test_faults__of_ones_own_that_cannot_be(wrong):
    with pytest.raises(ValueError, match="A fault"):
        Fault(**wrong)


def test_outage__within_another_one(vendor):
    with vendor.outage("500"):
        with vendor.outage(Fault(418)):
            assert create(vendor)[0] == 418
        assert create(vendor)[0] == 500
    with vendor.outage(), vendor.outage():
        vendor.heal()
        assert create(vendor)[0] == 200
