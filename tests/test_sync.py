from __future__ import annotations

import json
import logging
import time
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from urllib3.connection import HTTPConnection

from django_twocheckout import signals, sync
from django_twocheckout.client import TwoCheckoutClient
from django_twocheckout.conf import ConfigurationError
from django_twocheckout.exceptions import (
    AuthenticationFailed,
    CardNotDeleted,
    ConnectionFailed,
    CustomerBusy,
    NotFound,
    ServerFailed,
    TwoCheckoutError,
    UnreadableAnswer,
)
from django_twocheckout.models import Customer
from django_twocheckout.serializers import Card
from django_twocheckout.sync import exchange, gate, rows
from django_twocheckout.sync.connection import current_client
from django_twocheckout.sync.ending import end_pulls, end_pushes, push_one
from django_twocheckout.sync.tokens import _joined
from django_twocheckout.testing import Fault

from . import answers
from .conftest import ADA, hold

BASE = "https://api.2checkout.com/rest/6.0/"


@pytest.fixture
def pushed(ada, twocheckout):
    """A customer that both sides have; the fake vendor's log starts after it."""
    sync.push(ada)
    assert ada.sync_state == "synced", ada.sync_error
    twocheckout.requests.clear()
    return ada


@pytest.fixture
def heard():
    """What the app's signals said, as (name, facts)."""
    said = []
    receivers = []
    for name in ("customer_pushed", "customer_push_failed", "customer_pulled", "card_deleted"):

        def note(signal, sender, _name=name, **facts):
            said.append((_name, facts))

        getattr(signals, name).connect(note)
        receivers.append((getattr(signals, name), note))
    yield said
    for signal, note in receivers:
        signal.disconnect(note)


def change(customer, **values):
    for name, value in values.items():
        setattr(customer, name, value)
    customer.save()


def methods(vendor):
    return [request.method for request in vendor.requests]


def due_again(customer=None):
    """Let the time of the next try come."""
    Customer.objects.settle(next_try_at=timezone.now() - timedelta(seconds=1))


# Creating.


def test_push__creates(ada, twocheckout, heard):
    assert sync.push(ada) is ada

    [theirs] = twocheckout.customers
    assert ada.customer_reference == theirs["CustomerReference"]
    assert (ada.sync_state, ada.sync_error, ada.in_doubt, ada.tries) == ("synced", "", [], 0)
    assert ada.pushed_at is not None
    assert (theirs["FirstName"], theirs["ExternalCustomerReference"]) == ("Ada", ada.external_customer_reference)
    assert methods(twocheckout) == ["POST"]
    [(name, facts)] = heard
    assert (name, facts["customer"], facts["created"]) == ("customer_pushed", ada, True)


@pytest.mark.parametrize("shape", ["number", "text", "object"])
def test_push__creates_whatever_the_answers_shape(ada, twocheckout, shape):
    twocheckout.behaviour.create_answer = shape
    assert sync.push(ada).customer_reference == "601952421"


@pytest.mark.parametrize("algorithm", ["sha256", "sha3-256"])
def test_push__with_either_hash(ada, twocheckout, settings, algorithm):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "HASH_ALGORITHM": algorithm}
    assert sync.push(ada).sync_state == "synced"
    assert f'algo="{algorithm}"' in twocheckout.requests[0].headers["X_AVANGATE_AUTHENTICATION"]


@pytest.mark.parametrize(
    "fault", ["reset-after-commit", "500-after-commit", "not-json", "half-body", "huge"]
)  # all of them after 2Checkout carried it out
def test_push__an_unclear_create_is_looked_up_and_adopted(ada, twocheckout, fault):
    twocheckout.fail(fault)
    sync.push(ada)
    assert (ada.sync_state, len(ada.in_doubt), ada.tries, ada.customer_reference) == ("pending", 1, 1, None)
    assert ada.sync_error
    assert ada.next_try_at > timezone.now()

    sync.push(ada)

    assert (ada.sync_state, ada.in_doubt, ada.tries) == ("synced", [], 0)
    assert len(twocheckout.customers) == 1
    assert methods(twocheckout) == ["POST", "GET"]


def test_push__a_create_that_did_not_happen_is_made_after_looking(ada, twocheckout):
    twocheckout.fail("500")
    sync.push(ada)
    sync.push(ada)

    assert ada.sync_state == "synced"
    assert methods(twocheckout) == ["POST", "GET", "POST"]


@pytest.mark.parametrize("fault", ["500", "reset", "html-404", "401", "429", "not-json", "false"])
def test_push__no_second_create_unless_2checkout_says_there_is_none(ada, twocheckout, fault):
    twocheckout.fail("reset-after-commit")
    sync.push(ada)
    twocheckout.fail(fault, method="GET")
    sync.push(ada)
    assert methods(twocheckout) == ["POST", "GET"]

    twocheckout.heal()
    sync.push(ada)
    assert (ada.sync_state, len(twocheckout.customers)) == ("synced", 1)


def test_push__an_unclear_create_and_a_change_since(ada, twocheckout):
    twocheckout.fail("reset-after-commit")
    sync.push(ada)
    twocheckout.edit(ada.external_customer_reference, Phone="555")
    change(ada, city="Paris", external_customer_reference="dj-changed")

    sync.push(ada)

    [theirs] = twocheckout.customers
    assert (theirs["City"], theirs["Phone"], theirs["ExternalCustomerReference"]) == ("Paris", "555", "dj-changed")
    assert (ada.phone, ada.sync_state) == ("555", "synced")


def test_push__killed_in_the_middle_of_a_create(ada, twocheckout):
    # The row as a worker leaves it that died after its POST: claimed, told, and never settled.
    claim = hold(Customer.objects.get(), to_push=True)
    twocheckout.add_customer(**claim.local)
    assert sync.push(ada).sync_state == "pending"  # the lease still stands
    assert twocheckout.requests == []

    Customer.objects.settle(lease_until=timezone.now() - timedelta(seconds=1))
    sync.push_pending()

    ada.refresh_from_db()
    assert (ada.sync_state, len(twocheckout.customers), methods(twocheckout)) == ("synced", 1, ["GET"])


def test_push__a_reference_that_exists_over_there_is_adopted(ada, twocheckout):
    reference = twocheckout.add_customer(
        ExternalCustomerReference=ada.external_customer_reference, FirstName="Augusta", Phone="555"
    )

    sync.push(ada)

    assert (ada.sync_state, ada.customer_reference) == ("synced", reference)
    theirs = twocheckout.customer(reference)
    assert (theirs["FirstName"], theirs["Phone"], ada.phone) == ("Ada", "555", "555")
    assert methods(twocheckout) == ["POST", "GET", "PUT"]


