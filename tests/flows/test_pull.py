from __future__ import annotations

import pytest

from django_twocheckout import sync
from django_twocheckout.engine import reconcile
from django_twocheckout.engine.batch import finish
from django_twocheckout.engine.clients import current_client
from django_twocheckout.exceptions import (
    AuthenticationFailed,
    ConnectionFailed,
    NotFound,
    ServerFailed,
)
from django_twocheckout.flows.push import push_due
from django_twocheckout.kit import synced_customer
from django_twocheckout.models import Customer, Verb

from ..customers import ADA, change, claim_of
from ..vendor_log import methods


def test_pull__brings_their_values_and_wakes_no_worker(
    pushed, twocheckout, heard, sent, django_capture_on_commit_callbacks
):
    twocheckout.edit(pushed.customer_reference, Phone="555", Enabled=True, Credit={"Limit": "5"})
    twocheckout.add_card(pushed.customer_reference)
    sent.clear()
    with django_capture_on_commit_callbacks(execute=True):
        assert sync.pull(pushed) is pushed

    assert (pushed.phone, pushed.enabled, pushed.credit_limit) == ("555", True, 5)
    assert pushed.existing_cards == [{"type": "Visa", "last_digits": "1111", "expiry": "12/2029"}]
    assert (pushed.sync_state, pushed.pulled_at is not None) == ("synced", True)
    assert (sent, methods(twocheckout)) == ([], ["GET"])
    assert (heard[-1][0], heard[-1][1]["fields"]) == ("customer_pulled", ["Phone"])
    sync.push_pending()
    sync.push(pushed)
    assert methods(twocheckout) == ["GET"]


def test_pull__keeps_what_changed_here(pushed, twocheckout):
    change(pushed, city="Paris")
    twocheckout.edit(pushed.customer_reference, Phone="555")
    sync.pull(pushed)
    assert (pushed.city, pushed.phone, pushed.sync_state) == ("Paris", "555", "pending")
    sync.push(pushed)
    assert (twocheckout.customers[0]["City"], pushed.sync_state) == ("Paris", "synced")


def test_pull__a_failed_row_that_turns_out_to_be_in_step(pushed, twocheckout):
    change(pushed, city="Paris")
    Customer.objects.update_unmarked(sync_state="failed", sync_error="No.")
    twocheckout.edit(pushed.customer_reference, City="Paris")
    sync.pull(pushed)
    assert (pushed.sync_state, pushed.sync_error) == ("synced", "")


def test_pull__a_customer_that_was_linked_by_hand(db, twocheckout):
    reference = twocheckout.add_customer(FirstName="Grace", LastName="Hopper", City="New York", CountryCode="us")
    grace = Customer.objects.create(customer_reference=reference, last_name="Murray")
    sync.pull(grace)
    assert (grace.first_name, grace.last_name, grace.country_code) == ("Grace", "Hopper", "US")


def test_pull__a_row_that_was_imported_as_synced(db, twocheckout):
    reference = twocheckout.add_customer(FirstName="Ada", City="Bath")
    ada = synced_customer(**ADA, customer_reference=reference)
    sync.pull(ada)
    assert ada.city == "Bath"


def test_pull__while_a_create_is_in_doubt(ada, twocheckout):
    twocheckout.fail("reset-after-commit")
    sync.push(ada)
    sync.pull(ada)
    assert (ada.sync_state, ada.customer_reference, ada.in_doubt) == ("synced", "601952421", [])


def test_pull__not_there(ada, twocheckout):
    with pytest.raises(NotFound, match="does not have this customer yet"):
        sync.pull(ada)
    ada.refresh_from_db()
    assert (ada.sync_state, ada.in_doubt, ada.lease_expires_at) == ("pending", [], None)


@pytest.mark.parametrize(
    ("fault", "error"), [("503", ServerFailed), ("reset", ConnectionFailed), ("401", AuthenticationFailed)]
)
def test_pull__a_failure_leaves_the_row_as_it_was(pushed, twocheckout, fault, error):
    twocheckout.fail(fault)
    with pytest.raises(error):
        sync.pull(pushed)
    pushed.refresh_from_db()
    assert (pushed.sync_state, pushed.sync_error, pushed.failed_attempts, pushed.lease_expires_at) == (
        "synced",
        "",
        0,
        None,
    )


def test_pull__a_wake_up_that_found_the_row_claimed_is_repeated(pushed, sent):
    change(pushed, city="Paris")
    claim = claim_of(Customer.objects.get(), Verb.PULL)
    assert push_due(pushed.pk).tried == 0
    sent.clear()
    finish([(claim, reconcile.pull(claim, current_client("default")))])
    assert [message.task for message in sent] == ["twocheckout.push_pending"]


def test_pull__saved_meanwhile_wakes_a_worker(pushed, twocheckout, sent):
    claim = claim_of(Customer.objects.get(), Verb.PULL)
    twocheckout.edit(pushed.customer_reference, Phone="555")
    outcome = reconcile.pull(claim, current_client("default"))
    change(pushed, city="Paris")
    sent.clear()
    finish([(claim, outcome)])
    assert [message.task for message in sent] == ["twocheckout.push_pending"]
    sync.push_pending()
    pushed.refresh_from_db()
    assert (pushed.phone, pushed.city, pushed.sync_state) == ("555", "Paris", "synced")


@pytest.mark.parametrize("winner", ["local", "remote", None])
def test_pull_each__who_wins(pushed, twocheckout, winner):
    twocheckout.edit(pushed.customer_reference, City="Rome")
    change(pushed, city="Paris")
    sync.pull_each([pushed.pk], conflict=winner)
    pushed.refresh_from_db()
    assert pushed.city == ("Rome" if winner == "remote" else "Paris")
