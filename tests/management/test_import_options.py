"""The options of ``twocheckout_import``: accounts, days, files, and pages that fail for a while."""

from __future__ import annotations

import io
import sys
import time
from dataclasses import replace

import pytest
from django.core.management import CommandError, call_command

from django_twocheckout import dispatch, sync
from django_twocheckout.engine import retry
from django_twocheckout.flows import imports
from django_twocheckout.models import Account, Ask, Customer
from django_twocheckout.testing import FAULTS, FakeTwoCheckout

from ..customers import ADA, GRACE

DAY = 86400.0

pytestmark = pytest.mark.django_db


def run(*arguments):
    out, err = io.StringIO(), io.StringIO()
    call_command("twocheckout_import", *map(str, arguments), stdout=out, stderr=err)
    return out.getvalue() + err.getvalue()


def shopper(vendor, name, *, days_ago=100.0):
    reference = vendor.add_customer(**{**GRACE, "ExternalCustomerReference": name})
    vendor.add_subscription(reference, purchased=time.time() - days_ago * DAY)
    return reference


@pytest.fixture
def us(twocheckout, configure):
    """The vendor of a second account, named ``us``."""
    with FakeTwoCheckout("USCODE", "us-key").serve() as vendor:
        configure(ACCOUNTS={"us": {"MERCHANT_CODE": "USCODE", "SECRET_KEY": "us-key", "BASE_URL": vendor.url}})
        yield vendor


@pytest.fixture
def pauses(monkeypatch):
    """The seconds for which the walk waited, without waiting."""
    waited = []
    monkeypatch.setattr(retry, "FIRST_BACKOFF", 1.0)
    monkeypatch.setattr(imports.time, "sleep", lambda seconds: waited.append(seconds) if seconds else None)
    return waited


def by_account(name):
    return dict(Customer.objects.order_by("pk").values_list("account", name))


def test_account(us, twocheckout):
    here, there = shopper(twocheckout, "same@example.org"), shopper(us, "same@example.org")
    twocheckout.requests.clear()
    assert run("--account", "us").startswith("Linked: 0. New: 1.")
    assert (by_account("customer_reference"), twocheckout.requests) == ({"us": there}, [])
    assert run().startswith("Linked: 0. New: 1.")
    assert by_account("customer_reference") == {"us": there, "default": here}
    assert by_account("first_name") == {"us": "Grace", "default": "Grace"}


def test_each_account_goes_on_where_it_ended(us, twocheckout):
    shopper(us, "a")
    run("--account", "us")
    until = Account.objects.get(alias="us").imported_until
    assert until is not None
    assert not Account.objects.filter(alias="default", imported_until__isnull=False).exists()
    us.requests.clear()
    run("--account", "us")
    assert len([one for one in us.requests if "/subscriptions/" in one.path]) < 10


def test_a_row_of_another_account_is_not_linked(us, twocheckout):
    Customer.objects.create(**{**ADA, "external_customer_reference": "same@example.org"})
    shopper(us, "same@example.org")
    assert run("--account", "us").startswith("Linked: 0. New: 1.")


def test_an_account_that_the_settings_do_not_have(twocheckout):
    with pytest.raises(CommandError, match="TWOCHECKOUT has no account 'eu'"):
        run("--account", "eu")
    assert twocheckout.requests == []


def test_modified_after(twocheckout):
    old, new = shopper(twocheckout, "old", days_ago=300), shopper(twocheckout, "new", days_ago=20)
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 60 * DAY))
    assert run("--modified-after", day).startswith("Linked: 0. New: 1.")
    assert Customer.objects.get().customer_reference == new
    # A part was looked at, so the next run begins at the beginning.
    assert Account.objects.get().imported_until is None
    assert run().startswith("Linked: 0. New: 1. Unchanged: 1.")
    assert set(Customer.objects.values_list("customer_reference", flat=True)) == {old, new}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--modified-after", "yesterday"], "--modified-after must be a day, such as 2026-01-31."),
        (["--modified-after", "2026-01-31", "--from-file", "x"], "not both"),
        (["--from-file", "/nowhere/at/all"], "Cannot read /nowhere/at/all: No such file or directory."),
    ],
)
def test_wrong_arguments(arguments, words, twocheckout):
    with pytest.raises(CommandError, match=words):
        run(*arguments)