def test_push__looked_up_somebody_elses_customer(db, twocheckout):
    # A numeric reference of ours that is 2Checkout's own number of another customer.
    stranger = twocheckout.add_customer(FirstName="Stranger")
    ada = Customer.objects.create(**ADA)
    Customer.objects.settle(external_customer_reference=stranger, in_doubt=[{"external_customer_reference": stranger}])
    claim = hold(Customer.objects.get(pk=ada.pk), to_push=True)
    outcome = exchange.pull(claim, current_client())

    assert "does not carry it" in str(outcome.error)
    assert twocheckout.customer(stranger)["FirstName"] == "Stranger"


def test_push__two_rows_with_one_customer(pushed, twocheckout):
    twin = Customer.objects.create(**ADA)
    Customer.objects.filter(pk=twin.pk).settle(
        in_doubt=[{"external_customer_reference": pushed.external_customer_reference}]
    )

    sync.push(twin)

    assert twin.sync_state == "failed"
    assert "Another row has this customer" in twin.sync_error
    assert twin.customer_reference is None


# Updating.


def test_push__fetches_merges_updates(pushed, twocheckout, heard):
    twocheckout.edit(pushed.customer_reference, Phone="555", LastName="King")
    change(pushed, city="Paris")
    heard.clear()

    sync.push(pushed)

    theirs = twocheckout.customer(pushed.customer_reference)
    assert (theirs["City"], theirs["Phone"], theirs["LastName"]) == ("Paris", "555", "King")
    assert (pushed.city, pushed.phone, pushed.last_name, pushed.sync_state) == ("Paris", "555", "King", "synced")
    assert methods(twocheckout) == ["GET", "PUT"]
    [(name, facts)] = heard
    assert (name, facts["created"], facts["fields"], facts["conflicts"]) == ("customer_pushed", False, ["City"], [])


@pytest.mark.parametrize(("winner", "city"), [("local", "Paris"), ("remote", "Bath")])
def test_push__conflict(pushed, twocheckout, settings, heard, winner, city):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "CONFLICT": winner}
    twocheckout.edit(pushed.customer_reference, City="Bath")
    change(pushed, city="Paris", fax="1")

    sync.push(pushed)

    assert (twocheckout.customers[0]["City"], pushed.city) == (city, city)
    assert heard[-1][1]["conflicts"] == ["City"]


def test_push__sends_back_what_it_fetched(pushed, twocheckout):
    credit = {"Limit": 51.0, "Remaining": 21.0, "Currency": "EUR"}
    twocheckout.edit(pushed.customer_reference, Credit=credit, Enabled=True)
    twocheckout.behaviour.derived_fields = "ignore"
    change(pushed, city="Paris")

    sync.push(pushed)

    body = twocheckout.requests[-1].body
    assert body["Credit"] == credit
    assert body["Enabled"] is True
    assert not {"CustomerReference", "ExistingCards"} & body.keys()
    assert (pushed.credit_limit, pushed.credit_currency, pushed.enabled) == (Decimal("51.00"), "EUR", True)


@pytest.mark.parametrize("put", ["replace", "merge"])
@pytest.mark.parametrize("blanks", ["null", "empty", "absent"])
@pytest.mark.parametrize("language", ["as-sent", "blank"])
def test_push__both_sides_agree_whatever_is_undocumented(pushed, twocheckout, put, blanks, language):
    twocheckout.behaviour.set(
        put=put, blank_echo=blanks, language_echo=language, reference_name="AvangateCustomerReference",
        reference_as_number=True,
    )  # fmt: skip
    twocheckout.edit(pushed.customer_reference, Phone="555")
    change(pushed, city="Paris", address2="2nd floor")
    sync.push(pushed)
    change(pushed, address2="")
    sync.push(pushed)

    theirs = twocheckout.customer(pushed.customer_reference)
    assert pushed.sync_state == "synced"
    assert (theirs["City"], theirs["Phone"], theirs["Address2"] or "", theirs["Language"]) == ("Paris", "555", "", "en")
    assert methods(twocheckout) == ["GET", "PUT"] * 2


def test_push__nothing_differs_nothing_is_sent(pushed, twocheckout):
    change(pushed, city="Paris")
    change(pushed, city="London")
    sync.push(pushed)
    Customer.objects.update(city="London")
    sync.push_pending()
    pushed.save()
    sync.push(pushed)

    assert twocheckout.requests == []
    assert pushed.sync_state == "synced"


def test_push__changed_alike_on_both_sides(pushed, twocheckout):
    twocheckout.edit(pushed.customer_reference, City="Paris")
    change(pushed, city="Paris")
    sync.push(pushed)
    assert (methods(twocheckout), pushed.sync_state) == (["GET"], "synced")


def test_push__without_reading_first(pushed, twocheckout, settings):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "READ_BEFORE_WRITE": False, "END_USER_UPDATE": True}
    change(pushed, city="Paris", address2="")
    sync.push(pushed)

    assert methods(twocheckout) == ["PUT"]
    assert twocheckout.requests[0].query == {"endUserUpdate": "true"}
    assert (twocheckout.customers[0]["City"], pushed.sync_state) == ("Paris", "synced")
    change(pushed, city="Rome")
    sync.push(pushed)
    assert (methods(twocheckout), twocheckout.customers[0]["City"]) == (["PUT", "PUT"], "Rome")


def test_push__ten_quick_saves_are_one_push(pushed, twocheckout):
    for number in range(10):
        change(pushed, address2=f"{number}th floor")
    sync.push_pending()
    assert methods(twocheckout) == ["GET", "PUT"]
    assert twocheckout.customers[0]["Address2"] == "9th floor"


def test_push__does_not_take_away_what_was_assigned_and_not_saved(pushed):
    pushed.city = "Paris"
    Customer.objects.settle(phone="555")
    sync.push(pushed)
    assert (pushed.city, pushed.phone) == ("Paris", "555")


def test_push__row_is_gone(ada, twocheckout):
    Customer.objects.all().delete()
    with pytest.raises(Customer.DoesNotExist):
        sync.push(ada)


def test_push__row_deleted_while_in_flight(ada, twocheckout, caplog):
    claim = hold(Customer.objects.get(), to_push=True)
    Customer.objects.all().delete()
    push_one(claim, current_client())
    assert "lease lost" in caplog.text
    assert not Customer.objects.exists()


