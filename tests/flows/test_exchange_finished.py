"""``exchange_finished``: each exchange is told once, for metrics, and without a value."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_twocheckout import signals, sync
from django_twocheckout.client import TwoCheckoutClient
from django_twocheckout.engine import report
from django_twocheckout.exceptions import CardNotDeleted, NotFound, SendingStopped, TwoCheckoutError
from django_twocheckout.flows.compare import compare_each
from django_twocheckout.flows.imports import Import
from django_twocheckout.kit import synced_customer
from django_twocheckout.models import Account, Attempt, Customer, Verb

from ..clock import asks_come_due
from ..customers import ADA, GRACE, change
from ..two_accounts import second_account


@pytest.fixture
def told():
    """What was told: verb, outcome, status, requests, account."""
    said = []

    def note(sender, *, verb, outcome, http_status, milliseconds, requests, account, using, **kwargs):
        assert sender is Customer
        assert kwargs.keys() == {"signal"}
        assert isinstance(milliseconds, int)
        assert using == "default"
        assert {type(verb), type(outcome)} == {str}
        said.append((verb, outcome, http_status, requests, account))

    signals.exchange_finished.connect(note)
    yield said
    signals.exchange_finished.disconnect(note)


def test_push_and_pull(ada, told, twocheckout):
    sync.push(ada)
    sync.push(ada)
    sync.pull(ada)
    change(ada, city="Rome")
    twocheckout.fail("503")
    sync.push(ada)
    assert told == [
        ("push", "done", 200, 1, "default"),
        ("push", "agreed", None, 0, "default"),
        ("pull", "done", 200, 1, "default"),
        ("push", "retry", 503, 1, "default"),
    ]
    assert sum(one[3] for one in told) == len(twocheckout.requests)


def test_as_many_as_lines_in_the_history(db, told, twocheckout):
    Customer.objects.bulk_create([Customer(**ADA) for _ in range(5)])
    Customer.objects.create(**ADA, company="Engines", fiscal_code="INVALID")
    sync.push_pending()
    assert sorted(one[1] for one in told) == ["done"] * 5 + ["failed"]
    assert len(told) == Attempt.objects.count()


def test_without_a_history_too(ada, told, twocheckout, configure):
    configure(HISTORY_DAYS=0)
    sync.push(ada)
    assert len(told) == 1


def test_by_account(db, told, twocheckout, configure):
    with second_account(configure):
        for account in ("default", "us"):
            Customer.objects.create(**ADA, account=account)
        sync.push_pending()
    assert sorted(one[4] for one in told) == ["default", "us"]


def test_what_is_only_looked_at(pushed, told, twocheckout):
    sync.compare(pushed)
    sync.cards(pushed)
    sync.compare(pushed, ask=False)
    with pytest.raises(NotFound):
        sync.find("nobody")
    assert [one[:2] for one in told] == [("fetch", "done"), ("fetch", "done"), ("fetch", "failed")]
    assert sum(one[3] for one in told) == len(twocheckout.requests)


def test_add_and_import(db, told, twocheckout):
    twocheckout.add_customer(**GRACE)
    sync.add("shop-7")
    list(Import().walk())
    assert {one[:2] for one in told} == {("fetch", "done")}
    assert sum(one[3] for one in told) == len(twocheckout.requests)


def test_delete_card(with_cards, told, twocheckout):
    one, other = sync.cards(with_cards)
    told.clear()
    sync.delete_card(with_cards, one.token)
    assert [said[:2] for said in told] == [("delete", "done"), ("pull", "done")]
    with pytest.raises(CardNotDeleted):
        sync.delete_card(with_cards, other.token)
    assert told[-1][:2] == ("delete", "failed")


def test_each_attempt_to_erase(pushed, told, twocheckout):
    told.clear()
    sync.erase(pushed)
    twocheckout.fail("503")
    sync.sweep()
    assert [one[:3] for one in told] == [("fetch", "done", 200), ("erase", "retry", 503)]
    asks_come_due()
    Account.objects.update(open_until=None)
    sync.sweep()
    assert [one[:2] for one in told[2:]] == [("erase", "done")]
    assert sum(one[3] for one in told) == len(twocheckout.requests)
    assert not Customer.objects.exists()


def test_an_erasure_that_is_refused(pushed, told, twocheckout):
    sync.erase(pushed)
    twocheckout.edit(pushed.customer_reference, Enabled=True)  # as while a subscription is active
    sync.sweep()
    assert [one[:2] for one in told] == [("fetch", "done"), ("erase", "failed"), ("push", "agreed")]


def test_what_a_person_looks_at(pushed, told, twocheckout):
    sync.subscriptions(pushed)
    sync.account_link(pushed)
    sync.export(pushed)
    twocheckout.fail("503")
    with pytest.raises(TwoCheckoutError):
        sync.subscriptions(pushed)
    assert [one[:3] for one in told] == [("fetch", "done", 200)] * 3 + [("fetch", "failed", 503)]
    assert sum(one[3] for one in told) == len(twocheckout.requests)


def test_many_that_are_compared(pushed, told, twocheckout):
    other = synced_customer(twocheckout, **ADA)
    lost = synced_customer(**ADA)
    found = dict(compare_each([pushed.pk, other.pk, lost.pk], "default"))
    assert isinstance(found[lost.pk], NotFound)
    assert sorted(one[:2] for one in told) == [("fetch", "done"), ("fetch", "done"), ("fetch", "failed")]
    assert sum(one[3] for one in told) == len(twocheckout.requests)


def test_nothing_is_told_of_what_was_not_begun(ada, told, configure):
    configure(ENABLED=False)
    with pytest.raises(SendingStopped):
        sync.push(ada)
    assert told == []


def test_a_lease_that_was_lost__is_tried_again(ada, told, twocheckout, monkeypatch):
    def lose(*arguments, **options):
        Customer.objects.update_unmarked(lease="another")
        return create(*arguments, **options)

    create = TwoCheckoutClient.create_customer
    monkeypatch.setattr(TwoCheckoutClient, "create_customer", lose)
    sync.push(ada)
    assert told == [("push", "retry", 200, 1, "default")]


def test_a_receiver_that_raises_stops_nothing(ada, twocheckout):
    def fail(**kwargs):
        raise ValueError

    signals.exchange_finished.connect(fail)
    try:
        sync.push(ada)
    finally:
        signals.exchange_finished.disconnect(fail)
    assert ada.sync_state == "synced"


def test_costs_nothing_without_a_receiver(pushed, monkeypatch):
    monkeypatch.setattr(report, "exchange", lambda *arguments, **facts: pytest.fail("sent without a receiver"))
    sync.push(pushed)
    sync.pull(pushed)


def test_costs_no_statement(pushed, told, twocheckout):
    with CaptureQueriesContext(connection) as with_receiver:
        sync.pull(pushed)
    receivers, signals.exchange_finished.receivers = signals.exchange_finished.receivers, []
    with CaptureQueriesContext(connection) as without:
        sync.pull(pushed)
    signals.exchange_finished.receivers = receivers
    assert len(with_receiver) == len(without)
    assert told[0][0] == Verb.PULL
