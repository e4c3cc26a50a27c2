"""From a customer to the project's own objects, and from these to the customer."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin

from django_twocheckout.admin import CustomerAdmin
from django_twocheckout.models import Customer

from ..customers import ADA
from ..shop.models import Member, Order
from .pages import form, text
from .project_site import OrderAdmin, Parcel, office

ORDERS = "/office/shop/order/"


@pytest.fixture(autouse=True)
def _site(settings):
    settings.ROOT_URLCONF = "tests.admin.project_site"


def of(customer):
    return f"/office/twocheckout/customer/{customer.pk}/change/"


def links(page):
    """The lines of links in the panel, each as its words and addresses."""
    found = re.findall(r'<ul class="tco-links">(.*?)</ul>', page.content.decode(), re.DOTALL)
    lines = re.findall(r"<li>(.*?)</li>", "".join(found), re.DOTALL)
    return [(" ".join(re.sub("<[^>]+>", "", line).split()), re.findall('href="([^"]+)"', line)) for line in lines]


# To the project's own objects.


def test_the_objects_that_point_to_a_customer(admin_client, ada):
    first, second = (Order.objects.create(customer=ada) for _ in range(2))
    Order.objects.create(customer=Customer.objects.create(**ADA))
    [(words, addresses)] = links(admin_client.get(of(ada)))
    assert words in (f"Order: {first}, {second}", f"Order: {second}, {first}")
    assert set(addresses) == {f"{ORDERS}{first.pk}/change/", f"{ORDERS}{second.pk}/change/"}
    assert all(admin_client.get(address).status_code == 200 for address in addresses)


def test_a_child_of_the_customer(admin_client, db):
    member = Member.objects.create(**ADA)
    customer = Customer.objects.get()
    assert links(admin_client.get(of(customer))) == [
        ("Member: Ada Lovelace", [f"/office/shop/member/{member.pk}/change/"])
    ]


def test_many_are_behind_a_link(admin_client, ada):
    Order.objects.bulk_create(Order(customer=ada) for _ in range(7))
    Order.objects.create(customer=Customer.objects.create(**ADA))
    [(words, addresses)] = links(admin_client.get(of(ada)))
    assert words.count("order ") == 5
    assert words.endswith(", show all")
    assert admin_client.get(addresses[-1]).context["cl"].result_count == 7


def test_nothing_points_to_it(admin_client, ada):
    assert links(admin_client.get(of(ada))) == []
    assert links(admin_client.get(form(ada))) == []  # a site without the project's models


def test_only_for_those_who_may_see_them(support, ada, monkeypatch):
    Order.objects.create(customer=ada)
    assert links(support().get(of(ada))) == []
    client = support("view_order")
    assert len(links(client.get(of(ada)))) == 1
    monkeypatch.setattr(OrderAdmin, "has_view_permission", lambda self, request, obj=None: obj is None)
    assert links(client.get(of(ada))) == []
    monkeypatch.undo()
    monkeypatch.setattr(OrderAdmin, "get_queryset", lambda self, request: Order.objects.none())
    assert links(client.get(of(ada))) == []


# From them.


def test_the_state_in_a_projects_own_list(admin_client, pushed):
    Order.objects.create(customer=pushed)
    for page in (admin_client.get(ORDERS), admin_client.get(f"{ORDERS}{Order.objects.get().pk}/change/")):
        shown = re.search(
            rf'<a href="{of(pushed)}"><span class="tco-state tco-state-synced".*?</a>', page.content.decode()
        )
        assert "✓</span> Synced" in shown[0]
        assert "/static/twocheckout/admin.css" in page.content.decode()


def test_one_statement_for_all(admin_client, db, django_assert_num_queries):
    def make(count):
        for _ in range(count):
            Order.objects.create(customer=Customer.objects.create(**ADA))

    make(2)
    with django_assert_num_queries(6) as few:  # the session, the user, three of Django's list, and ours
        admin_client.get(ORDERS)
    make(20)
    with django_assert_num_queries(len(few)):
        page = admin_client.get(ORDERS)
    assert text(page).count("◷ Pending") == 22


def test_a_longer_way(rf, admin_user, pushed):
    request = rf.get("/")
    request.user = admin_user
    one, without = Parcel(pk=1, order=Order.objects.create(customer=pushed)), Parcel(pk=2)
    parcels = office.get_model_admin(Parcel)
    parcels.find_customers(request, [one, without])
    assert of(pushed) in parcels.customer_state(one)
    assert parcels.customer_state(without) == "-"


@pytest.mark.parametrize("why", ["no permission", "another's customer", "no admin of customers"])
def test_nothing_for_those_who_may_not_see_the_customer(support, permitted, pushed, monkeypatch, why):
    Order.objects.create(customer=pushed)
    client = support("view_order")
    if why == "no permission":
        client = permitted("view_order")
    elif why == "another's customer":
        monkeypatch.setattr(CustomerAdmin, "get_queryset", lambda self, request: Customer.objects.none())
    else:
        monkeypatch.setattr(office, "get_model_admin", admin.AdminSite("empty").get_model_admin)
    page = client.get(ORDERS)
    assert page.status_code == 200
    assert "tco-state" not in page.content.decode()
