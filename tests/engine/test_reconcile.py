from __future__ import annotations

import time
from dataclasses import replace

import pytest
from urllib3.connection import HTTPConnection

from django_twocheckout import sync
from django_twocheckout.engine import claims, reconcile
from django_twocheckout.engine.batch import finish
from django_twocheckout.engine.clients import current_client
from django_twocheckout.kit import synced_customer
from django_twocheckout.models import Customer, Verb

from ..clock import leases_expire
from ..customers import ADA, change, claim_of


def test_push__looked_up_another_customer(db, twocheckout):
    # A numeric reference of ours that is 2Checkout's own number of another customer.
    stranger = twocheckout.add_customer(FirstName="Stranger")
    ada = Customer.objects.create(**ADA)
    Customer.objects.update_unmarked(
        external_customer_reference=stranger, in_doubt=[{"external_customer_reference": stranger}]
    )
    claim = claim_of(Customer.objects.get(pk=ada.pk))
    outcome = reconcile.pull(claim, current_client("default"))

    assert "does not carry it" in str(outcome.error)
    assert twocheckout.customer(stranger)["FirstName"] == "Stranger"


@pytest.mark.parametrize("read_first", [True, False])
def test_in_doubt__an_update_and_back_again(pushed, twocheckout, configure, read_first):
    configure(READ_BEFORE_WRITE=read_first)
    change(pushed, city="Paris")
    twocheckout.fail("500-after-commit", method="PUT")
    sync.push(pushed)
    assert len(pushed.in_doubt) == 1
    change(pushed, city="London")

    sync.push(pushed)

    assert (pushed.sync_state, pushed.city, twocheckout.customers[0]["City"]) == ("synced", "London", "London")
    assert pushed.in_doubt == []


def test_in_doubt__our_own_older_value_is_no_edit_there(pushed, twocheckout):
    change(pushed, city="Paris")
    twocheckout.fail("reset-after-commit", method="PUT")
    sync.push(pushed)
    twocheckout.edit(pushed.customer_reference, Phone="555")
    change(pushed, city="London", fax="1")

    sync.push(pushed)

    theirs = twocheckout.customers[0]
    assert (pushed.city, theirs["City"], theirs["Fax"], pushed.phone) == ("London", "London", "1", "555")


def test_in_doubt__our_own_older_value_wins_no_conflict(pushed, twocheckout, configure):
    configure(CONFLICT="remote")
    change(pushed, city="Paris")
    twocheckout.fail("500-after-commit", method="PUT")
    sync.push(pushed)
    change(pushed, city="Rome")
    sync.push(pushed)
    assert (pushed.city, twocheckout.customers[0]["City"]) == ("Rome", "Rome")


def test_in_doubt__killed_after_an_update(pushed, twocheckout):
    change(pushed, city="Paris")
    claim_of(Customer.objects.get())
    twocheckout.edit(pushed.customer_reference, City="Paris")  # what the worker sent before it died
    leases_expire()
    change(pushed, city="London")
    sync.push(pushed)
    assert (pushed.city, twocheckout.customers[0]["City"]) == ("London", "London")


def test_in_doubt__a_second_create_with_other_values(ada, twocheckout):
    twocheckout.fail("500")
    sync.push(ada)
    change(ada, city="Paris")
    twocheckout.fail("500-after-commit", method="POST")
    sync.push(ada)
    change(ada, city="London")
    sync.push(ada)
    assert (ada.city, twocheckout.customers[0]["City"]) == ("London", "London")


def test_in_doubt__every_reference_that_was_tried_is_looked_up(ada, twocheckout):
    twocheckout.fail("500")
    sync.push(ada)
    change(ada, external_customer_reference="dj-b")
    twocheckout.fail("500-after-commit", method="POST")
    sync.push(ada)
    change(ada, external_customer_reference="dj-c")
    sync.push(ada)
    assert [customer["ExternalCustomerReference"] for customer in twocheckout.customers] == ["dj-c"]


def test_in_doubt__a_refusal_leaves_none(pushed, twocheckout):
    change(pushed, company="Engines", fiscal_code="INVALID")
    sync.push(pushed)
    assert (pushed.sync_state, pushed.in_doubt) == ("failed", [])


def test_in_doubt__a_create_then_an_update(ada, twocheckout):
    change(ada, phone="1")
    twocheckout.fail("500-after-commit", method="POST")
    sync.push(ada)
    twocheckout.edit(ada.external_customer_reference, Phone="555")
    change(ada, city="Paris")
    twocheckout.fail("500", method="PUT")
    sync.push(ada)
    assert (ada.customer_reference, ada.sync_state) == ("601952421", "pending")

    sync.push(ada)

    assert (ada.sync_state, ada.phone, twocheckout.customers[0]["Phone"]) == ("synced", "555", "555")
    assert twocheckout.customers[0]["City"] == "Paris"


