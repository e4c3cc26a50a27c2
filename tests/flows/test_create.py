"""What is created at 2Checkout, and when it is looked up first. The vendor allows two customers with one reference."""

from __future__ import annotations

import copy
import pickle

import pytest
from django.core import serializers
from django.db import IntegrityError, transaction
from django.db.models.signals import pre_save
from django.forms import modelform_factory
from django.utils import timezone

from django_twocheckout import sync
from django_twocheckout.engine import claims
from django_twocheckout.models import Customer, Source, Verb, new_external_reference
from django_twocheckout.testing import Fault

from ..customers import ADA, change
from ..vendor_log import methods

REMOTE = {
    "FirstName": "Ada", "LastName": "Lovelace", "Address1": "12 St James Square", "City": "London", "Zip": "SW1Y 4JH",
    "CountryCode": "gb", "Email": "ada@example.org", "Language": "en",
}  # fmt: skip


@pytest.fixture(autouse=True)
def duplicates(db, twocheckout):
    twocheckout.behaviour.duplicate_external_reference = "allow"


def untried():
    return list(Customer.objects.order_by("pk").values_list("untried", flat=True))


def saved():
    return Customer.objects.create(**ADA)


def saved_without_ours():
    return Customer.objects.create(**ADA, external_customer_reference="")


def made_in_bulk():
    return Customer.objects.bulk_create([Customer(**ADA)])[0]


def added_by_a_form():
    form = modelform_factory(Customer, fields="__all__")(ADA | {"external_customer_reference": ""})
    return form.save()


@pytest.mark.parametrize("make", [saved, saved_without_ours, made_in_bulk, added_by_a_form])
def test_a_reference_just_made_here__is_created_by_one_request(make, twocheckout):
    make()
    assert untried() == [True]
    sync.push_pending()
    assert methods(twocheckout) == ["POST"]
    assert untried() == [False]


def given():
    return Customer.objects.create(**ADA, external_customer_reference="shop-1")


def given_and_called_untried():
    return Customer.objects.create(**ADA, external_customer_reference="shop-1", untried=True)


def made_by_our_function_for_something_else():
    return Customer.objects.create(**ADA, external_customer_reference=new_external_reference())


def given_in_bulk():
    return Customer.objects.bulk_create([Customer(**ADA, external_customer_reference="shop-1")])[0]


def made_in_bulk_or_updated():
    options = {} if transaction.get_connection().vendor == "mysql" else {"unique_fields": ["id"]}
    customers = [Customer(**ADA)]
    return Customer.objects.bulk_create(customers, update_conflicts=True, update_fields=["city"], **options)[0]


def changed_before_the_push():
    customer = saved()
    change(customer, external_customer_reference="shop-1")
    return customer


def updated_before_the_push():
    saved()
    Customer.objects.update(external_customer_reference="shop-1")


def updated_in_bulk_before_the_push():
    customer = saved()
    customer.external_customer_reference = "shop-1"
    Customer.objects.bulk_update([customer], ["external_customer_reference"])


def given_late_by_a_receiver():
    def give(instance, **kwargs):
        instance.external_customer_reference = "shop-1"

    pre_save.connect(give, sender=Customer)
    try:
        return saved()
    finally:
        pre_save.disconnect(give, sender=Customer)


def pickled_before_the_save():
    pickle.loads(pickle.dumps(Customer(**ADA))).save()


def copied_deeply_before_the_save():
    copy.deepcopy(Customer(**ADA)).save()


def loaded_from_a_dump():
    [dumped] = serializers.deserialize(
        "json", serializers.serialize("json", [Customer(**ADA, saved_at=timezone.now())])
    )
    dumped.save()


def saved_raw():
    Customer(**ADA, saved_at=timezone.now()).save_base(raw=True)


def rolled_back_and_saved_again():
    customer = Customer(**ADA)
    with transaction.atomic():
        customer.save()
        transaction.set_rollback(True)
    customer.pk = None
    customer.save()


MADE = [
    given, given_and_called_untried, made_by_our_function_for_something_else, given_in_bulk, made_in_bulk_or_updated,
    changed_before_the_push, updated_before_the_push, updated_in_bulk_before_the_push, given_late_by_a_receiver,
    pickled_before_the_save, copied_deeply_before_the_save, loaded_from_a_dump, saved_raw, rolled_back_and_saved_again,
]  # fmt: skip


@pytest.mark.parametrize("make", MADE)
def test_any_other_reference__is_looked_up_and_what_is_there_is_taken(make, twocheckout):
    make()
    assert untried() == [False]
    row = Customer.objects.get()
    reference = twocheckout.add_customer(**REMOTE, ExternalCustomerReference=row.external_customer_reference)
    sync.push_pending()
    row.refresh_from_db()
    assert (row.sync_state, row.customer_reference) == ("synced", reference)
    assert methods(twocheckout) == ["GET"]


def deleted_and_saved_again(ada):
    ada.delete()
    ada.save()


def copied_before_the_save_and_saved_later(ada):
    ada.delete()
    ada.earlier_copy.save()


def loaded_and_made_anew(ada):
    row = Customer.objects.get()
    row.delete()
    row.pk = row.customer_reference = None
    row.save()


def restored_from_before_the_push(ada):
    Customer.objects.all().delete()
    for dumped in serializers.deserialize("json", ada.dump):
        dumped.save()


def made_again_with_the_project_s_own_reference(ada):
    reference = ada.external_customer_reference
    Customer.objects.all().delete()
    Customer.objects.create(**ADA, external_customer_reference=reference)


