"""Multi-table children of Customer work as it does: saved, stale, pushed, pulled, cards."""

from __future__ import annotations

import pytest
from django.db.models.signals import pre_save

from django_twocheckout import sync
from django_twocheckout.models import Customer
from tests.shop.models import Member, Partner

from ..customers import ADA


@pytest.fixture(params=[Member, Partner])
def child(request, db):
    Customer.objects.create(**{**ADA, "first_name": "Grace"})  # so that the two tables' keys differ
    own = {"code": "P-1"} if request.param is Partner else {}
    return request.param.objects.create(**ADA, **own, level="gold")


def test_every_function_of_sync(child, twocheckout):
    sync.push(child)
    assert (child.sync_state, twocheckout.customers[0]["FirstName"]) == ("synced", "Ada")
    twocheckout.edit(child.customer_reference, Phone="555")
    assert [difference.name for difference in sync.compare(child) if difference.changed] == ["Phone"]
    sync.pull(child)
    assert child.phone == "555"
    twocheckout.add_card(child.customer_reference)
    [card] = sync.cards(child)
    sync.delete_card(child, card.token)
    assert sync.cards(child) == []
    assert sync.account_link(child)
    twocheckout.add_subscription(child.customer_reference, purchased=0)
    assert len(sync.subscriptions(child)) == 1
    assert child.level == "gold"


def test_a_checkout(child, twocheckout):
    assert child.checkout_parameters() == {"customer-ext-ref": child.external_customer_reference}
    assert sorted(Customer.objects.values_list("first_name", "untried")) == [("Ada", False), ("Grace", True)]
    sync.push(child)
    assert child.checkout_parameters()["customer-ref"] == child.customer_reference


def test_a_save_writes_what_was_changed_in_both_tables(child, twocheckout):
    sync.push(child)
    stale = type(child).objects.get(pk=child.pk)
    type(child).objects.filter(pk=child.pk).update(phone="555")
    sync.push(child)
    stale.city, stale.level = "Paris", "silver"
    stale.save()
    row = type(child).objects.get(pk=child.pk)
    assert (row.city, row.level, row.phone, row.sync_state) == ("Paris", "silver", "555", "pending")
    sync.push_pending()
    theirs = next(customer for customer in twocheckout.customers if customer["FirstName"] == "Ada")
    assert (theirs["City"], theirs["Phone"]) == ("Paris", "555")


def test_a_save_of_the_childs_own_field_alone_pushes_nothing(child, twocheckout):
    sync.push(child)
    child.level = "silver"
    child.save()
    row = type(child).objects.get(pk=child.pk)
    assert (row.level, row.sync_state) == ("silver", "synced")


def test_a_list_changed_in_place_is_written(db):
    member = Member.objects.create(**ADA)
    member.badges.append("first")
    member.save()
    member.badges.append("second")
    member.save()
    assert Member.objects.get().badges == ["first", "second"]


def test_the_wake_up_names_the_row(child, sent, django_capture_on_commit_callbacks):
    sent.clear()
    with django_capture_on_commit_callbacks(execute=True):
        child.city = "Paris"
        child.save()
    assert [message.args for message in sent] == [(child.row_key,)]


def test_a_child_put_onto_a_customer_keeps_what_the_row_knows(db, twocheckout):
    customer = Customer.objects.create(**ADA)
    sync.push(customer)
    member = Member(customer_ptr=customer, level="gold")
    member.__dict__.update({name: getattr(customer, name) for name in Customer.PUSHED_FIELDS})
    member.save()
    row = Member.objects.get()
    assert (row.customer_reference, row.acknowledged) == (customer.customer_reference, customer.acknowledged)
    sync.push_pending()
    assert len(twocheckout.customers) == 1


@pytest.mark.parametrize(("name", "value", "state"), [("level", "silver", "synced"), ("city", "Paris", "pending")])
def test_what_a_receiver_assigns_late_is_written_and_marks_only_what_2checkout_has(db, twocheckout, name, value, state):
    member = Member.objects.create(**ADA, level="gold")
    sync.push(member)

    def assign(sender, instance, **kwargs):
        setattr(instance, name, value)

    pre_save.connect(assign, sender=Member)
    try:
        member.badges = ["first"]
        member.save()
    finally:
        pre_save.disconnect(assign, sender=Member)
    row = Member.objects.get()
    assert (getattr(row, name), row.badges, row.sync_state) == (value, ["first"], state)
    assert member.was_marked == (state == "pending")
