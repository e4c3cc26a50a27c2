"""The resource for django-import-export, and the how-to of it, run as it stands."""

from __future__ import annotations

import importlib
import re

import pytest
from django.contrib import admin
from django.contrib.admin import site
from tablib import Dataset

from django_twocheckout import sync
from django_twocheckout.admin import CustomerAdmin
from django_twocheckout.models import Customer
from django_twocheckout.resources import CustomerResource

from ..admin.pages import LIST, text
from ..customers import ADA
from ..recipes import written

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def customer(twocheckout):
    ada = Customer.objects.create(**ADA, phone="+44 555")
    sync.push(ada)
    twocheckout.requests.clear()
    return ada


def exported():
    return Dataset().load(CustomerResource().export().csv, format="csv")


def imported(file, **options):
    return CustomerResource().import_data(file, **options)


def changed(file, **values):
    """The file with other values in its first line."""
    line = {**file.dict[0], **values}
    return Dataset(list(line.values()), headers=list(line))


def test_columns():
    assert set(exported().headers) == Customer.PUSHED_FIELDS | {"id", "customer_reference", "sync_state"}
    assert exported().headers[:3] == ["id", "customer_reference", "sync_state"]


def test_a_change_is_pushed(customer, twocheckout):
    assert not imported(changed(exported(), city="Paris"), raise_errors=True).has_errors()
    assert Customer.objects.get().sync_state == "pending"
    sync.sweep()
    assert (twocheckout.customers[0]["City"], Customer.objects.get().sync_state) == ("Paris", "synced")


def test_nothing_new_is_left_alone(customer, twocheckout):
    assert imported(exported(), raise_errors=True).totals["skip"] == 1
    assert Customer.objects.get().sync_state == "synced"
    sync.sweep()
    assert twocheckout.requests == []


def test_what_2checkout_owns_is_not_imported(customer):
    reference = customer.customer_reference
    imported(changed(exported(), customer_reference="1", sync_state="failed", city="Paris"), raise_errors=True)
    row = Customer.objects.get()
    assert (row.customer_reference, row.city) == (reference, "Paris")


def test_a_new_customer(customer, twocheckout):
    file = changed(exported(), id="", customer_reference="", external_customer_reference="", first_name="Grace")
    assert imported(file, raise_errors=True).totals["new"] == 1
    sync.sweep()
    assert {one["FirstName"] for one in twocheckout.customers} == {"Ada", "Grace"}
    assert not Customer.objects.exclude(sync_state="synced").exists()


def test_a_wrong_value_is_an_error_of_its_line(customer):
    result = imported(changed(exported(), country_code="XX"))
    assert result.has_validation_errors()
    assert Customer.objects.get().country_code == "GB"


@pytest.mark.parametrize(
    "value", ["=1+1", "+44 555", "-5", "@x", "\t=x", "'=x", "''=x", "'plain", "O'Neill", "", "a=b", '=HYPERLINK("x")']
)
def test_formulas(customer, value):
    Customer.objects.update(company=value)
    sync.push(Customer.objects.get())
    cell = exported().dict[0]["company"]
    assert not re.match(r"[=+\-@\t\r]", cell)
    assert imported(exported(), raise_errors=True).totals["skip"] == 1
    imported(changed(exported(), city="Paris"), raise_errors=True)
    assert Customer.objects.get().company == value


def test_the_how_to(admin_client, customer, tmp_path, monkeypatch, settings):
    before = site.get_model_admin(Customer)
    [file] = written("how-to/import-export.md", tmp_path)
    monkeypatch.syspath_prepend(file.parent)
    file.rename(file.with_name("importing_admin.py"))
    try:
        importlib.import_module("importing_admin")
        settings.ROOT_URLCONF = type("Urls", (), {"urlpatterns": _addresses()})
        page = admin_client.get(LIST)
        assert "Is it flowing?" in text(page)
        for there in ("import/", "export/"):
            assert admin_client.get(f"{LIST}{there}").status_code == 200
            assert there in page.content.decode()
        assert isinstance(site.get_model_admin(Customer), CustomerAdmin)
    finally:
        site.unregister(Customer)
        site.register(Customer, type(before))


def _addresses():
    from django.urls import include, path

    return [path("admin/", admin.site.urls), path("2checkout/", include("django_twocheckout.urls"))]
