from __future__ import annotations

import time
from dataclasses import replace

import pytest

from django_twocheckout import sync
from django_twocheckout.engine.card_tokens import joined
from django_twocheckout.exceptions import (
    CardNotDeleted,
    NotFound,
    ServerFailed,
    UnreadableAnswer,
)
from django_twocheckout.models import Customer
from django_twocheckout.testing import Fault
from django_twocheckout.wire import MOST_CARDS, Card

from .. import answers
from ..customers import ADA


def test_cards__are_fetched_live_and_not_stored(with_cards, twocheckout, django_assert_num_queries):
    with django_assert_num_queries(2):  # the customer and its account
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
    assert with_cards.lease_expires_at is None


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
    absent = Customer.objects.create(**ADA)
    with pytest.raises(NotFound):
        sync.cards(absent)
    with pytest.raises(NotFound):
        sync.delete_card(absent, "t")
    twocheckout.forget(pushed.customer_reference)
    with pytest.raises(NotFound):
        sync.delete_card(pushed, "t")
    pushed.refresh_from_db()
    assert pushed.lease_expires_at is None


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


def test_cards__single_sign_on_switched_off(with_cards, twocheckout, configure):
    configure(CARDS_BY_SSO=False)
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
    assert not any(token in caplog.text + visa.reason + repr(visa) for token in twocheckout.issued_tokens)


S1, S2, NAMELESS = Card("Visa", "1111", "01/2030", "", ("S-1",)), Card("Visa", "1111", "01/2030", "", ("S-2",)), ()


def signed_on_card(card, token="", subscriptions=None):
    """The card as the second way has it."""
    return replace(card, token=token, subscriptions=card.subscriptions if subscriptions is None else subscriptions)


@pytest.mark.parametrize(
    ("cards", "signed_on", "tokens"),
    [
        # In another order, and different by what they pay for.
        ([S1, S2], [signed_on_card(S2, "b"), signed_on_card(S1, "a")], ["a", "b"]),
        # The second way does not say which is which, or says it of more than one.
        ([S1, S2], [signed_on_card(S1, "b", NAMELESS), signed_on_card(S1, "a", NAMELESS)], ["", ""]),
        ([S1, S2], [signed_on_card(S1, "a"), signed_on_card(S1, "b")], ["", ""]),
        ([S1, S2], [signed_on_card(S1, "a")], ["a", ""]),
        # Only the second way tells them apart, so the first way's are any of them.
        ([signed_on_card(S1, "", NAMELESS)] * 2, [signed_on_card(S2, "b"), signed_on_card(S1, "a")], ["b", "a"]),
        # One that the first way does not know.
        ([S1], [signed_on_card(S1, "a", NAMELESS), Card("Visa", "2222", "01/2030", "c")], ["a", "c"]),
        # Nothing is known of either, so nothing says that they are the same.
        ([Card(reason="")], [Card(token="x")], ["", "x"]),
    ],
)
def test_cards__like_ones_never_get_each_others_token(cards, signed_on, tokens):
    together = joined(cards, signed_on)
    assert [card.token for card in together] == tokens
    for card in together:
        [theirs] = [one for one in signed_on if one.token == card.token] or [card]
        assert not theirs.subscriptions or card.subscriptions == theirs.subscriptions


def test_cards__like_ones_say_why_they_have_no_token():
    first, _second = joined([S1, S2], [signed_on_card(S1, "b", NAMELESS), signed_on_card(S1, "a", NAMELESS)])
    assert first.reason == "several cards look alike."


def test_cards__the_first_way_fails(with_cards, twocheckout):
    twocheckout.fail("503")
    with pytest.raises(ServerFailed):
        sync.cards(with_cards)
    assert asked(twocheckout) == ["GET"]


