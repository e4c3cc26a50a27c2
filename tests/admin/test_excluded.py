"""The customers' pages without the fields of EXCLUDE_FIELDS."""

from __future__ import annotations

import pytest
from django.contrib.admin.utils import flatten_fieldsets

from django_twocheckout import sync
from django_twocheckout.models import Customer

from ..customers import ADA, GRACE
from .pages import LIST, text

EXCLUDED = ("phone", "company", "fiscal_code", "existing_cards", "credit_limit", "enabled")


@pytest.fixture(autouse=True)
def _excluded(configure, twocheckout):
    configure(EXCLUDE_FIELDS=EXCLUDED)


def shown(client, address):
    response = client.get(address)
    assert response.status_code == 200
    return response


def test_the_form_and_the_filters(admin_client, db):
    ada = Customer.objects.create(**ADA, phone="555")
    page = shown(admin_client, f"{LIST}{ada.pk}/change/")
    fields = page.context["adminform"].form.fields
    assert set(EXCLUDED).isdisjoint(fields)
    assert {"fax", "email", "city"} <= set(fields)
    lines = flatten_fieldsets(page.context["adminform"].fieldsets)
    assert not {"is_enabled", "cards_on_file", "credit"} & set(lines)
    assert "is_trial" in lines
    titles = {spec.title for spec in shown(admin_client, LIST).context["cl"].filter_specs}
    assert {"cards", "enabled"}.isdisjoint(titles)
    assert "trial" in titles


def test_a_save_leaves_them_as_they_are(admin_client, db):
    ada = Customer.objects.create(**ADA, phone="555")
    response = admin_client.post(f"{LIST}{ada.pk}/change/", {**ADA, "city": "Paris", "phone": "1"})
    assert response.status_code == 302
    ada.refresh_from_db()
    assert (ada.city, ada.phone) == ("Paris", "555")


def test_the_form_while_the_setting_is_wrong(admin_client, db, configure):
    ada = Customer.objects.create(**ADA)
    configure(EXCLUDE_FIELDS=("email",))
    assert "phone" in shown(admin_client, f"{LIST}{ada.pk}/change/").context["adminform"].form.fields


def test_the_preview_of_a_customer_at_2checkout(admin_client, twocheckout):
    twocheckout.add_customer(**GRACE, Phone="555-7")
    page = text(admin_client.post(f"{LIST}add-from-2checkout/", {"reference": "shop-7"}))
    assert "Hopper" in page
    assert "555-7" not in page
    assert "Phone" not in page


def test_the_compared_fields(admin_client, twocheckout, db):
    ada = Customer.objects.create(**ADA, phone="555")
    sync.push(ada)
    page = text(shown(admin_client, f"{LIST}{ada.pk}/differences/?all"))
    assert "Fax" in page
    assert "Phone" not in page