def test_push__customer_gone_at_2checkout(pushed, twocheckout):
    twocheckout.forget(pushed.customer_reference)
    change(pushed, city="Paris")
    sync.push(pushed)
    assert pushed.sync_state == "failed"
    assert "There is no such customer" in pushed.sync_error
    assert twocheckout.customers == []


def test_push__answered_with_another_customer(pushed, twocheckout, responses, settings):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "BASE_URL": BASE}
    responses.get(f"{BASE}customers/{pushed.customer_reference}/", json={**answers.CUSTOMER, "CustomerReference": "7"})
    change(pushed, city="Paris")
    sync.push(pushed)
    assert (pushed.sync_state, pushed.customer_reference) == ("pending", "601952421")
    assert "another customer" in pushed.sync_error


# Refusals and trouble.


@pytest.mark.parametrize("status", [400, 409, 422])
def test_refused__fails_with_2checkouts_words_and_is_not_tried_again(pushed, twocheckout, heard, status):
    twocheckout.behaviour.invalid_field_status = status
    change(pushed, company="Engines", fiscal_code="INVALID")

    sync.push(pushed)

    assert pushed.sync_state == "failed"
    assert pushed.sync_error == "The fiscal code is not a valid VAT ID (SIM_INVALID_FISCAL_CODE)"
    assert (heard[-1][0], heard[-1][1]["final"]) == ("customer_push_failed", True)
    due_again()
    sync.push_pending()
    sync.push_due(pushed.pk)
    assert methods(twocheckout) == ["GET", "PUT"]


def test_refused__create(db, twocheckout):
    ada = Customer.objects.create(**{**ADA, "company": "Engines", "fiscal_code": "INVALID"})
    sync.push(ada)
    assert (ada.sync_state, ada.in_doubt, ada.acknowledged) == ("failed", [], {})
    assert "VAT ID" in ada.sync_error
    change(ada, fiscal_code="RO1")
    sync.push(ada)
    assert (ada.sync_state, ada.sync_error, len(twocheckout.customers)) == ("synced", "", 1)


def test_refused__create_and_the_look_up_after_it_fails(db, twocheckout):
    ada = Customer.objects.create(**{**ADA, "company": "Engines", "fiscal_code": "INVALID"})
    twocheckout.fail("503", method="GET")
    sync.push(ada)
    assert (ada.sync_state, len(ada.in_doubt)) == ("failed", 1)
    assert "VAT ID" in ada.sync_error


def test_refused__answers_false(pushed, twocheckout):
    twocheckout.behaviour.update_answer = "false"
    change(pushed, city="Paris")
    sync.push(pushed)
    assert (pushed.sync_state, twocheckout.customers[0]["City"]) == ("failed", "London")
    assert "did not update" in pushed.sync_error
    twocheckout.behaviour.update_answer = "object"
    sync.push(pushed)
    assert (pushed.sync_state, twocheckout.customers[0]["City"]) == ("synced", "Paris")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"first_name": "", "zip": ""}, "FirstName is required. Zip is required."),
        ({"country_code": "XX"}, "is not a two-letter ISO 3166 country code"),
        ({"external_customer_reference": "12345"}, "could be mistaken for one of 2Checkout's own"),
    ],
)
def test_refused__here_before_anything_is_sent(db, twocheckout, values, words):
    ada = Customer.objects.create(**{**ADA, **values})
    sync.push(ada)
    assert ada.sync_state == "failed"
    assert words in ada.sync_error
    assert twocheckout.requests == []


@pytest.mark.parametrize("fault", ["500", "503", "html-502", "reset", "not-json", "html-404", "redirect", "huge"])
def test_trouble__is_tried_again_later(pushed, twocheckout, heard, fault):
    twocheckout.fail(fault)
    change(pushed, city="Paris")
    sync.push_pending()

    pushed.refresh_from_db()
    assert (pushed.sync_state, pushed.tries) == ("pending", 1)
    assert pushed.sync_error
    assert timezone.now() < pushed.next_try_at < timezone.now() + timedelta(seconds=80)
    assert (heard[-1][0], heard[-1][1]["final"]) == ("customer_push_failed", False)
    sync.push_pending()
    assert len(twocheckout.requests) == 1
    due_again()
    sync.push_pending()
    pushed.refresh_from_db()
    assert (pushed.sync_state, pushed.tries, pushed.sync_error) == ("synced", 0, "")


def test_trouble__ends_after_so_many_attempts(pushed, twocheckout, settings):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "MAX_ATTEMPTS": 3}
    change(pushed, city="Paris")
    with twocheckout.outage():
        for _ in range(5):
            due_again()
            sync.push_pending()
    pushed.refresh_from_db()
    assert (pushed.sync_state, pushed.tries, len(twocheckout.requests)) == ("failed", 3, 3)
    assert "Down for maintenance" in pushed.sync_error
    change(pushed, city="Rome")
    sync.push_pending()
    pushed.refresh_from_db()
    assert (pushed.sync_state, pushed.tries) == ("synced", 0)


@pytest.mark.parametrize("fault", ["401", "429"])
def test_trouble__of_the_account_uses_up_no_tries(pushed, twocheckout, settings, fault):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "MAX_ATTEMPTS": 1}
    change(pushed, city="Paris")
    twocheckout.fail(fault)
    sync.push(pushed)
    assert (pushed.sync_state, pushed.tries) == ("pending", 0)
    assert pushed.sync_error
    sync.push(pushed)
    assert pushed.sync_state == "synced"


def test_trouble__retry_after_is_honoured(pushed, twocheckout):
    change(pushed, city="Paris")
    twocheckout.behaviour.set(rate_limit=0, retry_after="120")
    sync.push(pushed)
    assert pushed.next_try_at > timezone.now() + timedelta(seconds=115)


def test_delays__double_and_are_capped():
    for tries, seconds in [(0, 60), (1, 60), (2, 120), (5, 960), (99, 3600)]:
        delay = rows.delay_after(ServerFailed(), tries)
        assert 0.7 * seconds <= delay <= 1.3 * seconds
    assert len({rows.delay_after(ServerFailed(), 3) for _ in range(9)}) > 1
    assert rows.delay_after(ServerFailed(retry_after=9999.0), 1) == 9999


