"""What a purchase carries, and that no second customer comes of it. The vendor allows two with one reference."""

from __future__ import annotations

import pytest
from django.db import transaction

from django_twocheckout import sync
from django_twocheckout.engine import claims
from django_twocheckout.engine.batch import run_one
from django_twocheckout.engine.clients import current_client
from django_twocheckout.exceptions import NotFound, NotSent, TwoCheckoutError
from django_twocheckout.flows.account import current_account
from django_twocheckout.models import Customer, Verb

from ..customers import ADA, GRACE, change
from ..project import Vip
from ..vendor_log import methods


@pytest.fixture(autouse=True)
def duplicates(db, twocheckout):
    twocheckout.behaviour.duplicate_external_reference = "allow"


def buy(twocheckout, parameters):
    """What 2Checkout does with an order: it takes the customer that is named, or makes one."""
    named = [parameters[name] for name in ("customer-ref", "customer-ext-ref") if name in parameters]
    if not any(map(twocheckout.customer, named)):
        external = parameters.get("customer-ext-ref")
        twocheckout.add_customer(**{**GRACE, "ExternalCustomerReference": external})


def ours(customer):
    return {"customer-ext-ref": customer.external_customer_reference}


def test_both_references_of_a_customer_that_is_there(pushed, twocheckout, django_assert_num_queries):
    with django_assert_num_queries(1):
        parameters = pushed.checkout_parameters()
    assert parameters == {"customer-ref": pushed.customer_reference, **ours(pushed)}
    buy(twocheckout, parameters)
    assert len(twocheckout.customers) == 1
    assert methods(twocheckout) == []


def test_one_that_2checkout_has_without_a_reference_of_ours(twocheckout):
    row = sync.add(twocheckout.add_customer(**{**GRACE, "ExternalCustomerReference": None}))
    assert row.checkout_parameters() == {"customer-ref": row.customer_reference}


@pytest.mark.parametrize("before", ["another", None])
def test_a_reference_of_ours_that_2checkout_was_not_told_yet(before, twocheckout):
    row = sync.add(twocheckout.add_customer(**{**GRACE, "ExternalCustomerReference": before}))
    change(row, external_customer_reference="shop-8")
    assert row.checkout_parameters() == {"customer-ref": row.customer_reference}
    sync.push(row)
    assert row.checkout_parameters() == {"customer-ref": row.customer_reference, "customer-ext-ref": "shop-8"}


def test_a_row_that_only_has_the_references(db):
    row = Customer.objects.create(**ADA, customer_reference="601952421", external_customer_reference="shop-1")
    assert row.checkout_parameters() == {"customer-ref": "601952421", "customer-ext-ref": "shop-1"}


@pytest.mark.parametrize("push", [sync.push, lambda customer: sync.push_pending()])
def test_a_purchase_before_the_first_push__makes_no_twin(ada, twocheckout, push):
    parameters = ada.checkout_parameters()
    assert parameters == ours(ada)
    buy(twocheckout, parameters)
    push(ada)
    ada.refresh_from_db()
    assert (ada.sync_state, len(twocheckout.customers)) == ("synced", 1)
    assert methods(twocheckout)[0] == "GET"
    assert twocheckout.customers[0]["FirstName"] == "Ada"


def saved(customer):
    change(customer, city="Turin")


def saved_as_it_is(customer):
    customer.save()


def named(customer):
    customer.save(update_fields=["city", "untried"])


def in_bulk(customer):
    customer.city = "Turin"
    Customer.objects.bulk_update([customer], ["city", "untried"])


def raw(customer):
    customer.save_base(raw=True)


def made_by_hand(customer):
    values = {name: getattr(customer, name) for name in ("external_customer_reference", "saved_at", *ADA)}
    Customer(pk=customer.pk, untried=True, **values).save()


