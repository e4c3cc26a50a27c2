"""What was asked for, from the claim to its end, while rows and 2Checkout change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from django_twocheckout import sync
from django_twocheckout.engine import ask_claims, asks, reconcile
from django_twocheckout.engine.batch import finish
from django_twocheckout.engine.clients import current_client
from django_twocheckout.models import Ask, Customer, Verb

from ..customers import change


def to_and_fro(customer):
    before = customer.city
    change(customer, city="Paris")
    change(customer, city=before)


@pytest.fixture
def asked(pushed, twocheckout):
    """The claim of a customer whose pull was asked for after an edit at 2Checkout."""
    twocheckout.edit(pushed.customer_reference, Phone="555")
    asks.ask(Verb.PULL, Customer.objects.all(), [pushed.pk])
    [claim] = ask_claims.claim_asked(Customer.objects.all(), "default", 10)
    return claim


def pulled(claim):
    return reconcile.pull(claim, current_client("default"))


@pytest.mark.parametrize(
    "meanwhile",
    [
        to_and_fro,
        lambda customer: Customer.objects.mark_pending(),
        lambda customer: Customer.objects.update(city=customer.city),
        lambda customer: change(customer, city="Paris"),
    ],
    ids=["saved-to-and-fro", "marked", "updated-to-the-same", "saved"],
)
@pytest.mark.parametrize("is_asked", [True, False])
def test_what_a_pull_found_is_not_lost_if_the_row_was_written_meanwhile(asked, pushed, meanwhile, is_asked):
    if not is_asked:
        Ask.objects.all().delete()
        asked = replace(asked, asks=(), ask_lease="")
    result = pulled(asked)
    meanwhile(pushed)
    finish([(asked, result)])
    sync.sweep()
    pushed.refresh_from_db()
    assert (pushed.phone, pushed.sync_state) == ("555", "synced")
    assert not Ask.objects.exists()


def test_a_pull_that_was_asked_for_again_while_it_went_on_is_done_once_more(asked, pushed, twocheckout):
    result = pulled(asked)
    twocheckout.edit(pushed.customer_reference, Phone="556")
    asks.ask(Verb.PULL, Customer.objects.all(), [pushed.pk])
    finish([(asked, result)])
    assert Ask.objects.count() == 1
    sync.sweep()
    pushed.refresh_from_db()
    assert pushed.phone == "556"
    assert not Ask.objects.exists()
