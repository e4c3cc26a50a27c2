"""Answers of 2Checkout that leave something out, cannot be read in part, or list more than anybody has."""

from __future__ import annotations

import json

import pytest

from django_twocheckout import sync
from django_twocheckout.exceptions import UnreadableAnswer
from django_twocheckout.merge import REQUIRED
from django_twocheckout.models import Customer
from django_twocheckout.testing import Fault
from django_twocheckout.wire import ATTRIBUTES, MOST_CARDS, CustomerInformationSerializer

from ..customers import ADA, change
from ..vendor_log import put_bodies


@pytest.mark.parametrize("blank", [None, "", "  "])
@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_pull__a_required_field_that_comes_blank_is_left_as_it_is(pushed, answer, twocheckout, name, blank):
    answer(**{name: blank, "Phone": "555"})
    sync.pull(pushed)

    assert (getattr(pushed, ATTRIBUTES[name]), pushed.phone) == (ADA[ATTRIBUTES[name]], "555")
    assert (pushed.sync_state, pushed.acknowledged[ATTRIBUTES[name]]) == ("synced", ADA[ATTRIBUTES[name]])
    sync.push(pushed)
    assert put_bodies(twocheckout) == []


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_push__a_required_field_that_comes_blank_is_sent_as_ours(pushed, answer, twocheckout, blank):
    pushed.city = "Paris"
    pushed.save()
    answer(Email=blank, Zip=blank, Phone="555")
    sync.push(pushed)

    [body] = put_bodies(twocheckout)
    assert (body["Email"], body["Zip"], body["City"]) == (ADA["email"], ADA["zip"], "Paris")
    assert (pushed.email, pushed.zip, pushed.phone, pushed.sync_state) == (ADA["email"], ADA["zip"], "555", "synced")


def test_an_answer_of_blanks_is_refused(pushed, answer, twocheckout):
    answer(**dict.fromkeys(REQUIRED))
    with pytest.raises(UnreadableAnswer, match="without name"):
        sync.pull(pushed)
    pushed.city = "Paris"
    pushed.save()
    answer(**dict.fromkeys(REQUIRED, " "))
    sync.push(pushed)

    assert (put_bodies(twocheckout), pushed.sync_state, pushed.first_name) == ([], "pending", "Ada")
    assert "without name, address and e-mail" in pushed.sync_error


@pytest.mark.parametrize("state", [{}, {"Status": "DELETED"}, {"Phone": "555"}])
def test_an_answer_of_a_reference_alone_is_no_customer(pushed, twocheckout, state):
    body = json.dumps({"CustomerReference": int(pushed.customer_reference), **state})
    twocheckout.fail(Fault(200, body), method="GET", times=4)
    with pytest.raises(UnreadableAnswer):
        sync.pull(pushed)
    with pytest.raises(UnreadableAnswer):
        sync.find(pushed.customer_reference)
    with pytest.raises(UnreadableAnswer):
        sync.add(pushed.customer_reference)
    change(pushed, city="Paris")
    sync.push(pushed)

    assert (put_bodies(twocheckout), pushed.sync_state, pushed.phone) == ([], "pending", "")


def test_push__unknown_fields_are_not_sent_back(pushed, answer, twocheckout):
    change(pushed, city="Paris")
    answer(Status="ACTIVE", Deleted=False, Avangate=[1], Enabled=True, Credit={"Limit": 5, "Currency": "EUR"})
    sync.push(pushed)

    [body] = put_bodies(twocheckout)
    assert body.keys() <= CustomerInformationSerializer().fields.keys()
    assert (body["Credit"], body["City"]) == ({"Limit": 5, "Currency": "EUR"}, "Paris")


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b"])
@pytest.mark.parametrize("name", ["FirstName", "Company", "CountryCode", "Email"])
def test_push__ours_replaces_what_is_no_text(pushed, answer, twocheckout, name, text):
    change(pushed, city="Paris")
    answer(**{name: text})
    sync.push(pushed)

    assert (pushed.sync_state, pushed.sync_error, pushed.city) == ("synced", "", "Paris")
    assert twocheckout.customers[0][name].upper() == getattr(pushed, ATTRIBUTES[name]).upper()


def test_pull__a_country_beyond_ascii_is_no_other_country(pushed, answer):
    answer(CountryCode="ß")
    sync.pull(pushed)
    assert pushed.country_code != "SS"


def test_resolve__a_blank_without_meaning_cannot_be_chosen(pushed, answer):
    Customer.objects.update_unmarked(acknowledged={}, sync_state="failed")
    answer(Email="")
    resolution = sync.resolve(pushed, {"Email": sync.Choice("remote", ADA["email"], "")})

    assert (pushed.email, pushed.sync_state) == (ADA["email"], "failed")
    assert (resolution.adopted, resolution.stale) == (frozenset(), {"Email"})


def test_unreadable_parts_keep_nothing_else_from_being_synced(pushed, answer, twocheckout, caplog):
    Customer.objects.update_unmarked(credit_limit=5, enabled=True)
    company = "x" * 300
    twocheckout.edit(pushed.customer_reference, Company=company)
    answer(Company=company, Credit={"Limit": "1,234.50"}, Enabled="maybe", Fax={"a": 1}, Phone="555")
    sync.pull(pushed)
    assert (pushed.phone, pushed.company, pushed.fax) == ("555", "", "")
    assert (pushed.credit_limit, pushed.enabled, pushed.sync_state) == (5, True, "synced")
    assert "unreadable Company, Credit, Enabled and Fax" in caplog.text
    assert "xxx" not in caplog.text

    pushed.city = "Paris"
    pushed.save()
    sync.push(pushed)
    assert (twocheckout.customers[0]["City"], twocheckout.customers[0]["Company"]) == ("Paris", company)
    pushed.company = "Engines"
    pushed.save()
    sync.push(pushed)
    assert (twocheckout.customers[0]["Company"], pushed.sync_state) == ("Engines", "synced")


def test_pull__thousands_of_cards(pushed, answer):
    answer(ExistingCards=["a", 5, [], {"a": {"b": {}}}] * 5000)
    sync.pull(pushed)
    assert (len(pushed.existing_cards), pushed.sync_state) == (MOST_CARDS, "synced")
