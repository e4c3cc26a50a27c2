"""Cards: fetched live, each with a sealed token for one person and a while, and deleted by it."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Permission, User
from django.utils import timezone
from rest_framework.test import APIClient

from django_twocheckout import sync
from django_twocheckout.flows.card_seal import CHOICE_SECONDS, seal
from django_twocheckout.models import Account, Attempt, Customer

from ..customers import ADA
from ..vendor_log import methods
from .addresses import at


def cards(api, customer):
    return api.get(at(customer, "cards")).json()


def delete(api, customer, card):
    return api.post(at(customer, "cards/delete"), {"card": card}, format="json")


def test_cards(with_cards, api, twocheckout):
    twocheckout.behaviour.card_names_subscription = True
    answer = api.get(at(with_cards, "cards"))
    visa, mastercard = answer.json()
    sealed = visa.pop("card")
    assert visa == {"type": "Visa", "last_digits": "1111", "expiry": "12/2029", "subscriptions": [], "reason": ""}
    assert mastercard["subscriptions"] == ["SUB-42"]
    assert "no-store" in answer.headers["Cache-Control"]
    assert sealed
    assert not any(token in answer.content.decode() for token in twocheckout.issued_tokens)


def test_cards__without_tokens(with_cards, api, twocheckout):
    twocheckout.behaviour.set(card_token="none", sign_on=False)
    visa, _mastercard = cards(api, with_cards)
    assert visa["card"] is None
    assert "Not found" in visa["reason"]


def test_delete(with_cards, api, twocheckout):
    visa, _mastercard = cards(api, with_cards)
    answer = delete(api, with_cards, visa["card"])
    assert answer.status_code == 200
    assert [card["type"] for card in answer.json()["existing_cards"]] == ["Mastercard"]
    assert twocheckout.cards(with_cards.customer_reference) == ["Mastercard 4444"]
    assert "no-store" in answer.headers["Cache-Control"]
    attempt = with_cards.attempts.filter(verb="delete").get()
    assert (attempt.source, attempt.user) == ("user", str(User.objects.get().pk))


def test_delete__again(with_cards, api, twocheckout):
    visa, _mastercard = cards(api, with_cards)
    assert delete(api, with_cards, visa["card"]).status_code == 200
    assert delete(api, with_cards, visa["card"]).status_code == 200  # a missing card is a deleted one


def test_delete__refused(with_cards, api, twocheckout):
    _visa, mastercard = cards(api, with_cards)
    answer = delete(api, with_cards, mastercard["card"])
    assert (answer.status_code, answer.json()["subscriptions"]) == (409, ["SUB-42"])
    assert answer.json()["detail"].startswith("Subscription SUB-42: The card is used by an active subscription")
    assert len(twocheckout.cards(with_cards.customer_reference)) == 2


@pytest.mark.parametrize("card", ["x", "", "a:b:c", "a" * 4097, "\u202e:1:x"])
def test_delete__what_was_never_sealed(with_cards, api, twocheckout, card):
    twocheckout.requests.clear()
    answer = delete(api, with_cards, card)
    assert (answer.status_code, list(answer.json())) == (400, ["card"])
    assert methods(twocheckout) == []


def test_delete__a_bare_token(with_cards, api, twocheckout):
    [token, _other] = [card.token for card in sync.cards(with_cards)]
    assert delete(api, with_cards, token).status_code == 400
    assert len(twocheckout.cards(with_cards.customer_reference)) == 2


def test_delete__too_late(with_cards, api):
    visa, _mastercard = cards(api, with_cards)
    with time_machine.travel(timezone.now() + timedelta(seconds=CHOICE_SECONDS + 1), tick=False):
        answer = delete(api, with_cards, visa["card"])
    assert (answer.status_code, list(answer.json())) == (400, ["card"])


def test_delete__what_another_person_saw(with_cards, api, twocheckout):
    visa, _mastercard = cards(api, with_cards)
    other = User.objects.create_user("other")
    other.user_permissions.set(Permission.objects.filter(codename__in=["view_customer", "delete_card"]))
    theirs = APIClient()
    theirs.force_login(other)
    assert delete(theirs, with_cards, visa["card"]).status_code == 400
    assert len(twocheckout.cards(with_cards.customer_reference)) == 2


def test_delete__the_card_of_another_customer(with_cards, api, twocheckout):
    visa, _mastercard = cards(api, with_cards)
    other = Customer.objects.create(**ADA)
    sync.push(other)
    assert delete(api, other, visa["card"]).status_code == 400
    assert len(twocheckout.cards(with_cards.customer_reference)) == 2


def test_delete__a_seal_of_the_admin_counts_too(with_cards, api):
    """One person, two doors, and one seal."""
    [card, _other] = sync.cards(with_cards)
    sealed = seal(with_cards, card, "Ada Lovelace: Visa", User.objects.get().pk)
    assert delete(api, with_cards, sealed).status_code == 200


def test_no_token_is_stored_or_logged(with_cards, api, twocheckout, caplog):
    with caplog.at_level(logging.DEBUG):
        visa, mastercard = cards(api, with_cards)
        delete(api, with_cards, visa["card"])
        delete(api, with_cards, mastercard["card"])
        delete(api, with_cards, "forged")
    stored = "".join(str(list(model.objects.values())) for model in (Customer, Attempt, Account))
    for secret in (*twocheckout.issued_tokens, visa["card"], mastercard["card"]):
        assert secret not in caplog.text
        assert secret not in stored


@pytest.mark.parametrize("query", ["?card=x", "?token=x"])
def test_a_token_in_an_address_is_not_taken(with_cards, api, query):
    assert api.post(at(with_cards, "cards/delete") + query).status_code == 400
    assert api.delete(at(with_cards, "cards") + query).status_code == 405