def test_cards__signed_on_as_another_customer(pushed, responses, configure):
    configure(BASE_URL=answers.BASE_URL)
    bare = {"CardType": "Visa", "LastDigits": "1111", "ExpirationDate": "12/2029"}
    theirs = {**answers.CUSTOMER, "CustomerReference": pushed.customer_reference, "ExistingCards": [bare]}
    responses.get(f"{answers.BASE_URL}customers/{pushed.customer_reference}/?includePaymentData=true", json=theirs)
    responses.get(
        f"{answers.BASE_URL}customers/{pushed.customer_reference}/account/payment_methods/", json=answers.SIGN_ON_LINK
    )
    another = {**answers.CUSTOMER, "CustomerReference": "7", "ExistingCards": [answers.CARD]}
    responses.get(f"{answers.BASE_URL}customers/?ssotoken={answers.SIGN_ON_TOKEN}", json=another)
    [card] = sync.cards(pushed)
    assert (card.token, "another customer" in card.reason) == ("", True)


def test_cards__a_token_goes_to_no_other_card(pushed, responses, configure):
    configure(BASE_URL=answers.BASE_URL)
    address = f"{answers.BASE_URL}customers/{pushed.customer_reference}/"
    customer = {**answers.CUSTOMER, "CustomerReference": pushed.customer_reference}
    first = [{"CardType": "Visa", "LastDigits": "1111"}, {"CardType": "Visa", "LastDigits": "2222", "Token": "t-2"}]
    second = [{"CardType": "Visa", "LastDigits": "3333", "Token": "t-3"}, {**first[1], "Token": "t-2b"}]
    responses.get(f"{address}?includePaymentData=true", json={**customer, "ExistingCards": first})
    responses.get(f"{address}account/payment_methods/", json=answers.SIGN_ON_LINK)
    responses.get(f"{answers.BASE_URL}customers/", json={**customer, "ExistingCards": second})
    assert [(card.last_digits, card.token) for card in sync.cards(pushed)] == [
        ("1111", ""),
        ("2222", "t-2"),
        ("3333", "t-3"),
    ]


def test_cards__answered_with_another_customer(pushed, responses, configure):
    configure(BASE_URL=answers.BASE_URL)
    responses.get(
        f"{answers.BASE_URL}customers/{pushed.customer_reference}/?includePaymentData=true",
        json={**answers.CUSTOMER, "CustomerReference": "7"},
    )
    with pytest.raises(UnreadableAnswer):
        sync.cards(pushed)


@pytest.mark.parametrize("alike", [True, False])
def test_cards__thousands_are_joined_at_once(alike):
    cards = [Card("Visa", "1111", "" if alike else str(number)) for number in range(16_000)]
    signed_on = [Card("Visa", "1111", card.expiry, f"t-{number}") for number, card in enumerate(cards)]
    began = time.monotonic()
    together = joined(cards, signed_on)
    assert time.monotonic() - began < 10
    assert [card.token for card in together] == [f"t-{number}" for number in range(MOST_CARDS)]


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("answer", ["204", "empty_object", "empty_body"])
def test_card__deleted_and_the_answer_does_not_say_so(with_cards, twocheckout, heard, answer, known):
    if known:
        sync.pull(with_cards)
    twocheckout.behaviour.delete_card_answer = answer
    visa = sync.cards(with_cards)[0]
    sync.delete_card(with_cards, visa.token)
    assert twocheckout.cards(with_cards.customer_reference) == ["Mastercard 4444"]
    assert [card["last_digits"] for card in with_cards.existing_cards] == ["4444"]
    assert heard[-1][0] == "card_deleted"
    assert with_cards.attempts.get(verb="delete").outcome == "done"
    assert visa.token not in str(Customer.objects.values().get())


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(("status", "body"), [(204, ""), (200, "{}"), (200, ""), (200, "true")])
def test_card__stays_and_the_answer_does_not_say_so(with_cards, twocheckout, heard, status, body, known):
    if known:
        sync.pull(with_cards)
    visa = sync.cards(with_cards)[0]
    heard.clear()
    twocheckout.fail(Fault(status, body), method="DELETE", times=2)
    with pytest.raises(UnreadableAnswer):
        sync.delete_card(with_cards, visa.token)
    assert twocheckout.cards(with_cards.customer_reference) == ["Visa 1111", "Mastercard 4444"]
    assert heard == []
    with_cards.refresh_from_db()
    assert with_cards.lease_expires_at is None
