from __future__ import annotations

import io
import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from django_twocheckout import sync
from django_twocheckout.models import Account, Customer, utc_now
from django_twocheckout.testing import FakeTwoCheckout

from ..customers import ADA


def run(*arguments):
    out = io.StringIO()
    call_command("twocheckout_compare", *map(str, arguments), stdout=out, stderr=io.StringIO())
    return out.getvalue()


@pytest.fixture
def us(twocheckout, configure):
    with FakeTwoCheckout("USCODE", "us-key").serve() as vendor:
        configure(ACCOUNTS={"us": {"MERCHANT_CODE": "USCODE", "SECRET_KEY": "us-key", "BASE_URL": vendor.url}})
        yield vendor


@pytest.fixture
def ten(us, db):
    for number in range(10):
        Customer.objects.create(**ADA, account=["default", "us"][number % 2])
    sync.sweep()
    return list(Customer.objects.order_by("pk"))


def test_each_customer_at_its_own_account(ten, us, twocheckout):
    for vendor in (us, twocheckout):
        vendor.requests.clear()
    us.edit(ten[1].customer_reference, City="Bath")
    out = io.StringIO()
    with pytest.raises(CommandError, match="compared: 1 customer"):
        call_command("twocheckout_compare", "--all", "--json", stdout=out)
    found = json.loads(out.getvalue())
    assert (found["compared"], found["changed"]["there"]) == (10, {"City": 1})
    assert len(us.requests) == len(twocheckout.requests) == 5


def test_limit(ten, us, twocheckout):
    assert run("--all", "--limit", 7).startswith("Compared: 7.")


def test_by_reference(ten):
    assert run(ten[0].external_customer_reference, ten[2].external_customer_reference, ten[3].pk).startswith(
        "Compared: 3."
    )


@pytest.mark.parametrize("fault", ["401", "429"])
def test_trouble_of_one_account(ten, us, twocheckout, fault):
    with us.outage(fault), pytest.raises(CommandError, match="The account 'us' is paused until"):
        run("--all")
    assert Account.objects.get(alias="us").open_until
    assert not Account.objects.get(alias="default").open_until


def test_a_pause_of_an_account_that_was_not_asked_for(ten, us):
    Account.objects.filter(alias="us").update(open_until=utc_now() + timedelta(hours=1))
    assert run(ten[0].pk).startswith("Compared: 1.")
    with pytest.raises(CommandError, match="The account 'us' is paused until"):
        run(ten[0].pk, ten[1].pk)


def test_another_merchant_code(ten, configure):
    configure(MERCHANT_CODE="ANOTHER")
    with pytest.raises(CommandError, match="another merchant code"):
        run("--all")
