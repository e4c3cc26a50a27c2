from __future__ import annotations

import json
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone

from django_twocheckout import sync
from django_twocheckout.client import TwoCheckoutClient
from django_twocheckout.conf import ConfigurationError
from django_twocheckout.flows.push import push_due
from django_twocheckout.models import Customer
from django_twocheckout.testing import Fault

from .. import answers
from ..clock import leases_expire, retries_come_due
from ..customers import ADA, change, claim_of
from ..vendor_log import methods

# Creating.


def test_push__creates(ada, twocheckout, heard):
    assert sync.push(ada) is ada

    [theirs] = twocheckout.customers
    assert ada.customer_reference == theirs["CustomerReference"]
    assert (ada.sync_state, ada.sync_error, ada.in_doubt, ada.failed_attempts) == ("synced", "", [], 0)
    assert ada.pushed_at is not None
    assert (theirs["FirstName"], theirs["ExternalCustomerReference"]) == ("Ada", ada.external_customer_reference)
    assert methods(twocheckout) == ["POST"]
    [(name, facts)] = heard
    assert (name, facts["customer"], facts["created"]) == ("customer_pushed", ada, True)


@pytest.mark.parametrize("shape", ["number", "text", "object"])
def test_push__creates_with_every_shape_of_the_answer(ada, twocheckout, shape):
    twocheckout.behaviour.create_answer = shape
    assert sync.push(ada).customer_reference == "601952421"


@pytest.mark.parametrize("algorithm", ["sha256", "sha3-256"])
def test_push__with_either_hash(ada, twocheckout, configure, algorithm):
    configure(HASH_ALGORITHM=algorithm)
    assert sync.push(ada).sync_state == "synced"
    assert f'algo="{algorithm}"' in twocheckout.requests[0].headers["X_AVANGATE_AUTHENTICATION"]


@pytest.mark.parametrize(
    "fault", ["reset-after-commit", "500-after-commit", "not-json", "half-body", "huge"]
)  # all of them after 2Checkout carried it out
def test_push__a_create_with_unknown_result_is_looked_up_and_adopted(ada, twocheckout, fault):
    twocheckout.fail(fault)
    sync.push(ada)
    assert (ada.sync_state, len(ada.in_doubt), ada.failed_attempts, ada.customer_reference) == ("pending", 1, 1, None)
    assert ada.sync_error
    assert ada.next_attempt_at > timezone.now()

    sync.push(ada)

    assert (ada.sync_state, ada.in_doubt, ada.failed_attempts) == ("synced", [], 0)
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


def test_push__a_create_with_unknown_result_and_a_change_since(ada, twocheckout):
    twocheckout.fail("reset-after-commit")
    sync.push(ada)
    twocheckout.edit(ada.external_customer_reference, Phone="555")
    change(ada, city="Paris", external_customer_reference="dj-changed")

    sync.push(ada)

    [theirs] = twocheckout.customers
    assert (theirs["City"], theirs["Phone"], theirs["ExternalCustomerReference"]) == ("Paris", "555", "dj-changed")
    assert (ada.phone, ada.sync_state) == ("555", "synced")


def test_push__killed_in_the_middle_of_a_create(ada, twocheckout):
    # The row as a worker leaves it that died after its POST: claimed, sent, and never settled.
    claim = claim_of(Customer.objects.get())
    twocheckout.add_customer(**claim.local)
    assert sync.push(ada).sync_state == "pending"  # the lease still stands
    assert twocheckout.requests == []

    leases_expire()
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


def test_push__two_rows_with_one_customer(pushed, twocheckout):
    twin = Customer.objects.create(**ADA)
    Customer.objects.filter(pk=twin.pk).update_unmarked(
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
def test_push__conflict(pushed, twocheckout, configure, heard, winner, city):
    configure(CONFLICT=winner)
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
def test_push__both_sides_agree_however_2checkout_answers(pushed, twocheckout, put, blanks, language):
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


def test_push__without_reading_first(pushed, twocheckout, configure):
    configure(READ_BEFORE_WRITE=False, END_USER_UPDATE=True)
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


def test_push__keeps_what_was_assigned_and_not_saved(pushed):
    pushed.city = "Paris"
    Customer.objects.update_unmarked(phone="555")
    sync.push(pushed)
    assert (pushed.city, pushed.phone) == ("Paris", "555")


def test_push__row_is_gone(ada, twocheckout):
    Customer.objects.all().delete()
    with pytest.raises(Customer.DoesNotExist):
        sync.push(ada)


def test_push__customer_gone_at_2checkout(pushed, twocheckout):
    twocheckout.forget(pushed.customer_reference)
    change(pushed, city="Paris")
    sync.push(pushed)
    assert pushed.sync_state == "failed"
    assert "There is no such customer" in pushed.sync_error
    assert twocheckout.customers == []


def test_push__answered_with_another_customer(pushed, twocheckout, responses, configure):
    configure(BASE_URL=answers.BASE_URL)
    responses.get(
        f"{answers.BASE_URL}customers/{pushed.customer_reference}/", json={**answers.CUSTOMER, "CustomerReference": "7"}
    )
    change(pushed, city="Paris")
    sync.push(pushed)
    assert (pushed.sync_state, pushed.customer_reference) == ("pending", "601952421")
    assert "another customer" in pushed.sync_error


# Refusals.


@pytest.mark.parametrize("status", [400, 409, 422])
def test_refused__fails_with_2checkouts_words_and_is_not_tried_again(pushed, twocheckout, heard, status):
    twocheckout.behaviour.invalid_field_status = status
    change(pushed, company="Engines", fiscal_code="INVALID")

    sync.push(pushed)

    assert pushed.sync_state == "failed"
    assert pushed.sync_error == "The fiscal code is not a valid VAT ID (SIM_INVALID_FISCAL_CODE)"
    assert (heard[-1][0], heard[-1][1]["final"]) == ("customer_push_failed", True)
    retries_come_due()
    sync.push_pending()
    push_due(pushed.pk)
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


@pytest.mark.parametrize(
    "echo",
    [{"Credit": []}, {"Credit": ""}, {"Credit": None}, {"Enabled": ""}, {"Trial": ""}, {"ExistingCards": {}}],
)
def test_push__blanks_of_every_kind(pushed, twocheckout, echo):
    change(pushed, city="Paris")
    twocheckout.fail(Fault(200, json.dumps({**twocheckout.customers[0], **echo})), method="GET")
    sync.push(pushed)
    assert (pushed.sync_state, pushed.sync_error) == ("synced", "")


def test_due__pushes_this_row_and_whatever_else_is(ada, twocheckout):
    other = Customer.objects.create(**ADA)
    assert push_due(ada.pk).pushed == 2
    assert push_due(other.pk).tried == 0
    assert push_due(-1).tried == 0


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
