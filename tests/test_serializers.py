from __future__ import annotations

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_twocheckout.exceptions import NotSent, UnreadableAnswer
from django_twocheckout.merge import differing
from django_twocheckout.models import Customer
from django_twocheckout.serializers import (
    Card,
    CustomerInformationSerializer,
    check_sendable,
    information,
    read,
    read_cards,
)

from . import answers
from .conftest import ADA


def test_every_pushed_field_has_its_place_in_the_wire_format():
    sources = {field.source for field in CustomerInformationSerializer().fields.values()}

    assert sources >= Customer.PUSHED_FIELDS
    assert len(information(vars(Customer()))) == len(Customer.PUSHED_FIELDS) == 15


def test_information__is_what_is_ours_to_send():
    assert information(vars(Customer(**ADA, external_customer_reference="dj-1"))) == {
        "ExternalCustomerReference": "dj-1",
        "FirstName": "Ada",
        "LastName": "Lovelace",
        "Company": "",
        "FiscalCode": "",
        "Address1": "12 St James Square",
        "Address2": "",
        "City": "London",
        "State": "",
        "Zip": "SW1Y 4JH",
        "CountryCode": "GB",
        "Phone": "",
        "Fax": "",
        "Email": "ada@example.org",
        "Language": "en",
    }


def test_data__is_the_whole_object():
    cards = [{"type": "Visa", "last_digits": "1111", "expiry": "12/2029"}]
    customer = Customer(**ADA, customer_reference="1", existing_cards=cards, credit_limit=Decimal("5.50"))

    data = CustomerInformationSerializer(customer).data

    assert data["CustomerReference"] == "1"
    assert data["ExistingCards"] == [{"CardType": "Visa", "LastDigits": "1111", "Expiry": "12/2029"}]
    assert data["Credit"] == {"Limit": 5.5, "Remaining": None, "Currency": ""}


def test_read__a_captured_answer():
    theirs = read(answers.CUSTOMER)

    assert theirs.reference == "601952421"
    assert theirs.shared["country_code"] == "GB"
    assert theirs.shared["external_customer_reference"] == ""
    assert theirs.owned == {"enabled": False, "trial": False, "existing_cards": []}


@pytest.mark.parametrize(
    "names",
    [
        {"CustomerReference": 601952421},
        {"AvangateCustomerReference": "601952421"},
        {"AvangateCustomerReference": 601952421},
        {"CustomerReference": None, "AvangateCustomerReference": 601952421},
        {"CustomerReference": "601952421", "AvangateCustomerReference": "something older"},
    ],
)
def test_read__either_name_of_the_reference(names):
    assert read(names).reference == "601952421"


def test_read__nulls_and_numbers_as_texts():
    credit = {"Limit": "51.0", "Remaining": 21.005, "Currency": None}
    theirs = read({"Phone": 555, "Fax": None, "Enabled": None, "Trial": None, "Credit": credit, "ExistingCards": None})

    assert theirs.shared == {"phone": "555", "fax": ""}
    assert theirs.owned == {
        "existing_cards": [],
        "credit_limit": Decimal("51.00"),
        "credit_remaining": Decimal("21.00"),
        "credit_currency": "",
    }
    assert read({"Credit": None}).owned == {}


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        ({"FirstName": "x" * 256}, "FirstName"),
        ({"FirstName": True}, "FirstName"),
        ({"City": ["a"]}, "City"),
        ({"CountryCode": "ROU"}, "CountryCode"),
        ({"Zip": "a\x00b"}, "Zip"),
        ({"Enabled": "perhaps"}, "Enabled"),
        ({"Credit": {"Limit": "much"}}, "Credit"),
        ({"Credit": {"Limit": "NaN"}}, "Credit"),
        ({"Credit": {"Limit": 1e300}}, "Credit"),
        ({"Credit": {"Limit": True}}, "Credit"),
        ({"Credit": "none"}, "Credit"),
        ({"City": {}, "Fax": []}, "City and Fax"),
    ],
)
def test_read__names_what_cannot_be_stored(answer, named):
    with pytest.raises(UnreadableAnswer, match=f"unreadable {named}$"):
        read(answer)


# Cards.


