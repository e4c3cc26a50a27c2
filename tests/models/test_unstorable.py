"""What a database cannot hold is an error in words before the save; a save that fails loses nothing."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import Error, transaction

from django_twocheckout import sync
from django_twocheckout.models import Customer

from ..customers import ADA

TEXTS = sorted(Customer.PUSHED_FIELDS)
UNSTORABLE = ["\0", "\ud800", "\udfff"]


@pytest.mark.parametrize("character", UNSTORABLE)
@pytest.mark.parametrize("name", TEXTS)
def test_full_clean__says_so(db, name, character):
    customer = Customer(**ADA)
    start, end = getattr(customer, name)[:1], getattr(customer, name)[1:]
    setattr(customer, name, f"{start}{character}{end}"[:2] if name == "country_code" else f"{start}{character}{end}")
    customer.company = customer.company or "Engines"
    customer.company = customer.company or "Engines"
    with pytest.raises(ValidationError) as refusal:
        customer.full_clean()
    assert list(refusal.value.message_dict) == [name]


@pytest.mark.parametrize("name", ["آزاده‌نام", "Zoë", "李", "O'Hara & Sons", "a\u00a0b", "👩‍🚀"])
def test_full_clean__takes_what_people_are_called(db, name):
    Customer(**ADA | {"first_name": name}).full_clean()


@pytest.mark.parametrize("hidden", ["\u200b", "\u200f", "\u202c", "\ufeff", "\u00ad"])
@pytest.mark.parametrize("place", ["ada{}@example.org", "ada@exam{}ple.org", "ada@example.org{}"])
def test_full_clean__an_email_with_what_nobody_sees(db, place, hidden):
    with pytest.raises(ValidationError) as refusal:
        Customer(**ADA | {"email": place.format(hidden)}).full_clean()
    assert list(refusal.value.message_dict) == ["email"]


@pytest.mark.parametrize("character", UNSTORABLE)
@pytest.mark.parametrize("name", ["first_name", "email", "external_customer_reference"])
def test_save__loses_nothing(pushed, twocheckout, name, character):
    """Some databases hold some of these; then the push fails with a reason on the row."""
    good = getattr(pushed, name)
    pushed.city = "Paris"
    setattr(pushed, name, f"a{character}b")
    try:
        with transaction.atomic():
            pushed.save()
    except (Error, ValueError):
        row = Customer.objects.get()
        assert (row.city, row.sync_state) == ("London", "synced")
    else:
        sync.push(pushed)
        assert (pushed.sync_state, bool(pushed.sync_error)) == ("failed", True)
    setattr(pushed, name, good)
    pushed.save()
    sync.push(pushed)
    row = Customer.objects.get()
    assert (row.city, getattr(row, name), row.sync_state) == ("Paris", good, "synced")
    assert twocheckout.customers[0]["City"] == "Paris"


@pytest.mark.parametrize("character", UNSTORABLE)
@pytest.mark.parametrize("bulk", [False, True])
def test_create__then_again_with_what_can_be_stored(db, twocheckout, bulk, character):
    customer = Customer(**ADA | {"last_name": f"a{character}b"})

    def write():
        with transaction.atomic():
            Customer.objects.bulk_create([customer]) if bulk else customer.save()

    try:
        write()
    except (Error, ValueError):
        assert not Customer.objects.exists()
    else:
        sync.push_pending()
        customer.refresh_from_db()
        assert (customer.sync_state, bool(customer.sync_error)) == ("failed", True)
        Customer.objects.all().delete()
        customer.pk = None
        customer._state.adding = True
    customer.last_name = "Lovelace"
    write()
    sync.push_pending()
    assert Customer.objects.get().sync_state == "synced"
    assert [theirs["LastName"] for theirs in twocheckout.customers] == ["Lovelace"]