@pytest.mark.parametrize("act", ["push", "pull"])
def test_in_doubt__a_create_found_while_the_row_is_saved(ada, twocheckout, act):
    change(ada, phone="1")
    twocheckout.fail("500-after-commit", method="POST")
    sync.push(ada)
    twocheckout.edit(ada.external_customer_reference, Phone="555")
    claim = claim_of(Customer.objects.get(), Verb(act))
    outcome = getattr(reconcile, act)(claim, current_client("default"))
    change(ada, city="Paris")
    finish([(claim, outcome)])

    sync.push(ada)

    assert (ada.phone, twocheckout.customers[0]["Phone"], twocheckout.customers[0]["City"]) == ("555", "555", "Paris")


def test_in_doubt__a_worker_died_before_it_sent(ada, twocheckout):
    change(ada, phone="1")
    twocheckout.fail("500-after-commit", method="POST")
    sync.push(ada)
    twocheckout.edit(ada.external_customer_reference, Phone="555")
    change(ada, phone="2")
    claim_of(Customer.objects.get())
    leases_expire()
    sync.push(ada)
    assert (ada.phone, twocheckout.customers[0]["Phone"]) == ("2", "2")  # a conflict, and ours wins


def test_in_doubt__does_not_grow_where_a_fetch_shows_what_happened(pushed, twocheckout):
    for number in range(5):
        change(pushed, city=f"City {number}")
        twocheckout.fail("500", method="PUT")
        sync.push(pushed)
    assert len(pushed.in_doubt) == 1


def test_pull__of_a_linked_row_that_is_saved_meanwhile(db, twocheckout):
    reference = twocheckout.add_customer(FirstName="Ada", Phone="555")
    ada = Customer.objects.create(**ADA, phone="1", customer_reference=reference)
    claim = claim_of(Customer.objects.get(), Verb.PULL)
    outcome = reconcile.pull(claim, current_client("default"))
    change(ada, fax="9")
    finish([(claim, outcome)])
    sync.push(ada)
    assert (ada.phone, twocheckout.customers[0]["Phone"], twocheckout.customers[0]["Fax"]) == ("555", "555", "9")


def test_send_by__nothing_is_sent_that_could_outlive_the_lease(ada, twocheckout, monkeypatch):
    monkeypatch.setattr(claims, "request_seconds", lambda: 10**6)
    monkeypatch.setattr(claims, "lease_seconds", lambda: 60.0)
    sync.push(ada)
    assert (ada.sync_state, ada.in_doubt, twocheckout.requests) == ("pending", [], [])
    assert "Too little time" in ada.sync_error


@pytest.mark.parametrize("new", [True, False])
def test_send_by__passed_while_it_connects(ada, twocheckout, monkeypatch, configure, new):
    """As on a machine that was suspended: between deciding to send and sending, the lease ran out."""
    configure(READ_BEFORE_WRITE=False)
    if not new:
        sync.push(ada)
        change(ada, city="Paris")
    before, client, connect = len(twocheckout.requests), current_client("default"), HTTPConnection.connect
    client.close()
    claim = replace(claim_of(ada), send_by=time.monotonic() + 0.2)

    def slowly(connection):
        connect(connection)
        time.sleep(0.3)

    with monkeypatch.context() as patch:
        patch.setattr(HTTPConnection, "connect", slowly)
        outcome = reconcile.push(claim, client)
    assert "Too little time" in outcome.error.words
    assert len(twocheckout.requests) == before
    assert outcome.in_doubt == [claim.values]


def test_imported_as_synced__what_changed_here_is_sent_and_their_edits_stay(db, twocheckout):
    reference = twocheckout.add_customer(
        FirstName="Ada", LastName="Lovelace", Address1="12 St James Square", City="Bath", Zip="SW1Y 4JH",
        CountryCode="gb", Email="ada@example.org", Language="en", Phone="555", ExternalCustomerReference="dj-i",
    )  # fmt: skip
    imported = {**ADA, "phone": "555", "external_customer_reference": "dj-i", "customer_reference": reference}
    ada = synced_customer(**imported)
    change(ada, phone="", fax="1")

    sync.push(ada)

    theirs = twocheckout.customers[0]
    assert (ada.sync_state, ada.phone, theirs["Phone"], theirs["Fax"], theirs["City"], ada.city) == (
        "synced", "", "", "1", "Bath", "Bath",
    )  # fmt: skip