@pytest.mark.parametrize(
    ("cards", "expected"),
    [
        (None, []),
        ([], []),
        ("none", []),
        ({}, []),
        (["t-1", "", None], [Card(token="t-1")]),
        ([answers.CARD], [Card("Visa", "1111", "12/2029", "t-1")]),
        ([{"CardType": "Visa", "TransientToken": "t-1"}], [Card("Visa", token="t-1")]),
        ([{"CardType": "Visa", "TransientToken": None}], [Card("Visa")]),
        ([{"CardType": "Visa", "TransientToken": {"Token": None}}], [Card("Visa")]),
        ([{"CardType": "Visa", "Token": "t-1"}], [Card("Visa", token="t-1")]),
        ([{"CardNumber": "4111 1111 1111 1234"}], [Card(last_digits="1234")]),
        ([{"ExpirationMonth": 3, "ExpirationYear": 2030}], [Card(expiry="03/2030")]),
        ([{"CardType": "Visa", "SubscriptionReference": "S1"}], [Card("Visa", subscriptions=("S1",))]),
        ([{"SubscriptionReferences": ["S1", None, 2]}], [Card(subscriptions=("S1", "2"))]),
        ([{"Subscriptions": [{"SubscriptionReference": "S1"}, {}, []]}], [Card(subscriptions=("S1",))]),
    ],
)
def test_cards__every_shape(cards, expected):
    assert read_cards({"ExistingCards": cards}) == expected
    assert read_cards({}) == []


@pytest.mark.parametrize("cards", [["t-secret"], [{"TransientToken": {"Token": "t-secret"}}], [{"Token": "t-secret"}]])
def test_cards__tokens_are_never_stored_nor_shown(cards):
    stored = read({"ExistingCards": cards}).owned["existing_cards"]

    assert len(stored) == 1
    assert "t-secret" not in repr(stored) + repr(read_cards({"ExistingCards": cards})) + str(read_cards({})[:1])


def test_cards__are_read_by_people():
    assert str(Card("Visa", "1111", "12/2029", "t")) == "Visa •••• 1111 12/2029"
    assert str(Card(token="t")) == "Card"


# Sending.

COMPLETE = information(vars(Customer(**ADA, external_customer_reference="dj-1")))


def test_sendable():
    check_sendable(COMPLETE, COMPLETE)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"FirstName": ""}, "FirstName is required."),
        ({"ExternalCustomerReference": ""}, "ExternalCustomerReference is required."),
        ({"FirstName": "", "Zip": ""}, "FirstName is required. Zip is required."),
        ({"CountryCode": "XX"}, "CountryCode is refused: “XX” is not a two-letter ISO 3166 country code."),
        ({"City": "x" * 256}, "City is refused: Ensure this value has at most 255 characters (it has 256)."),
        ({"Email": "nobody"}, "Email is refused: Enter a valid email address."),
        ({"Language": "english"}, "Language is refused: Use a two-letter ISO 639-1 language code, such as “en”."),
        ({"FiscalCode": "RO1"}, "Company is required when there is a FiscalCode."),
        ({"ExternalCustomerReference": ".."}, "A reference must not be made of dots"),
        ({"ExternalCustomerReference": "12345"}, "A reference of digits alone could be mistaken"),
    ],
)
def test_sendable__names_every_field_that_is_not(change, words):
    with pytest.raises(NotSent) as caught:
        check_sendable({**COMPLETE, **change}, COMPLETE)
    assert words in caught.value.words
    assert "x" * 256 not in str(caught.value)


def test_sendable__what_2checkout_has_already_is_not_our_business():
    check_sendable({**COMPLETE, "Zip": "", "CountryCode": "XX"}, {"City"})


# The round trip.

texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
pushed = st.fixed_dictionaries(dict.fromkeys(sorted(Customer.PUSHED_FIELDS - {"country_code", "language"}), texts))


@given(pushed, st.sampled_from(["", "RO", "us"]), st.sampled_from(["", "en"]))
def test_round_trip(fields, country, language):
    customer = Customer(**fields, country_code=country, language=language)

    sent = information(vars(customer))
    back = Customer(**read({**sent, "CountryCode": sent["CountryCode"].lower()}).shared)

    assert information(vars(back)) == sent
    assert not differing(information(vars(back)), sent)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["FirstName", "ExistingCards", "Credit"]), inner),
)


@given(st.dictionaries(st.sampled_from(["FirstName", "ExistingCards", "Credit", "Enabled", "Other"]), anything))
def test_read__whatever_comes_ends_in_a_value_or_our_error(answer):
    with contextlib.suppress(UnreadableAnswer):
        read(answer)