@pytest.mark.parametrize("write", [saved, saved_as_it_is, named, in_bulk, raw, made_by_hand])
def test_a_stale_instance_does_not_undo_it(ada, twocheckout, write):
    stale = Customer.objects.get()
    buy(twocheckout, ada.checkout_parameters())
    write(stale)
    assert not Customer.objects.get().untried
    sync.push_pending()
    assert len(twocheckout.customers) == 1


def test_a_worker_that_releases_the_row_unused_does_not_undo_it(ada, twocheckout):
    [claim] = claims.claim(Customer.objects.all(), Verb.PUSH)
    assert claim.untried
    buy(twocheckout, ada.checkout_parameters())
    claims.release([claim])
    assert not Customer.objects.get().untried
    sync.push_pending()
    assert len(twocheckout.customers) == 1


def test_a_worker_that_was_at_it__looks_again(ada, twocheckout):
    [claim] = claims.claim(Customer.objects.all(), Verb.PUSH)
    ada.checkout_parameters()
    run_one(claim, current_client("default"))
    sync.push_pending()
    ada.refresh_from_db()
    assert ada.sync_state == "synced"
    assert methods(twocheckout) == ["POST"]  # the row agrees with it


def test_it_wakes_nobody_and_marks_nothing(ada, sent):
    sent.clear()
    before = Customer.objects.values("sync_state", "pending_since", "next_attempt_at", "saved_at").get()
    ada.checkout_parameters()
    assert Customer.objects.values(*before).get() == before
    assert sent == []


def test_a_stale_instance_gives_what_the_row_has_now(ada, twocheckout):
    stale = Customer.objects.get()
    sync.push(ada)
    assert stale.checkout_parameters() == {"customer-ref": ada.customer_reference, **ours(ada)}


def test_one_that_is_gone_there(pushed, twocheckout):
    twocheckout.forget(pushed.customer_reference)
    with pytest.raises(NotFound):
        sync.pull(pushed)
    parameters = pushed.checkout_parameters()
    assert parameters == ours(pushed)
    buy(twocheckout, parameters)
    sync.link(pushed, None)
    sync.push(pushed)
    assert (pushed.sync_state, len(twocheckout.customers)) == ("synced", 1)


def without_ours(ada, twocheckout):
    Customer.objects.update(external_customer_reference="")
    return ada


def gone_without_ours(ada, twocheckout):
    row = sync.add(twocheckout.add_customer(**{**GRACE, "ExternalCustomerReference": None}))
    twocheckout.forget(row.customer_reference)
    with pytest.raises(NotFound):
        sync.pull(row)
    return row


@pytest.mark.parametrize("make", [without_ours, gone_without_ours])
def test_one_without_a_reference_to_give__is_refused_in_words(ada, twocheckout, make):
    with pytest.raises(NotSent, match="no reference that a purchase could carry") as refused:
        make(ada, twocheckout).checkout_parameters()
    assert isinstance(refused.value, TwoCheckoutError)
    assert "give it one of yours" in refused.value.words


@pytest.mark.parametrize("gone", [False, True])
def test_without_a_row(ada, gone):
    Customer.objects.all().delete()
    with pytest.raises(Customer.DoesNotExist):
        (ada if gone else Customer(**ADA)).checkout_parameters()


def test_while_nothing_is_sent(ada, twocheckout, configure):
    configure(ENABLED=False)
    assert ada.checkout_parameters() == ours(ada)
    configure(ENABLED=True)
    with twocheckout.outage("401"):
        sync.push_pending()
    assert current_account().open_until
    twocheckout.requests.clear()
    assert ada.checkout_parameters() == ours(ada)
    assert twocheckout.requests == []


def test_a_proxy_has_it_too(ada):
    assert Vip.objects.get().checkout_parameters() == ours(ada)
    assert not Customer.objects.get().untried


@pytest.mark.django_db(transaction=True)
def test_inside_a_transaction__it_counts_from_the_commit(ada):
    with transaction.atomic():
        ada.checkout_parameters()
    assert not Customer.objects.get().untried
