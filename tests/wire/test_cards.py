from __future__ import annotations

import json

import pytest

from django_twocheckout.wire import (
    MOST_CARDS,
    MOST_SUBSCRIPTIONS,
    Card,
    parse,
    parse_cards,
)

from .. import answers


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
        ([5, 1.5, True, ["t-1"], [[]], {}, "t-1"], [Card(token="t-1")]),
        ([{"CardType": {"a": {}}, "LastDigits": ["1111"], "Expiry": {}, "Token": ["t"]}], [Card()]),
        ([{"TransientToken": {"Token": {"a": 1}}, "ExpirationMonth": [], "ExpirationYear": 2030}], [Card()]),
        (
            [{"Subscriptions": {"a": {}}}, {"SubscriptionReference": [True, {"SubscriptionReference": []}]}],
            [Card()] * 2,
        ),
    ],
)
def test_cards__every_shape(cards, expected):
    assert parse_cards({"ExistingCards": cards}) == expected
    assert parse_cards({}) == []


@pytest.mark.parametrize("cards", [["t-secret"], [{"TransientToken": {"Token": "t-secret"}}], [{"Token": "t-secret"}]])
def test_cards__tokens_are_never_stored_and_never_shown(cards):
    stored = parse({"ExistingCards": cards}).owned["existing_cards"]

    assert len(stored) == 1
    assert "t-secret" not in repr(stored) + repr(parse_cards({"ExistingCards": cards})) + str(parse_cards({})[:1])


@pytest.mark.parametrize("card", ["a", {"a": 0}, {**answers.CARD, "CardType": "x" * 1000}])
def test_cards__thousands_are_not_kept(card, caplog):
    stored = parse({"ExistingCards": [card] * 5000}).owned["existing_cards"]

    assert len(stored) == MOST_CARDS == 100
    assert len(json.dumps(stored)) < 20_000
    assert caplog.records[0].getMessage() == "2Checkout's answer has 5000 cards; the first 100 are read"


def test_cards__thousands_of_subscriptions_are_not_kept():
    names = [f"S{number}" for number in range(5000)]
    [card] = parse_cards({"ExistingCards": [{**answers.CARD, "Subscriptions": names}]})
    assert card.subscriptions == tuple(names[:MOST_SUBSCRIPTIONS])


def test_cards__are_read_by_people():
    assert str(Card("Visa", "1111", "12/2029", "t")) == "Visa •••• 1111 12/2029"
    assert str(Card(token="t")) == "Card"