def test_no_pull(twocheckout):
    reference = shopper(twocheckout, "grace")
    said = run("--no-pull")
    assert said.startswith("Linked: 0. New: 1.")
    assert "Re-fetched: 0." in said
    assert Ask.objects.get().customer.customer_reference == reference
    assert Customer.objects.get().pulled_at is None
    assert sync.sweep().pushed == 1
    assert Customer.objects.get().first_name == "Grace"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("arguments", "off", "messages"),
    [(["--no-pull"], {}, 1), (["--no-pull", "--dry-run"], {}, 0), (["--no-pull"], {"PUSH_ON_SAVE": False}, 0)],
)
def test_no_pull__a_worker_begins_at_once(arguments, off, messages, twocheckout, sent, configure):
    """Also where no row is new."""
    reference = shopper(twocheckout, "grace")
    run()
    twocheckout.touch_subscription(twocheckout.add_subscription(reference, purchased=time.time() - 200 * DAY))
    sent.clear()
    dispatch._last_wake.clear()
    configure(**off)
    assert run(*arguments).startswith("Linked: 0. New: 0. Unchanged: 1.")
    assert [message.task for message in sent][:1] == ["twocheckout.push_pending"] * messages


def test_from_standard_input(twocheckout, monkeypatch):
    reference = shopper(twocheckout, "grace@example.org")
    lines = io.TextIOWrapper(io.BytesIO(b"grace@example.org\r\n\r\ngrace@example.org\r\n"))
    monkeypatch.setattr(sys, "stdin", lines)
    assert run("--from-file", "-").startswith("Linked: 0. New: 1. Unchanged: 0. Refused: 0.")
    assert Customer.objects.get().customer_reference == reference


def test_column(twocheckout, tmp_path):
    wanted, other = shopper(twocheckout, "wanted"), shopper(twocheckout, "other")
    path = tmp_path / "customers.csv"
    path.write_text(f"id,buyer,note\n{other},{wanted},x\n")
    assert run("--from-file", path, "--column", "buyer").startswith("Linked: 0. New: 1.")
    assert Customer.objects.get().customer_reference == wanted
    with pytest.raises(CommandError, match="The file has no column 'seller'"):
        run("--from-file", path, "--column", "seller")


@pytest.mark.parametrize("fault", ["503", "reset", "html-502", "429"])
def test_a_page_that_fails_for_a_moment_is_asked_for_again(twocheckout, pauses, fault):
    shopper(twocheckout, "grace")
    twocheckout.fail(fault, times=2, method="GET")
    assert run().startswith("Linked: 0. New: 1.")
    assert len(pauses) == 2
    assert pauses[0] < pauses[1]


def test_a_page_that_keeps_failing_ends_the_run__and_the_next_goes_on(twocheckout, pauses):
    shopper(twocheckout, "grace")
    with twocheckout.outage("503"), pytest.raises(CommandError, match="run it again, and it goes on there"):
        run()
    assert len(twocheckout.requests) == imports.TRIES
    assert len(pauses) == imports.TRIES - 1
    assert run().startswith("Linked: 0. New: 1.")


def test_a_long_wait_that_2checkout_asks_for_is_left_to_a_person(twocheckout, pauses):
    fault = replace(FAULTS["429"], headers={"Retry-After": "3600"})
    with twocheckout.outage(fault), pytest.raises(CommandError, match="run it again"):
        run()
    assert (len(twocheckout.requests), pauses) == (1, [])


def test_a_file_of_external_references_is_looked_up_side_by_side(twocheckout, tmp_path, configure):
    configure(CONCURRENCY=4)
    names = [f"shopper-{number}@example.org" for number in range(40)]
    for name in names:
        shopper(twocheckout, name)
    path = tmp_path / "references"
    path.write_text("\n".join([*names[:20], "nobody@example.org", *names[20:]]))
    err = io.StringIO()
    with pytest.raises(CommandError, match=r"Left out: 1 line\."):
        call_command("twocheckout_import", "--from-file", path, "--no-pull", stdout=io.StringIO(), stderr=err)
    assert err.getvalue().startswith("Line 21: ")
    assert set(Customer.objects.values_list("external_customer_reference", flat=True)) == set(names)
    assert len(twocheckout.requests) == 41


def test_trouble_of_the_account_ends_a_file__and_what_was_found_stays(twocheckout, tmp_path, configure, monkeypatch):
    configure(CONCURRENCY=1)
    names = [f"shopper-{number}@example.org" for number in range(10)]
    for name in names:
        shopper(twocheckout, name)
    path = tmp_path / "references"
    path.write_text("\n".join(names))
    faults = iter([("", None)] * 3)
    monkeypatch.setattr(twocheckout, "_fault_for", lambda method: next(faults, ("401", FAULTS["401"])))
    with pytest.raises(CommandError, match=r"AUTHENTICATION_ERROR\). What was found is stored"):
        run("--from-file", path, "--no-pull")
    assert Customer.objects.count() == 3
    assert Ask.objects.count() == 3
