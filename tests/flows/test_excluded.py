"""EXCLUDE_FIELDS: fields of the row that 2Checkout never gets, and that take over nothing from it."""

from __future__ import annotations

import pytest

from django_twocheckout import sync
from django_twocheckout.exceptions import BeingErased
from django_twocheckout.flows.imports import Import
from django_twocheckout.flows.plan import plans
from django_twocheckout.flows.push import unmarked_changes
from django_twocheckout.kit import synced_customer
from django_twocheckout.models import Ask, Customer
from django_twocheckout.wire import CustomerInformationSerializer

from ..customers import ADA, GRACE, change

EXCLUDED = ("phone", "company", "fiscal_code", "existing_cards", "credit_limit")


@pytest.fixture(autouse=True)
def _excluded(configure):
    configure(EXCLUDE_FIELDS=EXCLUDED)


@pytest.fixture
def ours(db):
    return Customer.objects.create(**ADA, phone="555", company="Engines", fiscal_code="RO1")


def sent(vendor):
    return [request.body for request in vendor.requests if request.method in ("POST", "PUT")]


@pytest.mark.parametrize("reads", [True, False])
def test_never_sent(ours, twocheckout, configure, reads):
    configure(READ_BEFORE_WRITE=reads)
    sync.push(ours)
    change(ours, city="Paris", phone="556")
    sync.push(ours)
    assert ours.sync_state == "synced"
    assert [set(body) & {"Phone", "Company", "FiscalCode"} for body in sent(twocheckout)] == [set(), set()]
    assert (ours.phone, ours.company, ours.acknowledged.get("phone")) == ("556", "Engines", None)


def test_a_change_of_them_alone_wakes_nobody(ours, twocheckout):
    sync.push(ours)
    change(ours, phone="557")
    Customer.objects.update(company="Other")
    ours.refresh_from_db()
    assert (ours.sync_state, ours.was_marked, ours.phone, ours.company) == ("synced", False, "557", "Other")
    assert list(unmarked_changes(Customer.objects.all())) == []
    assert [plan.fields for plan in plans([ours.pk])] == [[]]


def test_never_adopted_and_2checkouts_own_values_stay_there(ours, twocheckout):
    sync.push(ours)
    theirs = {"Phone": "999", "Company": "Theirs", "City": "Rome"}
    twocheckout.edit(ours.customer_reference, **theirs)
    sync.pull(ours)
    assert (ours.city, ours.phone, ours.company) == ("Rome", "555", "Engines")
    change(ours, city="Turin")
    sync.push(ours)
    there = twocheckout.customer(ours.customer_reference)
    assert (there["Phone"], there["Company"], there["City"]) == ("999", "Theirs", "Turin")
    assert {one.attribute for one in sync.compare(ours)} == Customer.PUSHED_FIELDS.difference(EXCLUDED)


def test_cards_are_neither_asked_for_nor_stored(ours, twocheckout):
    sync.push(ours)
    twocheckout.add_card(ours.customer_reference, "Visa", "1111")
    twocheckout.requests.clear()
    sync.pull(ours)
    assert (ours.existing_cards, ours.credit_limit) == ([], None)
    assert "includePaymentData" not in str(twocheckout.requests)
    [card] = sync.cards(ours)  # a person asked for them
    sync.delete_card(ours, card.token)
    assert ours.existing_cards == []


def test_added_and_imported(db, twocheckout):
    twocheckout.add_customer(**GRACE, Phone="555-7")
    added = sync.add("shop-7")
    assert (added.phone, added.credit_limit, added.sync_state) == ("", None, "synced")
    assert sync.find("shop-7").theirs.shared.get("phone") is None
    change(added, phone="1")
    assert added.sync_state == "synced"
    reference = twocheckout.add_customer(**{**GRACE, "ExternalCustomerReference": "shop-8"}, Phone="9")
    run = Import()
    run.take_either([("1", reference)])
    row = Customer.objects.get(customer_reference=reference)
    assert (row.sync_state, Ask.objects.get().customer_id) == ("synced", row.pk)
    sync.sweep()
    row.refresh_from_db()
    assert (row.first_name, row.phone) == ("Grace", "")


def test_no_longer_excluded__found_and_compared(ours, twocheckout, configure):
    sync.push(ours)
    twocheckout.edit(ours.customer_reference, Company="Theirs")
    configure(EXCLUDE_FIELDS=())
    assert list(unmarked_changes(Customer.objects.all())) == [ours.pk]
    Customer.objects.filter(pk=ours.pk).mark_pending()
    sync.push_pending()
    there = twocheckout.customer(ours.customer_reference)
    assert (there["Phone"], there["Company"]) == ("555", "Engines")  # CONFLICT is "local"


def test_excluded_from_now_on__what_is_known_of_it_stays(pushed, twocheckout, configure):
    configure(EXCLUDE_FIELDS=())
    change(pushed, phone="Tel. 1")
    sync.push(pushed)
    twocheckout.edit(pushed.customer_reference, Phone="theirs")
    sync.pull(pushed)
    configure(EXCLUDE_FIELDS=("phone",))
    change(pushed, phone="other", city="Oslo")
    sync.push(pushed)
    assert (pushed.sync_state, pushed.phone) == ("synced", "other")
    assert twocheckout.customer(pushed.customer_reference)["Phone"] == "theirs"


def test_a_row_of_the_kit_is_synced(db, twocheckout):
    customer = synced_customer(twocheckout, **ADA, phone="1")
    assert (customer.sync_state, twocheckout.customer(customer.customer_reference)["Phone"]) == ("synced", None)


def test_the_serializer_is_without_them(ours):
    data = CustomerInformationSerializer(ours).data
    assert {"Phone", "Company", "FiscalCode", "ExistingCards"}.isdisjoint(data)
    assert (data["Email"], set(data["Credit"])) == (ADA["email"], {"Remaining", "Currency"})
    read = CustomerInformationSerializer(data={**GRACE, "Phone": "7"})
    assert read.is_valid()
    assert "phone" not in read.validated_data


def test_a_fiscal_code_that_is_not_sent_needs_no_company(ours):
    ours.company = ""
    ours.full_clean()


def test_erased__2checkouts_own_values_are_the_persons_too(ours, twocheckout):
    sync.push(ours)
    twocheckout.edit(ours.customer_reference, Phone="999", Company="Theirs")
    twocheckout.add_card(ours.customer_reference)
    sync.erase(ours)
    sync.sweep()
    [theirs] = twocheckout.customers
    assert (theirs["Phone"] or "", theirs["Company"] or "", theirs["FirstName"]) == ("", "", "Erased")
    assert twocheckout.cards(ours.customer_reference) == []
    assert not Customer.objects.exists()


def test_they_are_not_written_to_a_row_that_is_being_erased(ours, twocheckout):
    sync.push(ours)
    sync.erase(ours)
    assert Customer.objects.update(phone="558") == 0
    ours.refresh_from_db()
    with pytest.raises(BeingErased):
        change(ours, phone="559")
    assert Customer.objects.get().phone == "555"
