"""Several merchant accounts: each customer goes to its own, and one account's trouble stops no other's customers."""

from __future__ import annotations

from functools import partial

import pytest
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import connection

from django_twocheckout import reporters, sync, tasks
from django_twocheckout.conf import ConfigurationError
from django_twocheckout.engine import circuit_breaker, claims
from django_twocheckout.engine.clients import current_client
from django_twocheckout.engine.sources import KeySource
from django_twocheckout.exceptions import AccountIsFixed, AlreadyAdded, RateLimited
from django_twocheckout.flows.unknown import UNKNOWN_ACCOUNT
from django_twocheckout.models import Account, Attempt, Customer, Verb
from django_twocheckout.testing import FakeTwoCheckout

from ..clients import OurClient
from ..customers import ADA, GRACE, change
from ..two_accounts import second_account


@pytest.fixture
def us(twocheckout, configure):
    """The vendor of a second account, named ``us``."""
    with second_account(configure) as vendor:
        yield vendor


@pytest.fixture
def both(us, db):
    """Six customers of each account, saved in turns."""
    return [Customer.objects.create(**ADA, account=account) for _ in range(6) for account in ("default", "us")]


def ours_and_theirs(vendor, account):
    """The references of the account's rows, and those of its vendor's customers."""
    rows = Customer.objects.filter(account=account).values_list("external_customer_reference", flat=True)
    return sorted(rows), sorted(one["ExternalCustomerReference"] for one in vendor.customers)


def states(account):
    return set(Customer.objects.filter(account=account).values_list("sync_state", flat=True))


def test_each_customer_goes_to_its_own_account(both, us, twocheckout):
    summary = sync.push_pending()
    assert (summary.pushed, set(summary.by_account)) == (12, {"default", "us"})
    for vendor, account in ((twocheckout, "default"), (us, "us")):
        ours, theirs = ours_and_theirs(vendor, account)
        assert ours == theirs
        assert len(theirs) == 6
        assert Attempt.objects.filter(account=account).count() == 6


def test_each_shopper_is_signed_in_at_its_own_account(us, twocheckout, db):
    row = Customer.objects.create(**ADA, account="us")
    sync.push(row)
    twocheckout.requests.clear()
    us.behaviour.custom_domain = "https://us.example"
    us.add_subscription(row.customer_reference, purchased=0)
    assert sync.account_link(row).startswith("https://us.example/myaccount/payment_methods/")
    assert len(sync.subscriptions(row)) == 1
    assert twocheckout.requests == []


@pytest.mark.parametrize("trouble", ["401", "429", "503"])
@pytest.mark.parametrize("stopped", ["default", "us"])
def test_one_accounts_trouble_stops_no_other(both, us, twocheckout, trouble, stopped):
    vendors = {"default": twocheckout, "us": us}
    vendor, other = vendors.pop(stopped), next(iter(vendors))
    with vendor.outage(trouble):
        for _ in range(2):
            sync.push_pending()
        assert (states(other), states(stopped)) == ({"synced"}, {"pending"})
        assert Account.objects.get(alias=stopped).open_until is not None
        assert Account.objects.get(alias=other).open_until is None
        change(both[["default", "us"].index(other)], city="Turin")
        tasks.push_customer(both[0].pk)
        assert states(other) == {"synced"}
    sync.resume(stopped)
    Customer.objects.mark_pending()
    sync.push_pending()
    assert states(stopped) == {"synced"}


def test_the_time_of_a_run_is_shared(both, us, monkeypatch):
    """A wake-up without time left still gives each account its turn sooner or later."""
    first = set()
    for _ in range(40):
        summary = sync.push_pending(limit=1)
        first |= {account for account, some in summary.by_account.items() if some.tried}
        Customer.objects.mark_pending()
    assert first == {"default", "us"}


@pytest.mark.parametrize("act", [sync.push_each, sync.pull_each])
def test_keys_of_several_accounts(both, us, twocheckout, act):
    sync.push_pending()
    us.requests.clear()
    twocheckout.requests.clear()
    for customer in both:
        change(customer, city="Turin")
    keys = KeySource([customer.pk for customer in both] + [10**6])
    summary = act(keys)
    assert (summary.pushed, summary.failed, list(keys)) == (12, 0, [])
    assert len(us.requests) == len(twocheckout.requests) > 0


def test_keys_of_a_paused_account_are_left(both, us):
    circuit_breaker.trip("default", "us", RateLimited(retry_after=300))
    keys = KeySource([customer.pk for customer in both])
    summary = sync.push_each(keys)
    assert summary.pushed == 6
    assert set(keys) == {customer.pk for customer in both if customer.account == "us"}