def test_settings__wrong(ada, settings):
    settings.TWOCHECKOUT = {}
    with pytest.raises(ConfigurationError, match="MERCHANT_CODE"):
        sync.push(ada)
    settings.TWOCHECKOUT = {"MERCHANT_CODE": "A", "SECRET_KEY": "topsecret", "BASE_URL": "http://example.org/"}
    with pytest.raises(ConfigurationError, match="https") as caught:
        sync.push_pending()
    assert "topsecret" not in str(caught.value)
    ada.refresh_from_db()
    assert (ada.sync_state, ada.in_doubt) == ("pending", [])


def test_settings__changed_while_running(pushed, settings):
    before = current_client()
    assert current_client() is before
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "TIMEOUT": [1, 2]}
    assert current_client() is not before
    assert current_client().timeout == (1, 2)


# Pushes whose end is unknown.


@pytest.mark.parametrize("read_first", [True, False])
def test_in_doubt__an_update_and_back_again(pushed, twocheckout, settings, read_first):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "READ_BEFORE_WRITE": read_first}
    change(pushed, city="Paris")
    twocheckout.fail("500-after-commit", method="PUT")
    sync.push(pushed)
    assert len(pushed.in_doubt) == 1
    change(pushed, city="London")

    sync.push(pushed)

    assert (pushed.sync_state, pushed.city, twocheckout.customers[0]["City"]) == ("synced", "London", "London")
    assert pushed.in_doubt == []


def test_in_doubt__our_own_older_value_is_not_taken_for_an_edit(pushed, twocheckout):
    change(pushed, city="Paris")
    twocheckout.fail("reset-after-commit", method="PUT")
    sync.push(pushed)
    twocheckout.edit(pushed.customer_reference, Phone="555")
    change(pushed, city="London", fax="1")

    sync.push(pushed)

    theirs = twocheckout.customers[0]
    assert (pushed.city, theirs["City"], theirs["Fax"], pushed.phone) == ("London", "London", "1", "555")


def test_in_doubt__our_own_older_value_wins_no_conflict(pushed, twocheckout, settings):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "CONFLICT": "remote"}
    change(pushed, city="Paris")
    twocheckout.fail("500-after-commit", method="PUT")
    sync.push(pushed)
    change(pushed, city="Rome")
    sync.push(pushed)
    assert (pushed.city, twocheckout.customers[0]["City"]) == ("Rome", "Rome")


def test_in_doubt__killed_after_an_update(pushed, twocheckout):
    change(pushed, city="Paris")
    hold(Customer.objects.get(), to_push=True)
    twocheckout.edit(pushed.customer_reference, City="Paris")  # what the worker sent before it died
    Customer.objects.settle(lease_until=timezone.now() - timedelta(seconds=1))
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
    claim = hold(Customer.objects.get(), to_push=act == "push")
    outcome = getattr(exchange, act)(claim, current_client())
    change(ada, city="Paris")
    (end_pushes if act == "push" else end_pulls)([(claim, outcome)])

    sync.push(ada)

    assert (ada.phone, twocheckout.customers[0]["Phone"], twocheckout.customers[0]["City"]) == ("555", "555", "Paris")


def test_in_doubt__what_a_worker_noted_that_died_before_it_sent(ada, twocheckout):
    change(ada, phone="1")
    twocheckout.fail("500-after-commit", method="POST")
    sync.push(ada)
    twocheckout.edit(ada.external_customer_reference, Phone="555")
    change(ada, phone="2")
    hold(Customer.objects.get(), to_push=True)
    Customer.objects.settle(lease_until=timezone.now() - timedelta(seconds=1))
    sync.push(ada)
    assert (ada.phone, twocheckout.customers[0]["Phone"]) == ("2", "2")  # a conflict, and ours wins


def test_in_doubt__does_not_grow_where_fetching_tells(pushed, twocheckout):
    for number in range(5):
        change(pushed, city=f"City {number}")
        twocheckout.fail("500", method="PUT")
        sync.push(pushed)
    assert len(pushed.in_doubt) == 1


def test_pull__of_a_linked_row_that_is_saved_meanwhile(db, twocheckout):
    reference = twocheckout.add_customer(FirstName="Ada", Phone="555")
    ada = Customer.objects.create(**ADA, phone="1", customer_reference=reference)
    claim = hold(Customer.objects.get(), to_push=False)
    outcome = exchange.pull(claim, current_client())
    change(ada, fax="9")
    end_pulls([(claim, outcome)])
    sync.push(ada)
    assert (ada.phone, twocheckout.customers[0]["Phone"], twocheckout.customers[0]["Fax"]) == ("555", "555", "9")


def test_too_late__nothing_is_sent_that_could_outlive_the_lease(ada, twocheckout, monkeypatch):
    monkeypatch.setattr(rows, "request_seconds", lambda: 10**6)
    monkeypatch.setattr(rows, "lease_seconds", lambda: 60.0)
    sync.push(ada)
    assert (ada.sync_state, ada.in_doubt, twocheckout.requests) == ("pending", [], [])
    assert "Too little time" in ada.sync_error


@pytest.mark.parametrize("new", [True, False])
def test_too_late__while_it_connects(ada, twocheckout, monkeypatch, settings, new):
    """As on a machine that was suspended: between deciding to send and sending, the lease ran out."""
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "READ_BEFORE_WRITE": False}
    if not new:
        sync.push(ada)
        change(ada, city="Paris")
    before, client, connect = len(twocheckout.requests), current_client(), HTTPConnection.connect
    client.close()
    claim = replace(hold(ada, to_push=True), write_until=time.monotonic() + 0.2)

    def slowly(connection):
        connect(connection)
        time.sleep(0.3)

    with monkeypatch.context() as patch:
        patch.setattr(HTTPConnection, "connect", slowly)
        outcome = exchange.push(claim, client)
    assert "Too little time" in outcome.error.words
    assert len(twocheckout.requests) == before
    assert outcome.in_doubt == [claim.values]


def test_imported_as_synced__what_changed_here_is_sent_and_their_edits_live(db, twocheckout):
    reference = twocheckout.add_customer(
        FirstName="Ada", LastName="Lovelace", Address1="12 St James Square", City="Bath", Zip="SW1Y 4JH",
        CountryCode="gb", Email="ada@example.org", Language="en", Phone="555", ExternalCustomerReference="dj-i",
    )  # fmt: skip
    imported = {**ADA, "phone": "555", "external_customer_reference": "dj-i", "customer_reference": reference}
    Customer.objects.bulk_create([Customer(**imported, sync_state="synced")])
    ada = Customer.objects.get()
    change(ada, phone="", fax="1")

    sync.push(ada)

    theirs = twocheckout.customers[0]
    assert (ada.sync_state, ada.phone, theirs["Phone"], theirs["Fax"], theirs["City"], ada.city) == (
        "synced", "", "", "1", "Bath", "Bath",
    )  # fmt: skip


