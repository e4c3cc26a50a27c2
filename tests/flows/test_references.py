from __future__ import annotations

import pytest

from django_twocheckout.flows.references import keys_of, rows_with
from django_twocheckout.models import Customer

from ..customers import ADA


@pytest.fixture
def two(db):
    return [
        Customer.objects.create(**ADA, customer_reference=number, external_customer_reference=f"shop-{number}")
        for number in ("11", "22")
    ]


def test_by_either_reference(two, django_assert_num_queries):
    one, other = two
    with django_assert_num_queries(2):
        found = keys_of(Customer.objects.all(), ["11", "shop-22", "shop-11", "33"])
    assert dict(found) == {"11": [one.pk], "shop-22": [other.pk], "shop-11": [one.pk]}


def test_a_reference_of_both_kinds_finds_both_rows(two):
    one, other = two
    Customer.objects.filter(pk=other.pk).update(external_customer_reference="11")
    assert keys_of(Customer.objects.all(), ["11"]) == {"11": [one.pk, other.pk]}


def test_the_same_reference_in_two_accounts_finds_both_rows(two):
    there = Customer.objects.create(**ADA, account="us", customer_reference="11")
    assert set(keys_of(Customer.objects.all(), ["11"])["11"]) == {two[0].pk, there.pk}


@pytest.mark.parametrize("impossible", ["", "\0", "\ud800", "1\n1"])
def test_what_no_database_keeps_finds_none(impossible, two, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert list(rows_with(Customer.objects.all(), [impossible], [impossible])) == []


def test_nothing_of_a_row_is_told(two):
    [row] = rows_with(Customer.objects.all(), ["11"], [])
    assert "shop" not in repr(row)
