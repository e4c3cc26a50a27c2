from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from django_twocheckout import sync
from django_twocheckout.admin import CustomerAdmin
from django_twocheckout.models import Customer
from django_twocheckout.templatetags.twocheckout import MOST_REFERENCES

from ..customers import ADA
from .pages import ADD, LIST, text


def note(response):
    """What our note says, apart from the rest of the page."""
    return re.search(r'<div class="[^"]*tco-kept-at-vendor".*?</div>', response.content.decode(), re.DOTALL)[0]


def delete_one(client, customer, **options):
    return client.get(reverse("admin:twocheckout_customer_delete", args=[customer.pk]), **options)


def delete_several(client, *customers, **options):
    chosen = {"action": "delete_selected", "_selected_action": [customer.pk for customer in customers], **options}
    return client.post(LIST, chosen)


def test_one_that_2checkout_keeps(admin_client, ada, twocheckout):
    sync.push(ada)
    page = delete_one(admin_client, ada)
    assert "1 of the customers to be deleted here exists at 2Checkout and stays there." in text(page)
    assert "2Checkout's API cannot delete a customer" in text(page)
    assert f"<li>{ada.customer_reference}</li>" in note(page)
    assert f'href="{ADD}"' in note(page)
    assert 'href="/static/twocheckout/admin.css"' in page.content.decode()
    assert "Are you sure" in text(page)


def test_one_that_2checkout_does_not_have(admin_client, ada):
    page = delete_one(admin_client, ada)
    assert "2Checkout does not have what is to be deleted." in text(page)
    assert "stays there" not in text(page)
    assert ADD not in note(page)


def test_some_of_many(admin_client, ada, twocheckout):
    there = [Customer.objects.create(**ADA, customer_reference=str(7001 + number)) for number in range(2)]
    page = delete_several(admin_client, ada, *there)
    assert "2 of the customers to be deleted here exist at 2Checkout and stay there." in text(page)
    assert re.findall(r"<li>(.*?)</li>", note(page)) == ["7001", "7002"]
    assert "Are you sure" in text(page)
    delete_several(admin_client, ada, *there, post="yes")
    assert not Customer.objects.exists()


def test_twenty_references_are_enough(admin_client, db):
    there = [Customer.objects.create(**ADA, customer_reference=str(7001 + number)) for number in range(22)]
    page = delete_several(admin_client, *there)
    shown = re.findall(r"<li>(.*?)</li>", note(page))
    assert shown == [*(str(7001 + number) for number in range(MOST_REFERENCES)), "and 2 more"]
    assert "22 of the customers" in text(page)


def test_it_can_be_added_again(admin_client, ada, twocheckout):
    sync.push(ada)
    reference = re.search(r"<li>(\d+)</li>", note(delete_one(admin_client, ada)))[1]
    admin_client.post(reverse("admin:twocheckout_customer_delete", args=[ada.pk]), {"post": "yes"})
    assert not Customer.objects.exists()
    again = sync.add(reference)
    assert (again.external_customer_reference, again.sync_state) == (ada.external_customer_reference, "synced")


@pytest.mark.parametrize("codename", ["add_customer", "pull_customer"])
def test_no_link_to_a_page_that_would_be_refused(client, ada, codename):
    Customer.objects.filter(pk=ada.pk).update_unmarked(customer_reference="7001")
    user = User.objects.create_user("support", is_staff=True)
    needed = ["view_customer", "delete_customer", codename]
    user.user_permissions.set(Permission.objects.filter(codename__in=needed))
    client.force_login(user)
    page = delete_one(client, ada)
    assert "7001" in note(page)
    assert ADD not in note(page)


def test_nothing_is_said_where_nothing_can_be_deleted(admin_client, ada, monkeypatch):
    Customer.objects.filter(pk=ada.pk).update_unmarked(customer_reference="7001")
    monkeypatch.setattr(CustomerAdmin, "get_deleted_objects", lambda *args: ([], {}, set(), ["Account: 1"]))
    for page in (delete_one(admin_client, ada), delete_several(admin_client, ada)):
        assert "Account: 1" in text(page)
        assert "tco-kept-at-vendor" not in page.content.decode()