# Newest wins; one at a time.


def test_in_flight__a_change_stays_pending_and_is_pushed_next(pushed, twocheckout):
    change(pushed, city="Paris")
    twocheckout.edit(pushed.customer_reference, Phone="555")
    claim = hold(Customer.objects.get(), to_push=True)
    change(pushed, fax="1", address1="1 rue de Rivoli")

    sweep = push_one(claim, current_client())

    assert sweep.changed == 1
    pushed.refresh_from_db()
    assert (pushed.sync_state, pushed.phone, pushed.lease_until) == ("pending", "", None)
    sync.push(pushed)
    theirs = twocheckout.customers[0]
    assert (theirs["City"], theirs["Fax"], theirs["Phone"]) == ("Paris", "1", "555")
    assert (pushed.phone, pushed.sync_state) == ("555", "synced")


def test_in_flight__push_goes_on_until_the_row_is_quiet(pushed, twocheckout, heard):
    seen = []

    def meddle(sender, customer, **facts):
        if len(seen) < 2:
            seen.append(1)
            change(customer, address2=f"{len(seen)}th floor")

    change(pushed, city="Paris")
    # The listener is called after the settling, so it stands for a save that comes just then.
    signals.customer_pushed.connect(meddle)
    try:
        sync.push(pushed)
        sync.push_pending()
    finally:
        signals.customer_pushed.disconnect(meddle)
    pushed.refresh_from_db()
    assert (pushed.sync_state, twocheckout.customers[0]["Address2"]) == ("synced", "2th floor")


def test_in_flight__a_refusal_of_older_values_does_not_fail_the_newer(pushed, twocheckout):
    change(pushed, company="Engines", fiscal_code="INVALID")
    claim = hold(Customer.objects.get(), to_push=True)
    change(pushed, fiscal_code="RO1")

    push_one(claim, current_client())

    pushed.refresh_from_db()
    assert (pushed.sync_state, pushed.sync_error) == ("pending", "")
    sync.push(pushed)
    assert (pushed.sync_state, twocheckout.customers[0]["FiscalCode"]) == ("synced", "RO1")


def test_one_at_a_time(ada, twocheckout):
    fresh = Customer.objects.get()
    first = hold(fresh, to_push=True)
    assert first is not None
    assert hold(fresh, to_push=True) is None
    assert hold(Customer.objects.get(), to_push=True) is None
    assert sync.push(ada).sync_state == "pending"
    assert sync.push_pending().tried == 0
    for act in (sync.pull, lambda customer: sync.delete_card(customer, "t")):
        with pytest.raises(CustomerBusy):
            act(ada)
    assert twocheckout.requests == []


def test_one_at_a_time__what_is_taken_is_the_row_as_it_is_then(pushed, twocheckout):
    change(pushed, city="Paris")
    twocheckout.edit(pushed.customer_reference, Phone="555")
    found_before = Customer.objects.due()
    assert len(found_before) == 1
    other = hold(pushed, to_push=False)
    assert rows.take(found_before, to_push=True) == []
    end_pulls([(other, exchange.pull(other, current_client()))])

    [claim] = rows.take(found_before, to_push=True)
    assert (claim.local["City"], claim.local["Phone"], claim.base["Phone"]) == ("Paris", "555", "555")
    push_one(claim, current_client())
    pushed.refresh_from_db()
    assert (pushed.sync_state, pushed.phone, twocheckout.customers[0]["Phone"]) == ("synced", "555", "555")


def test_one_at_a_time__a_row_with_doubts_is_noted_too(ada, twocheckout):
    twocheckout.fail("reset-after-commit")
    sync.push(ada)
    change(ada, city="Paris")
    other = Customer.objects.create(**ADA)
    claims = rows.take(Customer.objects.all(), to_push=True)
    assert [(claim.pk, [doubt["city"] for doubt in claim.doubts]) for claim in claims] == [
        (ada.pk, ["London"]),
        (other.pk, []),
    ]
    assert [[doubt["city"] for doubt in row.in_doubt] for row in Customer.objects.order_by("pk")] == [
        ["London", "Paris"],
        ["London"],
    ]
    rows.give_back(claims)
    assert [[doubt["city"] for doubt in row.in_doubt] for row in Customer.objects.order_by("pk")] == [["London"], []]
    assert Customer.objects.filter(lease_until=None).count() == 2


@pytest.mark.django_db(transaction=True)
def test_one_at_a_time__saved_again_while_it_is_being_pushed(twocheckout, monkeypatch):
    ada = Customer.objects.create(**ADA)
    sync.push(ada)
    change(ada, city="Paris")
    update, seen = TwoCheckoutClient.update_customer, []

    def slow(client, *arguments):
        if not seen:
            seen.append(True)
            ada.save()  # with nothing changed
            change(ada, city="Rome")
            assert sync.push_due(ada.pk).tried == 0
        return update(client, *arguments)

    monkeypatch.setattr(TwoCheckoutClient, "update_customer", slow)
    twocheckout.requests.clear()
    sync.push_due(ada.pk)
    ada.refresh_from_db()
    assert methods(twocheckout) == ["GET", "PUT", "GET", "PUT"]
    assert (ada.city, ada.sync_state, twocheckout.customers[0]["City"]) == ("Rome", "synced", "Rome")


def test_lease_lost__settles_nothing(ada, twocheckout, caplog):
    claim = hold(Customer.objects.get(), to_push=True)
    Customer.objects.settle(lease_until=timezone.now() - timedelta(seconds=1))
    sync.push(ada)
    assert ada.sync_state == "synced"
    twocheckout.fail("500")
    push_one(claim, current_client())
    ada.refresh_from_db()
    assert (ada.sync_state, ada.tries) == ("synced", 0)
    assert "lease lost" in caplog.text


def test_lease__outlives_the_longest_exchange(settings):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "TIMEOUT": (5, 30)}
    assert rows.lease_seconds() > rows.BEGIN_SECONDS + 4 * (5 + 30)


# Sweeps.


def test_sweep__counts(ada, twocheckout):
    Customer.objects.create(**{**ADA, "zip": ""})
    third = Customer.objects.create(**ADA)
    sync.push(third)
    Customer.objects.filter(pk=third.pk).update(city="Paris")
    twocheckout.fail("503", method="GET")

    sweep = sync.push_pending()

    assert (sweep.pushed, sweep.failed, sweep.waiting, sweep.tried) == (1, 1, 1, 3)
    assert 0 < sweep.retry_in < 80


