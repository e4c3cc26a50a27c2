"""``ENABLED = False``: saves mark the row, and no request is made, by whatever way."""

from __future__ import annotations

import io
import logging

import pytest
from django.core.management import CommandError, call_command

from django_twocheckout import sync, tasks
from django_twocheckout.engine import clients
from django_twocheckout.exceptions import SendingDisabled, TwoCheckoutError
from django_twocheckout.flows import jobs
from django_twocheckout.models import Customer, Verb

from ..customers import ADA, change

ASKED = {
    "push": sync.push,
    "pull": sync.pull,
    "push_each": lambda customer: sync.push_each([customer.pk]),
    "pull_each": lambda customer: sync.pull_each([customer.pk]),
    "compare": sync.compare,
    "resolve": lambda customer: sync.resolve(customer, {}),
    "link": lambda customer: sync.link(customer, "another"),
    "link to none": lambda customer: sync.link(customer, None),
    "cards": sync.cards,
    "account_link": sync.account_link,
    "subscriptions": sync.subscriptions,
    "delete_card": lambda customer: sync.delete_card(customer, "token"),
    "find": lambda customer: sync.find(customer.customer_reference),
    "add": lambda customer: sync.add("another"),
}
QUIET = {
    "sweep": lambda customer: sync.push_pending(),
    "task of a save": lambda customer: tasks.push_customer(customer.pk),
    "task of the sweep": lambda customer: tasks.push_pending(),
    "task of a pull": lambda customer: tasks.pull_customer(customer.pk),
    "job": lambda customer: jobs.begin(Verb.PUSH, [customer.pk]) and tasks.push_pending(),
}


@pytest.fixture
def disabled(pushed, configure):
    configure(ENABLED=False)
    change(pushed, city="Turin")
    return pushed


def unsent(customer, twocheckout):
    customer.refresh_from_db()
    assert (customer.sync_state, customer.lease_expires_at, customer.failed_attempts) == ("pending", None, 0)
    assert twocheckout.requests == []
    return True


@pytest.mark.parametrize("act", ASKED.values(), ids=ASKED)
def test_what_is_asked_for_is_refused_in_words(disabled, twocheckout, act):
    with pytest.raises(SendingDisabled, match="ENABLED") as refusal:
        act(disabled)
    assert isinstance(refusal.value, TwoCheckoutError)
    assert unsent(disabled, twocheckout)


@pytest.mark.parametrize("act", QUIET.values(), ids=QUIET)
def test_what_comes_by_itself_is_quiet(disabled, twocheckout, act):
    act(disabled)
    assert unsent(disabled, twocheckout)


def test_a_save_wakes_no_worker(disabled, sent):
    sent.clear()
    change(disabled, city="Rome")
    Customer.objects.update(city="Milan")
    assert sent == []


def test_the_log_says_it_once(disabled, caplog):
    clients._say_off.cache_clear()
    with caplog.at_level(logging.WARNING, "twocheckout"):
        for _ in range(3):
            sync.push_pending()
    assert [record.action for record in caplog.records] == ["disabled"]


@pytest.mark.parametrize("command", [["twocheckout_push"], ["twocheckout_pull", "--all"]])
def test_commands_say_it(disabled, twocheckout, command):
    with pytest.raises(CommandError, match="ENABLED"):
        call_command(*command)
    out = io.StringIO()
    call_command("twocheckout_status", stdout=out)
    assert "ENABLED" in out.getvalue()
    assert unsent(disabled, twocheckout)


def test_the_admin_says_it(disabled, twocheckout, admin_client):
    base = "/admin/twocheckout/customer/"
    answer = admin_client.post(f"{base}{disabled.pk}/push/", follow=True)
    assert "ENABLED" in answer.content.decode()
    assert "ENABLED is False" in admin_client.get(f"{base}status/").content.decode()
    assert unsent(disabled, twocheckout)


def test_what_was_saved_meanwhile_is_pushed_once_it_is_enabled(disabled, twocheckout, configure):
    Customer.objects.create(**ADA)
    configure(ENABLED=True)
    assert sync.push_pending().pushed == 2
    assert twocheckout.customer(disabled.customer_reference)["City"] == "Turin"
