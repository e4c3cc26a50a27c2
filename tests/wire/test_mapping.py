from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from django_twocheckout.merge import REQUIRED, changed_fields, normalise
from django_twocheckout.models import Customer
from django_twocheckout.wire import (
    ATTRIBUTES,
    parse,
    to_wire,
)

from ..customers import ADA


def test_to_wire__is_what_is_ours_to_send():
    assert to_wire(vars(Customer(**ADA, external_customer_reference="dj-1"))) == {
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


def test_required_fields_have_one_list():
    assert {ATTRIBUTES[name] for name in REQUIRED} == set(Customer.REQUIRED_FIELDS)


# The round trip.


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)


pushed = st.fixed_dictionaries(dict.fromkeys(sorted(Customer.PUSHED_FIELDS - {"country_code", "language"}), texts))


@given(pushed, st.sampled_from(["", "RO", "us"]), st.sampled_from(["", "en"]))
def test_round_trip(fields, country, language):
    customer = Customer(**fields, country_code=country, language=language)

    sent = to_wire(vars(customer))
    assume(any(normalise(name, sent[name]) for name in REQUIRED))
    back = Customer(**parse({**sent, "CountryCode": sent["CountryCode"].lower()}).shared)

    assert to_wire(vars(back)) == {name: normalise(name, value) for name, value in sent.items()}
    assert not changed_fields(to_wire(vars(back)), sent)