@pytest.mark.parametrize(
    "again",
    [
        deleted_and_saved_again, copied_before_the_save_and_saved_later, loaded_and_made_anew,
        restored_from_before_the_push, made_again_with_the_project_s_own_reference,
    ],
)  # fmt: skip
def test_a_row_made_again__is_no_second_customer(again, twocheckout):
    ada = Customer(**ADA)
    earlier_copy = copy.copy(ada)
    ada.save()
    ada.earlier_copy, ada.dump = earlier_copy, serializers.serialize("json", [ada])
    assert "untried" not in ada.dump
    sync.push(ada)

    again(ada)
    sync.push_pending()
    assert methods(twocheckout).count("POST") == 1
    assert len(twocheckout.customers) == 1
    assert Customer.objects.get().sync_state == "synced"


def test_a_copied_instance__cannot_be_saved_with_the_same_reference(twocheckout):
    ada = Customer(**ADA)
    other = copy.copy(ada)
    ada.save()
    with pytest.raises(IntegrityError), transaction.atomic():
        other.save()


def test_a_claim__is_the_only_first_try(twocheckout):
    saved()
    with_claim = claims.claim(Customer.objects.all(), Verb.PUSH)
    assert [one.untried for one in with_claim] == [True]
    assert untried() == [False]
    Customer.objects.update_unmarked(lease_expires_at=None)  # the worker was killed
    assert [one.untried for one in claims.claim(Customer.objects.all(), Verb.PUSH)] == [False]


def test_a_released_claim__leaves_a_first_try_unless_the_reference_is_another_now(twocheckout):
    rows = [saved(), saved()]
    claimed = claims.claim(Customer.objects.all(), Verb.PUSH)
    change(rows[1], external_customer_reference="shop-1")
    claims.release(claimed)
    assert untried() == [True, False]


def test_a_pull__does_not_try_it(twocheckout):
    claims.release(claims.claim(Customer.objects.filter(pk=saved().pk), Verb.PULL))
    assert untried() == [True]


def test_in_doubt_under_another_reference__both_are_looked_up(twocheckout):
    ada = saved()
    with twocheckout.outage("reset"):
        sync.push(ada)
    change(ada, external_customer_reference="shop-1")
    reference = twocheckout.add_customer(**REMOTE, ExternalCustomerReference="shop-1")
    sync.push(ada)
    assert (ada.sync_state, ada.customer_reference, len(twocheckout.customers)) == ("synced", reference, 1)


# "No such customer" that is no 404.

STATUSES = [400, 410, 422]
REFUSED = Fault(400, '{"error_code": "SIM_REFUSED", "message": "No."}')


@pytest.mark.parametrize("status", STATUSES)
def test_in_doubt__where_unknown_is_another_status__is_created_on_evidence(pushed, twocheckout, status):
    twocheckout.behaviour.unknown_customer_status = status
    other = saved()
    twocheckout.fail("reset", method="POST")
    sync.push(other)
    assert other.customer_reference is None
    twocheckout.requests.clear()
    sync.push(other)
    assert (other.sync_state, len(twocheckout.customers)) == ("synced", 2)
    assert methods(twocheckout) == ["GET", "GET", "GET", "POST"]


def test_in_doubt__created_after_all__is_found_where_unknown_is_another_status(pushed, twocheckout):
    twocheckout.behaviour.unknown_customer_status = 400
    other = saved()
    twocheckout.fail("reset-after-commit", method="POST")
    sync.push(other)
    sync.push(other, source=Source.USER)
    assert (other.sync_state, len(twocheckout.customers)) == ("synced", 2)


@pytest.mark.parametrize("status", STATUSES)
def test_in_doubt__without_another_customer__a_person_decides_once(twocheckout, status):
    twocheckout.behaviour.unknown_customer_status = status
    ada = saved()
    twocheckout.fail("reset", method="POST")
    sync.push(ada)
    sync.push(ada)
    assert (ada.sync_state, twocheckout.customers) == ("failed", [])
    assert "if a person pushes it" in ada.sync_error

    twocheckout.fail("reset", method="POST")
    sync.push(ada, source=Source.USER)
    assert (ada.sync_state, twocheckout.customers) == ("pending", [])
    sync.push(ada)
    assert (ada.sync_state, twocheckout.customers) == ("failed", [])

    sync.push(ada, source=Source.USER)
    assert (ada.sync_state, len(twocheckout.customers)) == ("synced", 1)


def test_in_doubt__an_answer_that_only_this_one_gets_is_no_evidence(pushed, twocheckout):
    other = saved()
    twocheckout.fail("reset", method="POST")
    sync.push(other)
    for source in (Source.CODE, Source.USER):
        twocheckout.fail(REFUSED, method="GET")
        sync.push(other, source=source)
        assert (other.sync_state, len(twocheckout.customers)) == ("failed", 1)


def test_in_doubt__where_no_customer_is_shown__there_is_no_evidence(pushed, twocheckout):
    other = saved()
    twocheckout.fail("reset", method="POST")
    sync.push(other)
    with twocheckout.outage(REFUSED):
        sync.push(other)
    assert (other.sync_state, len(twocheckout.customers)) == ("failed", 1)


# An object without name and address.


def test_a_customer_of_blanks__is_sent_nothing_until_a_person_decides(pushed, twocheckout):
    twocheckout.edit(pushed.customer_reference, **dict.fromkeys(REMOTE, ""))
    change(pushed, city="Paris")
    sync.push(pushed)
    assert "PUT" not in methods(twocheckout)
    assert "until a person pushes it" in pushed.sync_error
    assert pushed.first_name == "Ada"

    sync.push(pushed, source=Source.USER)
    assert (pushed.sync_state, pushed.city, pushed.first_name) == ("synced", "Paris", "Ada")
    theirs = twocheckout.customers[0]
    assert (theirs["City"], theirs["FirstName"], theirs["Email"]) == ("Paris", "Ada", ADA["email"])
