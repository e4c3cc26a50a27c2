"""``apush``, ``apull``, ``acards`` and ``adelete_card``: their sisters, awaited."""

from __future__ import annotations

import asyncio
import inspect
import traceback
from typing import get_type_hints

import pytest
from asgiref.sync import async_to_sync

from django_twocheckout import sync
from django_twocheckout.exceptions import CardNotDeleted, NotFound
from django_twocheckout.models import Attempt, Customer, Source

from ..customers import ADA, change

PAIRS = [(getattr(sync, name), getattr(sync, f"a{name}")) for name in ("push", "pull", "cards", "delete_card")]


@pytest.mark.parametrize(("plain", "awaited"), PAIRS, ids=lambda one: one.__name__)
def test_the_same_arguments_and_types(plain, awaited):
    assert inspect.iscoroutinefunction(awaited)
    assert inspect.signature(awaited).parameters == inspect.signature(plain).parameters
    assert get_type_hints(awaited) == get_type_hints(plain)


def test_push_and_pull(ada, twocheckout):
    async def view():
        pushed = await sync.apush(ada, source=Source.USER, user=7)
        twocheckout.edit(pushed.customer_reference, City="Rome")
        return await sync.apull(ada)

    assert async_to_sync(view)() is ada
    assert (ada.sync_state, ada.city) == ("synced", "Rome")
    assert set(Attempt.objects.values_list("source", "user")) == {("user", "7"), ("code", "")}


def test_cards(with_cards, twocheckout):
    async def view():
        one, other = await sync.acards(with_cards)
        await sync.adelete_card(with_cards, one.token)
        with pytest.raises(CardNotDeleted) as refusal:
            await sync.adelete_card(with_cards, other.token)
        return other, refusal.value, await sync.acards(with_cards)

    kept, error, left = async_to_sync(view)()
    assert [str(card) for card in left] == [str(kept)]
    frames = [frame.f_locals for frame, _line in traceback.walk_tb(error.__traceback__)]
    ours = [frame for frame in frames if "left" not in frame and "other" not in frame]
    assert ours
    assert kept.token not in str(ours)  # an error reporter prints the frames of asgiref too


def test_the_errors_are_those_of_their_sisters(ada, twocheckout):
    with pytest.raises(NotFound):
        async_to_sync(sync.apull)(ada)
    assert ada.customer_reference is None


@pytest.mark.django_db(transaction=True)
def test_two_requests_at_once(twocheckout):
    """Each has a thread of its own in production; here they share one, and none waits for the other for ever."""
    customers = [Customer.objects.create(**ADA) for _ in range(2)]

    async def views():
        await asyncio.gather(*map(sync.apush, customers))

    async_to_sync(views)()
    assert {customer.sync_state for customer in customers} == {"synced"}
    for customer in customers:
        change(customer, city="Rome")
    assert len(twocheckout.customers) == 2