@pytest.mark.parametrize(
    "act", [sync.push, sync.pull, sync.compare, sync.cards, lambda customer: sync.delete_card(customer, "token")]
)
def test_an_account_that_the_settings_do_not_have(twocheckout, pushed, act):
    Customer.objects.filter(pk=pushed.pk).update_unmarked(account="gone")
    pushed.refresh_from_db()
    with pytest.raises(ConfigurationError, match="no account 'gone'"):
        act(pushed)
    assert twocheckout.requests == []
    pushed.refresh_from_db()
    assert (pushed.lease_expires_at, pushed.in_doubt) == (None, [])


def test_rows_of_an_account_that_the_settings_do_not_have_wait_with_words(twocheckout, db, configure):
    customer = Customer.objects.create(**ADA, account="later")
    for _ in range(2):
        assert sync.push_pending().tried == 0
    customer.refresh_from_db()
    assert (customer.sync_state, customer.failed_attempts) == ("pending", 0)
    assert (customer.error_code, "'later'" in customer.sync_error) == (UNKNOWN_ACCOUNT, True)
    assert sync.status().unknown_accounts == {"later": 1}
    assert (sync.status().due, sync.status().counts["pending"]) == (0, 1)  # no worker could claim it
    assert twocheckout.requests == []
    with FakeTwoCheckout("LATER", "key").serve() as vendor:
        own = {"MERCHANT_CODE": "LATER", "SECRET_KEY": "key", "BASE_URL": vendor.url}
        configure(ACCOUNTS={"later": own})
        tasks.push_pending()
    customer.refresh_from_db()
    assert (customer.sync_state, customer.sync_error, len(vendor.customers)) == ("synced", "", 1)
    assert sync.status().unknown_accounts == {}


def test_a_project_without_a_default_account(db, configure, us):
    configure(MERCHANT_CODE="", SECRET_KEY="")
    customer = Customer.objects.create(**ADA, account="us")
    assert sync.push_pending().pushed == 1
    customer.refresh_from_db()
    assert (customer.sync_state, sync.status().counts["synced"]) == ("synced", 1)


def test_find_and_add(us, twocheckout, db):
    """Both accounts may have a customer with the same reference."""
    for vendor in (us, twocheckout):
        reference = vendor.add_customer(**GRACE)
    assert sync.find("shop-7", "us").row is None
    rows = [sync.add("shop-7", account) for account in ("default", "us")]
    assert [row.account for row in rows] == ["default", "us"]
    assert sync.find("shop-7", "us").row == rows[1]
    with pytest.raises(AlreadyAdded):
        sync.add(reference, "us")


def test_status_and_resume_of_one_account(both, us):
    circuit_breaker.trip("default", "us", RateLimited(retry_after=300))
    assert sync.status().paused_account == sync.status("us").paused_account == "us"
    assert sync.status("default").paused_until is None
    assert sync.status("us").counts["pending"] == 6
    assert sync.resume("default") is False
    assert sync.resume("us") is True


def test_a_new_reference_has_the_prefix_of_its_account(us, db, configure, settings):
    own = {**settings.TWOCHECKOUT["ACCOUNTS"]["us"], "REFERENCE_PREFIX": "us-"}
    configure(ACCOUNTS={"us": own})
    Customer.objects.bulk_create([Customer(**ADA, account="us")])
    made = [Customer.objects.create(**ADA, account=account) for account in ("us", "default", "unknown")]
    made.append(Customer.objects.create(**ADA, account="us", external_customer_reference="dj-ours"))
    assert [one.external_customer_reference[:3] for one in [Customer.objects.first(), *made]] == [
        "us-", "us-", "dj-", "dj-", "dj-"
    ]  # fmt: skip


def test_a_client_of_the_projects_own(configure):
    configure(CLIENT="tests.clients.OurClient")
    assert type(current_client("default")) is OurClient


# A customer stays in its account.


def known_ways():
    yield "acknowledged", {"acknowledged": {"city": "London"}}
    yield "named", {"customer_reference": "7"}
    yield "in doubt", {"in_doubt": [{"city": "London"}]}


MOVES = {
    "save": lambda customer: change(customer, account="us"),
    "save with its fields": lambda customer: (
        setattr(customer, "account", "us"),
        customer.save(update_fields=["account"]),
    ),
    "update": lambda customer: Customer.objects.filter(pk=customer.pk).update(account="us"),
    "bulk_update": lambda customer: (
        setattr(customer, "account", "us"),
        Customer.objects.bulk_update([customer], ["account", "city"]),
    ),
}


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
@pytest.mark.parametrize("known", [facts for _name, facts in known_ways()], ids=[name for name, _facts in known_ways()])
def test_a_known_customer_does_not_move(ada, move, known):
    Customer.objects.filter(pk=ada.pk).update_unmarked(**known)
    with pytest.raises(AccountIsFixed):
        move(ada)  # an instance that knows nothing of it
    assert Customer.objects.get().account == "default"


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
def test_an_unknown_customer_moves(ada, move, us, twocheckout):
    move(ada)
    sync.push_pending()
    assert (len(us.customers), len(twocheckout.customers)) == (1, 0)


