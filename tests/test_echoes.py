from __future__ import annotations

import html
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_twocheckout.echoes import may_be_echo

from .lossy import lossy_echoes

texts = st.text(st.sampled_from("aBcé ß'&<\"\\;#Ж0"), min_size=1, max_size=40)


@given(texts, lossy_echoes(), st.sampled_from(["Company", "City", "Phone", "Zip"]))
def test_what_software_makes_of_a_text_is_an_echo(text, echo, name):
    assert may_be_echo(name, text, echo(name, text))


@pytest.mark.parametrize(
    ("name", "sent", "shown"),
    [
        ("Company", "O'Hara & Sons", "O&#039;Hara &amp; Sons"),
        ("Company", "O'Hara & Sons", "O&amp;#x27;Hara &amp;amp; Sons"),
        ("Company", "O'Hara & Sons", "O\\'Hara & Sons"),
        ("Company", "O'Hara & Sons", "O&#39;Hara &am"),
        ("Company", "O'Hara & Sons", "O&#3"),
        ("Company", "O'Hara & Sons", "O&amp;#x2"),
        ("Company", "A <b>", "A &lt"),
        ("LastName", "McDONALD", "McDonald"),
        ("LastName", "Müller", unicodedata.normalize("NFD", "Müller")),
        ("LastName", "Müller", "M\u00fcller "),
        ("LastName", "Müller", "Muller"),
        ("LastName", "Müller", "M?ller"),
        ("LastName", "Strauß", "STRAUSS"),
        ("Address1", "1  Main\u00a0St\n", "1 Main St"),
        ("Phone", "+40 (21) 555-01", "004021 55501"),
        ("Zip", "SW1Y 4JH", "SW1Y4JH"),
        ("FiscalCode", "RO 123", "RO123"),
    ],
)
def test_echo(name, sent, shown):
    assert may_be_echo(name, sent, shown)


@pytest.mark.parametrize(
    ("name", "sent", "shown"),
    [
        ("LastName", "Lovelace", "King"),
        ("LastName", "Muller", "Müller"),
        ("LastName", "й", "и"),
        ("LastName", "が", "か"),
        ("LastName", "ac", "ab"),
        ("Company", "AT&X", "AT&T"),
        ("Company", "Acme", "Acme Ltd"),
        ("Company", "Acme", ""),
        ("Company", "", "Acme"),
        ("Phone", "", "555"),
        ("Zip", "", "SW1Y 4JH"),
        ("Phone", "555", "556"),
        ("Phone", "555", "555 ask for Ada"),
        ("Phone", "abc", "def"),
        ("Zip", "SW1Y 4JH", "SW1Y 4JX"),
        ("Company", "12", "1 2"),
    ],
)
def test_no_echo(name, sent, shown):
    assert not may_be_echo(name, sent, shown)


@given(st.text(st.sampled_from("abc xyz"), min_size=1), st.data())
def test_another_letter_is_an_edit(text, data):
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("mno"))
    assert not may_be_echo("Company", text, text[:place] + other + text[place + 1 :])
    assert not may_be_echo("Company", text, html.escape(text + other))
