"""The row's list of cards is right after a pull. No other read erases it."""

from __future__ import annotations

import pytest

from django_twocheckout import sync
from django_twocheckout.client import TwoCheckoutClient

from ..customers import change

VISA = {"type": "Visa", "last_digits": "1111", "expiry": "12/2029"}


@pytest.fixture
def with_card(pushed, twocheckout):
    twocheckout.add_card(pushed.customer_reference)
    sync.pull(pushed)
    assert pushed.existing_cards == [VISA]
    return pushed


def test_pull__where_cards_are_listed_on_request_alone(pushed, twocheckout):
    twocheckout.behaviour.cards_only_on_request = True
    twocheckout.add_card(pushed.customer_reference)
    sync.pull(pushed)
    assert pushed.existing_cards == [VISA]


@pytest.mark.parametrize("switch", [{"cards_only_on_request": True}, {"card_shape": "texts"}])
def test_push__its_reads_leave_the_list(with_card, twocheckout, switch):
    twocheckout.behaviour.set(**switch)
    change(with_card, city="Paris")
    sync.push(with_card)
    assert (with_card.sync_state, with_card.existing_cards) == ("synced", [VISA])


@pytest.mark.parametrize("told", [[], None, "absent"])
@pytest.mark.parametrize("act", ["push", "pull"])
def test_what_tells_no_cards_leaves_the_list(with_card, twocheckout, monkeypatch, told, act):
    retrieve = TwoCheckoutClient.retrieve_customer

    def without_cards(self, *args, **options):
        answer = {**retrieve(self, *args, **options), "ExistingCards": told}
        if told == "absent":
            del answer["ExistingCards"]
        return answer

    monkeypatch.setattr(TwoCheckoutClient, "retrieve_customer", without_cards)
    change(with_card, city="Paris")
    getattr(sync, act)(with_card)
    assert with_card.existing_cards == [VISA]


def test_delete__the_last_card(with_card, twocheckout):
    [card] = sync.cards(with_card)
    sync.delete_card(with_card, card.token)
    assert with_card.existing_cards == []


def test_pull__a_card_that_the_shopper_replaced(with_card, twocheckout):
    twocheckout.add_card(with_card.customer_reference, "Mastercard", "4444")
    sync.pull(with_card)
    assert [card["last_digits"] for card in with_card.existing_cards] == ["1111", "4444"]