def test_what_overwrites_a_row_leaves_the_account(pushed):
    """An instance made by hand, and an upsert, bring an account of which nobody thought."""
    Customer(pk=pushed.pk, **ADA, account="us", external_customer_reference="shop-1").save()
    other = Customer(pk=pushed.pk, **ADA, account="us", external_customer_reference="shop-1")
    unique = ["pk"] if connection.features.supports_update_conflicts_with_target else None
    Customer.objects.bulk_create(
        [other], update_conflicts=True, update_fields=["account", "city"], unique_fields=unique
    )
    assert Customer.objects.get().account == "default"


@pytest.mark.parametrize("known", [facts for _name, facts in known_ways()], ids=[name for name, _facts in known_ways()])
def test_a_form_refuses_the_move_of_a_known_customer(ada, us, known):
    Customer.objects.filter(pk=ada.pk).update_unmarked(**known)
    ada.account = "us"  # an instance that knows nothing of it
    with pytest.raises(ValidationError, match="cannot move to another account") as refusal:
        ada.full_clean()
    assert NON_FIELD_ERRORS in refusal.value.message_dict  # a project's form may be without the account
    assert not ada.stays_in_its_account
    ada.refresh_from_db()
    assert ada.stays_in_its_account
    ada.full_clean()


def test_a_move_marks_the_row(db, twocheckout):
    """Also one that was told that its account is not there."""
    for moves in ("save", "update", "bulk_update"):
        customer = Customer.objects.create(**ADA, account="later")
        sync.push_pending()
        customer.refresh_from_db()
        assert customer.error_code == UNKNOWN_ACCOUNT
        customer.account = "default"
        if moves == "save":
            customer.save()
            assert customer.was_marked
        elif moves == "update":
            Customer.objects.filter(pk=customer.pk).update(account="default")
        else:
            Customer.objects.bulk_update([customer], ["account"])
        customer.refresh_from_db()
        assert (customer.account, customer.error_code, customer.sync_error) == ("default", "", "")
    sync.push_pending()
    assert states("default") == {"synced"}
    assert len(twocheckout.customers) == 3


# One account alone.


def test_a_sweep_of_one_account(both, us, twocheckout):
    summary = sync.sweep(account="us")
    assert (summary.pushed, set(summary.by_account)) == (6, {"us"})
    assert (len(us.customers), twocheckout.requests) == (6, [])
    assert set(Account.objects.exclude(swept_at=None).values_list("alias", flat=True)) == {"us"}


@pytest.mark.parametrize(
    "act",
    [
        sync.status,
        sync.resume,
        partial(sync.find, "shop-7"),
        partial(sync.add, "shop-7"),
        lambda account: sync.sweep(account=account),
    ],
)
@pytest.mark.parametrize(("alias", "hint"), [("usa", "Did you mean 'us'?"), ("zz", "It has 'default', 'us'.")])
def test_an_account_that_is_spelt_wrong(us, twocheckout, db, act, alias, hint):
    with pytest.raises(ConfigurationError, match=f"no account '{alias}'") as refusal:
        act(alias)
    assert hint in str(refusal.value)
    assert us.requests == twocheckout.requests == []


def test_the_status_of_each_account(both, us):
    circuit_breaker.trip("default", "us", RateLimited(retry_after=300))
    default, other = sync.status().accounts
    assert (default.alias, default.counts["pending"], default.is_stopped) == ("default", 6, False)
    assert (other.alias, other.counts["pending"], other.is_stopped, other.paused_now) == ("us", 6, True, True)
    assert "slow down" in other.reason
    assert [one.alias for one in sync.status("us").accounts] == ["us"]


def test_what_none_looks_like_is_found_out_in_the_same_account(us, twocheckout, db):
    """Another account's customer is no evidence in this one: nobody is shown there under its reference."""
    for customer in (Customer.objects.create(**ADA, account=account) for account in ("us", "default")):
        sync.push(customer)
    row = Customer.objects.get(account="default")
    [claim] = claims.claim(Customer.objects.filter(pk=row.pk), Verb.PULL)
    assert claim.another is None


def test_reporters_hide_the_addresses_of_each_account(us, twocheckout):
    for vendor in (us, twocheckout):
        hidden = reporters.without_addresses(f"GET {vendor.url}customers/ref-s3cret/ failed")
        assert "s3cret" not in hidden
        assert "customers/…" in hidden
