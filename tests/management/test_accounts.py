"""Each command for one account alone, where a project has two."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command

from django_twocheckout import sync
from django_twocheckout.engine import circuit_breaker
from django_twocheckout.exceptions import RateLimited
from django_twocheckout.flows.pull import ask_pulls
from django_twocheckout.models import Customer, Source

from ..customers import ADA
from ..two_accounts import second_account

#: Each command, with what it needs to be told.
COMMANDS = {"push": [], "pull": ["--all"], "compare": [], "import": [], "status": []}


@pytest.fixture
def us(twocheckout, configure):
    with second_account(configure) as vendor:
        yield vendor


@pytest.fixture
def both(us, db):
    return [Customer.objects.create(**ADA, account=account) for _ in range(2) for account in ("default", "us")]


@pytest.fixture
def vendors(us, twocheckout, both):
    """What both vendors were asked, once they have their customers."""
    sync.push_pending()
    us.requests.clear()
    twocheckout.requests.clear()
    return twocheckout, us


def run(name, *arguments):
    out = io.StringIO()
    call_command(f"twocheckout_{name}", *map(str, arguments), stdout=out)
    return out.getvalue()


@pytest.mark.parametrize(("alias", "hint"), [("usa", "Did you mean 'us'?"), ("nowhere", "It has 'default', 'us'.")])
@pytest.mark.parametrize("name", COMMANDS)
def test_an_account_that_the_settings_do_not_have(us, twocheckout, db, name, alias, hint):
    with pytest.raises(CommandError, match=f"no account '{alias}'") as refusal:
        run(name, *COMMANDS[name], "--account", alias)
    assert hint in str(refusal.value)
    assert us.requests == twocheckout.requests == []


@pytest.mark.parametrize("arguments", [[], ["--all"], ["--verify"]], ids=str)
def test_push(both, us, twocheckout, arguments):
    assert run("push", "--account", "us", *arguments).endswith("Pushed: 2. Failed: 0. To be retried: 0.\n")
    assert (len(us.customers), twocheckout.requests) == (2, [])


def test_push__verify(vendors, both):
    Customer.objects.update_unmarked(city="Rome")
    assert "Found changed without a mark: 2." in run("push", "--verify", "--account", "us")
    assert [bool(vendor.requests) for vendor in vendors] == [False, True]
    assert run("push", "--verify", "--dry-run", "--account", "default").endswith("Would push: 2.\n")


def test_push__a_key_of_another_account(both, us, twocheckout):
    with pytest.raises(CommandError, match=r"There is no customer .* of the account 'us'"):
        run("push", "--account", "us", both[0].pk)
    assert run("push", "--account", "us", both[1].pk).startswith("Pushed: 1.")


@pytest.mark.parametrize("arguments", [["--all"], ["--stale", "0s"], ["--older-than", "0"], ["--all", "--restored"]])
def test_pull(vendors, arguments):
    assert "Re-fetched: 2." in run("pull", *arguments, "--account", "us")
    assert [bool(vendor.requests) for vendor in vendors] == [False, True]


def test_pull__does_only_what_was_asked_of_this_account(vendors, both):
    """Another command for all accounts was stopped after it had asked."""
    ask_pulls([customer.pk for customer in both], source=Source.COMMAND)
    assert "Re-fetched: 2." in run("pull", "--all", "--account", "us")
    assert [bool(vendor.requests) for vendor in vendors] == [False, True]


def test_compare(vendors):
    facts = json.loads(run("compare", "--account", "default", "--json"))
    assert facts["compared"] == 2
    assert [bool(vendor.requests) for vendor in vendors] == [True, False]


def test_import(us, twocheckout, db):
    us.add_customer(FirstName="Grace")
    run("import", "--account", "us")
    assert twocheckout.requests == []
    assert us.requests


def test_one_accounts_pause_is_no_failure_of_another(both, us, twocheckout):
    circuit_breaker.trip("default", "us", RateLimited(retry_after=300))
    assert run("push", "--account", "default").startswith("Pushed: 2.")
    with pytest.raises(CommandError, match="The account 'us' is paused"):
        run("push", "--account", "us")
    with pytest.raises(CommandError, match="The account 'us' is paused"):
        run("push")


def test_each_paused_account_is_told(both, us):
    for account in ("default", "us"):
        circuit_breaker.trip("default", account, RateLimited(retry_after=300))
    with pytest.raises(CommandError) as refusal:
        run("push")
    assert "The account 'default' is paused until" in str(refusal.value)
    assert "The account 'us' is paused until" in str(refusal.value)
    out = io.StringIO()
    with pytest.raises(CommandError, match=r"The account 'default' is paused\. The account 'us' is paused\."):
        call_command("twocheckout_status", stdout=out)
    assert out.getvalue().count("is paused until") == 2


def test_status(both, us):
    shown = run("status")
    assert "Account 'default': 2 pending, 0 synced, 0 failed." in shown
    assert "Account 'us': 2 pending, 0 synced, 0 failed." in shown
    alone = run("status", "--account", "us")
    assert "Account" not in alone
    assert "pending   2" in alone
    facts = json.loads(run("status", "--json"))
    assert [one["alias"] for one in facts["accounts"]] == ["default", "us"]


# Customers of an account that the settings do not have.


@pytest.fixture
def lost(both):
    return Customer.objects.create(**ADA, account="later")


def test_they_stop_no_command(lost, us, twocheckout):
    assert run("push", "--all") == "Pushed: 4. Failed: 0. To be retried: 0.\n"
    assert run("pull", "--all").startswith("Re-fetched: 4.")
    Customer.objects.filter(pk=lost.pk).update_unmarked(customer_reference="7")
    with pytest.raises(CommandError, match=r"^Differing, or not compared: 1 customer\."):
        run("compare", "--all")
    with pytest.raises(CommandError, match="no account 'later'"):
        run("push", "--account", "later")


def test_the_status_counts_them(lost):
    assert "The settings have no account 'later': 1 customer, and nothing is sent." in run("status")