def test_sweep__has_a_limit_and_batches(db, twocheckout, settings):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "BATCH_SIZE": 2}
    for _ in range(7):
        Customer.objects.create(**ADA)
    assert sync.push_pending(limit=3).pushed == 3
    assert sync.push_pending().pushed == 4
    assert sync.push_pending().tried == 0
    assert len(twocheckout.customers) == 7


def test_sweep__stops_where_2checkout_is_not_there(db, twocheckout, settings):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "BATCH_SIZE": 2}
    for _ in range(12):
        Customer.objects.create(**ADA)
    with twocheckout.outage("500"):
        sweep = sync.push_pending()
    assert gate.STRIKES <= sweep.waiting < 12
    assert sweep.wait == gate.FIRST_PAUSE
    assert Customer.objects.due().count() == 12 - sweep.waiting


def test_sweep__one_bad_row_does_not_stop_the_others(pushed, twocheckout, caplog):
    change(pushed, city="Paris")
    Customer.objects.settle(in_doubt=[5])  # as no version of ours ever wrote it
    other = Customer.objects.create(**ADA)

    sweep = sync.push_pending()

    pushed.refresh_from_db()
    other.refresh_from_db()
    assert (sweep.pushed, other.sync_state, pushed.sync_state, pushed.tries) == (1, "synced", "pending", 1)
    assert "A mistake in django-twocheckout: TypeError" in pushed.sync_error
    assert "bug: TypeError" in caplog.text


@pytest.mark.parametrize("words", ["bad \\ud800 news", "bad \\u0000 news", "bad \\n\\u2028 news"])
def test_sweep__words_that_no_database_holds(db, twocheckout, words):
    for _ in range(2):
        Customer.objects.create(**ADA)
    body = f'{{"error_code": "X", "message": "{words}"}}'
    twocheckout.fail(Fault(400, body), method="POST")

    sync.push_pending()

    assert sorted(Customer.objects.values_list("sync_state", "sync_error")) == [
        ("failed", "bad news (X)"),
        ("synced", ""),
    ]


def test_sweep__an_answer_that_the_database_refuses(ada, twocheckout, monkeypatch):
    other = Customer.objects.create(**ADA)
    monkeypatch.setattr(TwoCheckoutClient, "create_customer", lambda client, information: "\ud800" * 3)

    sync.push_pending()

    ada.refresh_from_db()
    other.refresh_from_db()
    assert (ada.sync_state, other.sync_state, ada.lease_until) == ("pending", "pending", None)
    assert "cannot be stored" in ada.sync_error
    assert len(ada.in_doubt) == 1  # the next try looks it up


@pytest.mark.parametrize(
    "echo",
    [{"Credit": []}, {"Credit": ""}, {"Credit": None}, {"Enabled": ""}, {"Trial": ""}, {"ExistingCards": {}}],
)
def test_push__blanks_of_every_kind(pushed, twocheckout, echo):
    change(pushed, city="Paris")
    twocheckout.fail(Fault(200, json.dumps({**twocheckout.customers[0], **echo})), method="GET")
    sync.push(pushed)
    assert (pushed.sync_state, pushed.sync_error) == ("synced", "")


@pytest.mark.parametrize("fault", ["401", "429"])
def test_sweep__asks_no_more_once_the_account_is_refused(db, twocheckout, settings, fault):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "CONCURRENCY": 1}
    for _ in range(5):
        Customer.objects.create(**ADA)
    with twocheckout.outage(fault):
        assert sync.push_pending().waiting == 1
    assert len(twocheckout.requests) == 1
    assert Customer.objects.due().filter(in_doubt=[]).count() == 4


def test_sweep__one_bad_row_in_a_batch_of_its_own(db, twocheckout, settings):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "BATCH_SIZE": 1}
    for _ in range(3):
        Customer.objects.create(**ADA)
    twocheckout.fail("500")
    assert sync.push_pending().pushed == 2


@pytest.mark.parametrize("concurrency", [1, 4])
def test_sweep__gives_back_what_it_cannot_begin(db, twocheckout, settings, monkeypatch, concurrency):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "CONCURRENCY": concurrency}
    monkeypatch.setattr(rows, "BEGIN_SECONDS", -1.0)
    for _ in range(3):
        Customer.objects.create(**ADA)

    assert sync.push_pending().tried == 0

    assert twocheckout.requests == []
    assert Customer.objects.due().filter(in_doubt=[]).count() == 3
    monkeypatch.setattr(rows, "BEGIN_SECONDS", 60.0)
    assert sync.push_pending().pushed == 3
    assert set(methods(twocheckout)) == {"POST"}


def test_due__pushes_this_row_and_whatever_else_is(ada, twocheckout):
    other = Customer.objects.create(**ADA)
    assert sync.push_due(ada.pk).pushed == 2
    assert sync.push_due(other.pk).tried == 0
    assert sync.push_due(-1).tried == 0


# Pulling.


