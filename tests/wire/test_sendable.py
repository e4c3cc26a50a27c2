from __future__ import annotations

import pytest

from django_twocheckout.exceptions import NotSent
from django_twocheckout.models import Customer
from django_twocheckout.wire import (
    check_sendable,
    to_wire,
)

from ..customers import ADA

COMPLETE = to_wire(vars(Customer(**ADA, external_customer_reference="dj-1")))


def test_sendable():
    check_sendable(COMPLETE, COMPLETE)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"FirstName": ""}, "FirstName is required."),
        ({"Email": "  "}, "Email is required."),
        ({"ExternalCustomerReference": ""}, "ExternalCustomerReference is required."),
        ({"FirstName": "", "Zip": ""}, "FirstName is required. Zip is required."),
        ({"CountryCode": "XX"}, "CountryCode is refused: “XX” is not a two-letter ISO 3166 country code."),
        ({"City": "x" * 256}, "City is refused: Ensure this value has at most 255 characters (it has 256)."),
        ({"Email": "nobody"}, "Email is refused: Enter a valid email address."),
        ({"Language": "english"}, "Language is refused: Use a two-letter ISO 639-1 language code, such as “en”."),
        ({"FiscalCode": "RO1"}, "Company is required when there is a FiscalCode."),
        ({"ExternalCustomerReference": ".."}, "A reference must not be made of dots"),
        ({"CountryCode": "ß"}, "CountryCode is refused: “ß” is not"),
        ({"CountryCode": "\ufb01"}, "CountryCode is refused: “\ufb01” is not"),
        ({"Email": "ada@exam\u200bple.org"}, "Email is refused: It has an invisible character (U+200B)."),
        ({"Email": "ada@example.org\u202c"}, "Email is refused: It has an invisible character (U+202C)."),
        ({"Email": "ada@example.o\u00adrg"}, "Email is refused: It has an invisible character (U+00AD)."),
        ({"ExternalCustomerReference": "shop-1\ufeff"}, "It has an invisible character (U+FEFF)."),
        ({"City": "a\x00b"}, "City is refused: it has a character that is no text (U+0000)."),
        ({"Company": "a\ud800"}, "Company is refused: it has a character that is no text (U+D800)."),
        ({"ExternalCustomerReference": "12345"}, "A reference of digits alone could be mistaken"),
    ],
)
def test_sendable__names_every_field_that_is_not(change, words):
    with pytest.raises(NotSent) as caught:
        check_sendable({**COMPLETE, **change}, COMPLETE)
    assert words in caught.value.words
    assert "x" * 256 not in str(caught.value)


def test_sendable__what_2checkout_has_already_is_not_checked():
    check_sendable({**COMPLETE, "Zip": "", "CountryCode": "XX"}, {"City"})
