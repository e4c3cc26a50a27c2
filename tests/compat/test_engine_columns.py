"""Whatever these packages write, both sides end equal or the row is not synced, and 2Checkout has one customer."""

from __future__ import annotations

import pytest
import reversion
from import_export import resources
from reversion.models import Version

from django_twocheckout import sync
from django_twocheckout.models import Customer

from ..customers import ADA


class CustomerResource(resources.ModelResource):
    class Meta:
        model = Customer


class BulkResource(resources.ModelResource):
    class Meta:
        model = Customer
        use_bulk = True


@pytest.fixture
def customer(twocheckout, transactional_db):
    twocheckout.behaviour.duplicate_external_reference = "allow"  # so that a second POST would show
    with reversion.create_revision():
        return Customer.objects.create(**ADA)


def edit(customer, **values):
    row = Customer.objects.get(pk=customer.pk)
    for name, value in values.items():
        setattr(row, name, value)
    with reversion.create_revision():
        row.save()
    sync.push(row)
    return row


def both_sides_agree(twocheckout, city):
    """After the sweep."""
    before = Customer.objects.get()
    sync.push_pending()
    row, [theirs] = Customer.objects.get(), twocheckout.customers
    assert (row.city, theirs["City"], row.sync_state) == (city, city, "synced")
    assert row.customer_reference == theirs["CustomerReference"]
    return before


@pytest.mark.parametrize("resource", [CustomerResource, BulkResource])
@pytest.mark.parametrize("pushed", [True, False], ids=["after the create", "before the create"])
def test_import__yesterdays_file_of_all_columns(customer, twocheckout, resource, pushed):
    if pushed:
        sync.push(customer)
    file = resource().export()
    edit(customer, city="Paris")
    result = resource().import_data(file, raise_errors=True)
    assert not result.has_errors()
    assert both_sides_agree(twocheckout, "London").sync_state == "pending"


@pytest.mark.parametrize("resource", [CustomerResource, BulkResource])
def test_import__of_nothing_new_pushes_nothing(customer, twocheckout, resource):
    sync.push(customer)
    resource().import_data(resource().export(), raise_errors=True)
    requests = len(twocheckout.requests)
    both_sides_agree(twocheckout, "London")
    assert "PUT" not in {request.method for request in twocheckout.requests[requests:]}


def test_reversion__revert_to_the_version_before_the_create(customer, twocheckout):
    sync.push(customer)
    edit(customer, city="Paris")
    initial = Version.objects.get_for_object(customer).last()
    with reversion.create_revision():
        initial.revert()
    assert both_sides_agree(twocheckout, "London").sync_state == "pending"


def test_reversion__revert_to_an_earlier_version(customer, twocheckout):
    sync.push(customer)
    edit(customer, city="Rome")
    edit(customer, city="Paris")
    rome = Version.objects.get_for_object(customer)[1]
    rome.revert()
    assert both_sides_agree(twocheckout, "Rome").sync_state == "pending"


def test_reversion__a_deleted_row_comes_back_and_is_created_once(customer, twocheckout):
    sync.push(customer)
    edit(customer, city="Paris")
    reference = Customer.objects.get().customer_reference
    version = Version.objects.get_for_object(customer).first()
    customer.delete()
    version.revert()
    assert Customer.objects.get().customer_reference == reference
    both_sides_agree(twocheckout, "Paris")


def test_simple_history__revert_to_the_newest_record_after_a_stale_save(customer, twocheckout):
    stale = Customer.objects.get()
    sync.push(customer)
    edit(customer, city="Paris")
    stale.phone = "555"
    stale.save()
    newest = Customer.history.first().instance
    newest.save()
    row = Customer.objects.get()
    assert (row.customer_reference is None, row.lease_expires_at) == (False, None)
    sync.push_pending()
    [theirs] = twocheckout.customers
    row = Customer.objects.get()
    assert (row.sync_state, row.city, row.phone) == ("synced", theirs["City"], theirs["Phone"])
