"""Mirrored objects in the customers' admin: fields that they set, and those that could not be mirrored."""

from __future__ import annotations

import pytest
from django.urls import reverse

from django_twocheckout import sync
from django_twocheckout.mirrors.portions import apply_due
from django_twocheckout.models import Account, Customer, MirrorMark

from ..mirrors.people import COMPLETE
from ..shop.models import Buyer
from .pages import STATUS, read


@pytest.fixture
def buyer(db):
    return Buyer.objects.create(**COMPLETE)


@pytest.fixture
def form(buyer):
    return reverse("admin:twocheckout_customer_change", args=[buyer.customer_id])


@pytest.fixture
def buyers_in_admin(settings):
    """An admin site with buyers in it. Returns the address of its customers."""
    settings.ROOT_URLCONF = "tests.admin.sites"
    return "/shop/twocheckout/customer/"


def shown(client, address):
    return read(client.get(address).content.decode())


def test_fields_of_a_mirror_are_not_to_be_changed(admin_client, form):
    page = admin_client.get(form)
    fields = page.context["adminform"].form.fields
    assert "phone" in fields
    assert not {"email", "city", "first_name", "country_code"} & set(fields)
    words = read(page.content.decode())
    assert f"These fields come from the buyer {Buyer.objects.get().pk}, and are changed there: First name," in words
    assert "First name, Last name, Address, City, Postal code, Country and E-mail." in words


def test_a_forged_value_is_not_taken(admin_client, form):
    admin_client.post(form, {"city": "Rome", "phone": "+44 1", "initial-phone": "", "_save": "Save"})
    customer = Customer.objects.get()
    assert (customer.city, customer.phone) == ("London", "+44 1")


def test_without_an_object_all_may_be_changed(admin_client, buyer, form):
    buyer.delete()
    page = admin_client.get(form)
    assert "city" in page.context["adminform"].form.fields
    assert "These fields come from" not in read(page.content.decode())


def test_the_object_is_named_to_those_who_may_see_it(admin_client, support, buyers_in_admin, buyer):
    address = f"{buyers_in_admin}{buyer.customer_id}/change/"
    link = f'<a href="/shop/shop/buyer/{buyer.pk}/change/">buyer {buyer.pk}</a>'
    assert link in admin_client.get(address).content.decode()
    page = support("view_customer", "change_customer").get(address).content.decode()
    assert "These fields come from" in page
    assert "/shop/shop/buyer/" not in page


def test_what_to_do_about_a_refused_value(admin_client, mirror_with, form, buyer, twocheckout):
    mirror_with(lambda buyer: {"email": "no address", "city": ""})
    buyer.save()
    sync.push(Customer.objects.get())
    words = shown(admin_client, form)
    assert "Correct City and E-mail in the object that is named below." in words
    assert "and save. Saving pushes." not in words


def test_status_page__objects_that_are_not_mirrored(admin_client, mirror_with, db, buyers_in_admin):
    def fails(buyer):
        raise KeyError(buyer.email)

    mirror_with(fails)
    buyer = Buyer.objects.create(**COMPLETE)
    MirrorMark.objects.create(mirror="shop.ghost", object_key="7")
    apply_due("default")
    Buyer.objects.update(city="Paris")
    Account.objects.note_sweep("default", "default")
    page = admin_client.get(f"{buyers_in_admin}status/").content.decode()
    words = read(page)
    assert "The customers of 2 objects of the site could not be made or changed. All others are in step." in words
    assert "1 object waits for the sweep" in words
    assert "failed with KeyError." in words
    assert "ada@example.org" not in words
    assert "No mirror is registered for this model." in words
    assert f'<a href="/shop/shop/buyer/{buyer.pk}/change/">' in page


def test_status_page__nothing_to_tell(admin_client, buyer):
    assert "own objects" not in shown(admin_client, STATUS)
