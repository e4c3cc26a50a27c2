from __future__ import annotations

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_twocheckout.exceptions import UnreadableAnswer
from django_twocheckout.merge import REQUIRED
from django_twocheckout.wire import (
    ATTRIBUTES,
    parse,
)

from .. import answers


def test_parse__a_captured_answer():
    theirs = parse(answers.CUSTOMER)

    assert theirs.reference == "601952421"
    assert theirs.shared["country_code"] == "GB"
    assert theirs.shared["external_customer_reference"] == ""
    assert theirs.owned == {"enabled": False, "trial": False}


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
def test_parse__either_name_of_the_reference(names):
    assert parse(names).reference == "601952421"


def test_parse__nulls_and_numbers_as_texts():
    credit = {"Limit": "51.0", "Remaining": 21.005, "Currency": None}
    theirs = parse({"Phone": 555, "Fax": None, "Enabled": None, "Trial": None, "Credit": credit, "ExistingCards": None})

    assert theirs.shared == {"phone": "555", "fax": ""}
    assert theirs.owned == {
        "credit_limit": Decimal("51.00"),
        "credit_remaining": Decimal("21.00"),
        "credit_currency": "",
    }
    assert parse({"Credit": None}).owned == {}


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        ({"FirstName": "x" * 256}, "FirstName"),
        ({"FirstName": True}, "FirstName"),
        ({"City": ["a"]}, "City"),
        ({"CountryCode": "ROU"}, "CountryCode"),
        ({"Zip": "a\x00b"}, "Zip"),
        ({"Enabled": "perhaps"}, "Enabled"),
        ({"Trial": {}}, "Trial"),
        ({"Credit": {"Limit": "much"}}, "Credit"),
        ({"Credit": {"Limit": "1,234.50", "Currency": "EUR"}}, "Credit"),
        ({"Credit": {"Currency": "x" * 300}}, "Credit"),
        ({"Credit": {"Limit": "NaN"}}, "Credit"),
        ({"Credit": {"Limit": 1e300}}, "Credit"),
        ({"Credit": {"Limit": True}}, "Credit"),
        ({"Credit": "none"}, "Credit"),
        ({"City": {}, "Fax": []}, "City and Fax"),
    ],
)
def test_parse__leaves_out_what_cannot_be_stored(answer, named, caplog):
    theirs = parse({**answers.CUSTOMER, "State": "Kent", "Trial": True, **answer})

    assert theirs.unreadable == set(answer)
    assert theirs.shared["state"] == "Kent"
    assert theirs.reference == answers.CUSTOMER["CustomerReference"]
    assert not {ATTRIBUTES.get(name, name.lower()) for name in answer} & (theirs.shared.keys() | theirs.owned.keys())
    assert not any(name.startswith("credit") for name in theirs.owned)
    assert theirs.readable({"State": "Kent", **answer}) == {"State": "Kent"}
    [record] = caplog.records
    assert record.getMessage() == f"2Checkout's answer has an unreadable {named}, left as it was"


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        ({"CustomerReference": "1" * 65}, "CustomerReference"),
        ({"AvangateCustomerReference": ["1"], "City": {}}, "City and CustomerReference"),
        ([], "shape"),
        (None, "shape"),
        ("no", "shape"),
    ],
)
def test_parse__an_unreadable_reference_is_an_error(answer, named):
    with pytest.raises(UnreadableAnswer, match=f"unreadable {named}$"):
        parse(answer)


@pytest.mark.parametrize("blank", [None, "", "  ", []])
def test_parse__a_customer_of_blanks_is_no_customer(blank):
    with pytest.raises(UnreadableAnswer, match="without name, address and e-mail"):
        parse({**answers.CUSTOMER, **dict.fromkeys(REQUIRED, blank)}).require_identity()
    theirs = parse({**answers.CUSTOMER, **dict.fromkeys(REQUIRED - {"Zip"}, blank)})
    assert theirs.shared["zip"] == answers.CUSTOMER["Zip"]
    assert not theirs.shared.get("email")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["FirstName", "ExistingCards", "Credit"]), inner),
)


@given(st.dictionaries(st.sampled_from(["FirstName", "ExistingCards", "Credit", "Enabled", "Other"]), anything))
def test_parse__every_answer_ends_in_a_value_or_our_error(answer):
    with contextlib.suppress(UnreadableAnswer):
        parse(answer)