def test_pull__brings_their_values_and_wakes_nobody(
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
    Customer.objects.settle(sync_state="failed", sync_error="No.")
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
    ada = Customer.objects.create(**ADA, customer_reference=reference, sync_state="synced")
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
    assert (ada.sync_state, ada.in_doubt, ada.lease_until) == ("pending", [], None)


@pytest.mark.parametrize(
    ("fault", "error"), [("503", ServerFailed), ("reset", ConnectionFailed), ("401", AuthenticationFailed)]
)
def test_pull__a_failure_leaves_the_row_as_it_was(pushed, twocheckout, fault, error):
    twocheckout.fail(fault)
    with pytest.raises(error):
        sync.pull(pushed)
    pushed.refresh_from_db()
    assert (pushed.sync_state, pushed.sync_error, pushed.tries, pushed.lease_until) == ("synced", "", 0, None)


def test_pull__a_wake_up_that_found_the_row_taken_is_made_up_for(pushed, sent):
    change(pushed, city="Paris")
    claim = hold(Customer.objects.get(), to_push=False)
    assert sync.push_due(pushed.pk).tried == 0
    sent.clear()
    end_pulls([(claim, exchange.pull(claim, current_client()))])
    assert [message.task for message in sent] == ["twocheckout.push_pending"]


def test_pull__saved_meanwhile_wakes_a_worker(pushed, twocheckout, sent):
    claim = hold(Customer.objects.get(), to_push=False)
    twocheckout.edit(pushed.customer_reference, Phone="555")
    outcome = exchange.pull(claim, current_client())
    change(pushed, city="Paris")
    sent.clear()
    end_pulls([(claim, outcome)])
    assert [message.task for message in sent] == ["twocheckout.push_pending"]
    sync.push_pending()
    pushed.refresh_from_db()
    assert (pushed.phone, pushed.city, pushed.sync_state) == ("555", "Paris", "synced")


# Cards.


@pytest.fixture
def with_cards(pushed, twocheckout):
    twocheckout.add_card(pushed.customer_reference, "Visa", "1111")
    twocheckout.add_card(pushed.customer_reference, "Mastercard", "4444", subscription="SUB-42")
    return pushed


def test_cards__are_fetched_live_and_not_stored(with_cards, twocheckout, django_assert_num_queries):
    with django_assert_num_queries(1):
        visa, mastercard = sync.cards(with_cards)
    assert (str(visa), str(mastercard)) == ("Visa •••• 1111 12/2029", "Mastercard •••• 4444 12/2029")
    assert visa.token
    assert visa.token not in repr(visa)
    assert twocheckout.requests[0].query == {"includePaymentData": "true"}
    assert visa.token not in str(Customer.objects.values().get())


@pytest.mark.parametrize(("shape", "token"), [("objects", "object"), ("objects", "text"), ("texts", "object")])
def test_card__deleted(with_cards, twocheckout, heard, shape, token):
    twocheckout.behaviour.set(card_shape=shape, card_token=token)
    visa = sync.cards(with_cards)[0]
    sync.delete_card(with_cards, visa.token)
    assert twocheckout.cards(with_cards.customer_reference) == ["Mastercard 4444"]
    assert len(with_cards.existing_cards) == 1
    assert heard[-1][0] == "card_deleted"
    assert visa.token not in str(Customer.objects.values().get())


@pytest.mark.parametrize("shape", ["rest", "rpc"])
def test_card__refused(with_cards, twocheckout, shape):
    twocheckout.behaviour.card_refusal = shape
    mastercard = sync.cards(with_cards)[1]
    with pytest.raises(CardNotDeleted) as caught:
        sync.delete_card(with_cards, mastercard.token)
    assert caught.value.words == "Subscription SUB-42: The card is used by an active subscription (SIM_CARD_IN_USE)"
    assert mastercard.token not in str(caught.value)
    with_cards.refresh_from_db()
    assert with_cards.lease_until is None


def test_card__gone_already_is_success(with_cards):
    visa = sync.cards(with_cards)[0]
    sync.delete_card(with_cards, visa.token)
    sync.delete_card(with_cards, visa.token)
    assert len(with_cards.existing_cards) == 1


def test_card__deleted_but_the_list_cannot_be_fetched(with_cards, twocheckout, caplog):
    visa = sync.cards(with_cards)[0]
    twocheckout.fail("503", method="GET")
    sync.delete_card(with_cards, visa.token)
    assert twocheckout.cards(with_cards.customer_reference) == ["Mastercard 4444"]
    assert "list not re-fetched" in caplog.text


def test_cards__of_a_customer_that_2checkout_does_not_have(ada, pushed, twocheckout):
    nobody = Customer.objects.create(**ADA)
    with pytest.raises(NotFound):
        sync.cards(nobody)
    with pytest.raises(NotFound):
        sync.delete_card(nobody, "t")
    twocheckout.forget(pushed.customer_reference)
    with pytest.raises(NotFound):
        sync.delete_card(pushed, "t")
    pushed.refresh_from_db()
    assert pushed.lease_until is None


def asked(vendor):
    """The requests by what they are, without references."""
    return [
        "account" if "/account/" in request.path else "signed on" if "ssotoken" in request.query else request.method
        for request in vendor.requests
    ]


def test_cards__signed_on_only_where_a_token_is_missing(with_cards, twocheckout):
    assert all(card.token for card in sync.cards(with_cards))
    assert asked(twocheckout) == ["GET"]


@pytest.mark.parametrize("answer", ["link", "object", "token"])
def test_cards__tokens_by_single_sign_on(with_cards, twocheckout, answer):
    twocheckout.behaviour.set(card_token="none", sign_on_answer=answer)
    visa, mastercard = sync.cards(with_cards)
    assert asked(twocheckout) == ["GET", "account", "signed on"]
    assert (str(visa), str(mastercard)) == ("Visa •••• 1111 12/2029", "Mastercard •••• 4444 12/2029")
    sync.delete_card(with_cards, visa.token)
    assert twocheckout.cards(with_cards.customer_reference) == ["Mastercard 4444"]
    with pytest.raises(CardNotDeleted):
        sync.delete_card(with_cards, mastercard.token)


def test_cards__listed_by_single_sign_on_alone(with_cards, twocheckout):
    twocheckout.behaviour.set(cards_by_sign_on_only=True, card_names_subscription=True)
    visa, mastercard = sync.cards(with_cards)
    assert (visa.subscriptions, mastercard.subscriptions) == ((), ("SUB-42",))
    assert visa.token


def test_cards__single_sign_on_switched_off(with_cards, twocheckout, settings):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "CARDS_BY_SSO": False}
    twocheckout.behaviour.card_token = "none"
    assert [(card.token, card.reason) for card in sync.cards(with_cards)] == [("", ""), ("", "")]
    assert asked(twocheckout) == ["GET"]


@pytest.mark.parametrize(
    ("switches", "reason"),
    [
        ({"sign_on": False}, "Not found (SIM_NO_SUCH_PATH)"),
        ({"sign_on_answer": "nothing"}, "holds no token"),
        ({"sign_on_seconds": -1}, "The token … is not valid (SIM_SIGN_ON_TOKEN)"),
    ],
)
def test_cards__what_fails_the_second_way_hides_nothing(with_cards, twocheckout, caplog, switches, reason):
    twocheckout.behaviour.set(card_token="none", **switches)
    visa, mastercard = sync.cards(with_cards)
    assert (str(visa), str(mastercard)) == ("Visa •••• 1111 12/2029", "Mastercard •••• 4444 12/2029")
    assert (visa.token, mastercard.token) == ("", "")
    assert reason in visa.reason
    assert "no card tokens by single sign-on" in caplog.text
    assert not any(token in caplog.text + visa.reason + repr(visa) for token in twocheckout._sign_ons)


S1, S2, NAMELESS = Card("Visa", "1111", "01/2030", "", ("S-1",)), Card("Visa", "1111", "01/2030", "", ("S-2",)), ()


