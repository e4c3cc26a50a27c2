"""Countries and languages: one spelling by every way in, and a choice by name in every form."""

from __future__ import annotations

import re

import pytest
from django import forms
from django.contrib import admin
from django.core import serializers
from django.core.exceptions import ValidationError
from django.forms import modelform_factory
from django.utils import translation

from django_twocheckout.countries import COUNTRY_CODES
from django_twocheckout.models import Customer

from ..customers import ADA

ADA_ABROAD = {**ADA, "country_code": "de", "language": "PT-br"}
SPELT = ("DE", "pt-br")


def by_save(row):
    Customer(**ADA_ABROAD).save()


def by_a_later_save(row):
    row.country_code, row.language = "de", "PT-br"
    row.save()
    assert (row.country_code, row.language) == SPELT  # the instance, too, has what the row has
    assert row.unsaved_fields() == set()


def by_update(row):
    Customer.objects.update(country_code="de", language="PT-br")


def by_bulk_create(row):
    Customer.objects.bulk_create([Customer(**ADA_ABROAD)])


def by_bulk_update(row):
    row.country_code, row.language = "de", "PT-br"
    Customer.objects.bulk_update([row], ["country_code", "language"])


def by_update_or_create(row):
    Customer.objects.update_or_create(pk=row.pk, defaults=ADA_ABROAD)


def by_a_fixture(row):
    row.country_code, row.language = "de", "PT-br"
    fixture = serializers.serialize("json", [row])
    next(serializers.deserialize("json", fixture)).save()


def by_a_form(row):
    form = modelform_factory(Customer, fields=["country_code"])({"country_code": "de"}, instance=row)
    form.save()
    Customer.objects.update(language="PT-br")


@pytest.mark.parametrize(
    "way",
    [by_save, by_a_later_save, by_update, by_bulk_create, by_bulk_update, by_update_or_create, by_a_fixture, by_a_form],
)
def test_one_spelling_by_every_way_in(db, way):
    way(Customer.objects.create(**ADA))
    row = Customer.objects.order_by("pk").last()
    assert (row.country_code, row.language) == SPELT
    assert Customer.objects.filter(country_code="de").get() == row
    assert Customer.objects.filter(country_code__in=["de"]).get() == row
    assert Customer.objects.filter(language="Pt-bR").get() == row


def test_other_lookups_are_left_alone(db):
    Customer.objects.create(**ADA_ABROAD)
    for lookup in ({"country_code__regex": r"^\w\w$"}, {"language__startswith": "pt"}, {"country_code__iexact": "dE"}):
        assert Customer.objects.filter(**lookup).count() == 1


def test_a_letter_beyond_ascii_becomes_no_other_country(db):
    row = Customer.objects.create(country_code="ß")
    row.refresh_from_db()
    assert row.country_code == "ß"


@pytest.mark.parametrize("field", ["country_code", "language"])
def test_each_form_has_a_choice_by_name(field):
    form = modelform_factory(Customer, fields=[field])()
    shown = dict(form.fields[field].choices)
    assert isinstance(form.fields[field].widget, forms.Select)
    assert {"country_code": ("DE", "Germany"), "language": ("de", "German")}[field] in shown.items()
    assert "" in shown
    assert not form.fields[field].required


def test_a_plain_model_admin_has_it_too(rf, admin_user):
    request = rf.get("/")
    request.user = admin_user
    form = admin.ModelAdmin(Customer, admin.site).get_form(request)()
    assert '<option value="AT">Austria</option>' in str(form["country_code"])


@pytest.mark.parametrize(
    ("language", "first", "germany"),
    [("en", "Afghanistan", "Germany"), ("de-at", "Afghanistan", "Deutschland"), ("ro", "Afganistan", "Germania")],
)
def test_in_the_readers_language(language, first, germany):
    form = modelform_factory(Customer, fields=["country_code"])()
    with translation.override(language):
        shown = re.findall(r'<option value="(\w+)">([^<]+)', str(form["country_code"]))
        assert shown[0][1] == first
        assert dict(shown)["DE"] == germany
        assert len(shown) == len(COUNTRY_CODES)
        assert Customer(country_code="DE").get_country_code_display() == germany


@pytest.mark.parametrize(("field", "stored"), [("country_code", "ZZ"), ("language", "klingon")])
def test_an_unknown_value_is_shown_and_kept(db, field, stored):
    row = Customer.objects.create(**ADA)
    Customer.objects.update(**{field: stored})
    row = Customer.objects.get()
    form_class = modelform_factory(Customer, fields=[field, "city"])
    assert f'<option value="{stored}" selected>{stored}</option>' in str(form_class(instance=row)[field])
    form = form_class({field: stored, "city": "Rome"}, instance=row)
    assert form.is_valid(), form.errors
    form.save()
    row = Customer.objects.get()
    assert (getattr(row, field), row.city) == (stored, "Rome")
    row.full_clean()
    other = Customer.objects.create(**ADA)
    assert field in form_class({field: stored, "city": "Rome"}, instance=other).errors
    setattr(other, field, stored)
    with pytest.raises(ValidationError, match="two-letter"):
        other.full_clean()


def test_only_a_change_is_a_change(db):
    row = Customer.objects.create(**{**ADA, "language": "en"})
    form = modelform_factory(Customer, fields=["country_code", "language"])(
        {"country_code": "gb", "language": "EN"}, instance=row
    )
    assert form.is_valid()
    assert form.changed_data == []