def told(card, token="", subscriptions=None):
    """The card as the second way tells of it."""
    return replace(card, token=token, subscriptions=card.subscriptions if subscriptions is None else subscriptions)


@pytest.mark.parametrize(
    ("cards", "signed_on", "tokens"),
    [
        # In another order, and told apart by what they pay for.
        ([S1, S2], [told(S2, "b"), told(S1, "a")], ["a", "b"]),
        # The second way does not say which is which, or says it of more than one.
        ([S1, S2], [told(S1, "b", NAMELESS), told(S1, "a", NAMELESS)], ["", ""]),
        ([S1, S2], [told(S1, "a"), told(S1, "b")], ["", ""]),
        ([S1, S2], [told(S1, "a")], ["a", ""]),
        # Only the second way tells them apart, so the first way's are any of them.
        ([told(S1, "", NAMELESS)] * 2, [told(S2, "b"), told(S1, "a")], ["b", "a"]),
        # One that the first way does not know.
        ([S1], [told(S1, "a", NAMELESS), Card("Visa", "2222", "01/2030", "c")], ["a", "c"]),
        # Nothing is known of either, so nothing says that they are the same.
        ([Card(reason="")], [Card(token="x")], ["", "x"]),
    ],
)
def test_cards__like_ones_never_get_each_others_token(cards, signed_on, tokens):
    joined = _joined(cards, signed_on)
    assert [card.token for card in joined] == tokens
    for card in joined:
        [theirs] = [one for one in signed_on if one.token == card.token] or [card]
        assert not theirs.subscriptions or card.subscriptions == theirs.subscriptions


def test_cards__like_ones_say_why_they_have_no_token():
    first, _second = _joined([S1, S2], [told(S1, "b", NAMELESS), told(S1, "a", NAMELESS)])
    assert first.reason == "several cards look alike."


def test_cards__the_first_way_fails(with_cards, twocheckout):
    twocheckout.fail("503")
    with pytest.raises(ServerFailed):
        sync.cards(with_cards)
    assert asked(twocheckout) == ["GET"]


def test_cards__signed_on_as_another_customer(pushed, responses, settings):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "BASE_URL": BASE}
    bare = {"CardType": "Visa", "LastDigits": "1111", "ExpirationDate": "12/2029"}
    theirs = {**answers.CUSTOMER, "CustomerReference": pushed.customer_reference, "ExistingCards": [bare]}
    responses.get(f"{BASE}customers/{pushed.customer_reference}/?includePaymentData=true", json=theirs)
    responses.get(f"{BASE}customers/{pushed.customer_reference}/account/payment_methods/", json=answers.SIGN_ON_LINK)
    another = {**answers.CUSTOMER, "CustomerReference": "7", "ExistingCards": [answers.CARD]}
    responses.get(f"{BASE}customers/?ssotoken={answers.SIGN_ON_TOKEN}", json=another)
    [card] = sync.cards(pushed)
    assert (card.token, "another customer" in card.reason) == ("", True)


def test_cards__a_token_goes_to_no_other_card(pushed, responses, settings):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "BASE_URL": BASE}
    address = f"{BASE}customers/{pushed.customer_reference}/"
    customer = {**answers.CUSTOMER, "CustomerReference": pushed.customer_reference}
    first = [{"CardType": "Visa", "LastDigits": "1111"}, {"CardType": "Visa", "LastDigits": "2222", "Token": "t-2"}]
    second = [{"CardType": "Visa", "LastDigits": "3333", "Token": "t-3"}, {**first[1], "Token": "t-2b"}]
    responses.get(f"{address}?includePaymentData=true", json={**customer, "ExistingCards": first})
    responses.get(f"{address}account/payment_methods/", json=answers.SIGN_ON_LINK)
    responses.get(f"{BASE}customers/", json={**customer, "ExistingCards": second})
    assert [(card.last_digits, card.token) for card in sync.cards(pushed)] == [
        ("1111", ""),
        ("2222", "t-2"),
        ("3333", "t-3"),
    ]


def test_cards__answered_with_another_customer(pushed, responses, settings):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "BASE_URL": BASE}
    responses.get(
        f"{BASE}customers/{pushed.customer_reference}/?includePaymentData=true",
        json={**answers.CUSTOMER, "CustomerReference": "7"},
    )
    with pytest.raises(UnreadableAnswer):
        sync.cards(pushed)


# Nothing told.


def test_logs__tell_no_personal_data_nor_secret(ada, twocheckout, caplog):
    caplog.set_level(logging.DEBUG)
    twocheckout.fail("reset-after-commit")
    sync.push(ada)
    sync.push(ada)
    twocheckout.add_card(ada.customer_reference)
    change(ada, company="Engines", fiscal_code="INVALID")
    sync.push(ada)
    token = sync.cards(ada)[0].token
    sync.delete_card(ada, token)
    with pytest.raises(TwoCheckoutError):
        sync.delete_card(ada, "")
    told = caplog.text + "".join(str(vars(record)) for record in caplog.records if record.name == "twocheckout")
    assert "pushed" in told
    for private in ("Ada", "Lovelace", "London", "ada@example.org", "SW1Y", "SECRET_KEY", token):
        assert private not in told


def test_signals__a_listener_that_fails_harms_nobody(ada, twocheckout):
    def fail(sender, **facts):
        raise ZeroDivisionError

    signals.customer_pushed.connect(fail)
    try:
        assert sync.push(ada).sync_state == "synced"
    finally:
        signals.customer_pushed.disconnect(fail)


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_2checkout_is_asked(twocheckout, monkeypatch):
    ada = Customer.objects.create(**ADA)
    seen = []
    create = TwoCheckoutClient.create_customer

    def spy(client, information):
        seen.append(connection.in_atomic_block)
        return create(client, information)

    monkeypatch.setattr(TwoCheckoutClient, "create_customer", spy)
    sync.push(ada)
    assert (seen, ada.sync_state) == ([False], "synced")


def test_pull__that_cannot_be_written_is_no_success(pushed, twocheckout, monkeypatch):
    twocheckout.edit(pushed.customer_reference, FirstName="Eve")

    def fails(*arguments):
        raise OperationalError

    monkeypatch.setattr(rows, "_settle_one", fails)
    monkeypatch.setattr(rows, "_settle_together", fails)
    with pytest.raises(CustomerBusy):
        sync.pull(pushed)
    assert sync.pull_each([pushed.pk]).pushed == 0
