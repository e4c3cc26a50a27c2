"""A project's rule for single customers: nothing at all is sent about a forbidden one, whatever leads there."""

from __future__ import annotations

import pytest
from django.contrib.admin import site

from django_twocheckout import sync
from django_twocheckout.admin import CustomerAdmin
from django_twocheckout.models import Customer

from ..customers import ADA
from .pages import CARDS, LIST, act


@pytest.fixture
def allowed(pushed, twocheckout):
    """A second customer like the first one, and both have failed with a change to be sent."""
    second = Customer.objects.create(**ADA)
    sync.push(second)
    Customer.objects.update(city="Paris")
    Customer.objects.update_unmarked(sync_state="failed", error_code="SIM_REFUSED", sync_error="No. (SIM_REFUSED)")
    twocheckout.requests.clear()
    return second


@pytest.fixture
def forbidden(pushed, monkeypatch):
    """The first customer, which the project's admin forbids for everything."""

    class OwnAdmin(CustomerAdmin):
        pass

    for rule in ("push", "pull", "delete_card"):
        name = f"has_{rule}_permission"

        def may(self, request, obj=None, _name=name):
            return getattr(CustomerAdmin, _name)(self, request, obj) and (obj is None or obj.pk != pushed.pk)

        setattr(OwnAdmin, name, may)
    monkeypatch.setattr(site.get_model_admin(Customer), "__class__", OwnAdmin)
    return pushed


def asked_for(twocheckout, customer):
    """The methods of the requests about this customer."""
    return [one.method for one in twocheckout.requests if customer.customer_reference in one.path]


@pytest.mark.parametrize("action", ["push_now", "retry_failed", "refetch"])
def test_actions(admin_client, allowed, forbidden, twocheckout, action):
    act(admin_client, action, forbidden, allowed)
    assert asked_for(twocheckout, forbidden) == []
    assert asked_for(twocheckout, allowed) == (["GET"] if action == "refetch" else ["GET", "PUT"])
    theirs = {one["CustomerReference"]: one["City"] for one in twocheckout.customers}
    assert theirs[forbidden.customer_reference] == "London"


def test_all_of_one_reason(admin_client, allowed, forbidden, twocheckout):
    admin_client.post(f"{LIST}retry-reason/", {"error_code": "SIM_REFUSED"})
    assert asked_for(twocheckout, forbidden) == []
    assert asked_for(twocheckout, allowed) == ["GET", "PUT"]


def test_cards(admin_client, allowed, forbidden, twocheckout):
    page = act(admin_client, "choose_cards", forbidden, allowed)
    assert page.redirect_chain == [(f"{CARDS}?customer={allowed.pk}&customer={forbidden.pk}", 302)]
    assert [holder.customer.pk for holder in page.context["holders"]] == [allowed.pk]
    assert asked_for(twocheckout, forbidden) == []


def test_save_and_push(admin_client, allowed, forbidden, twocheckout):
    address = f"{LIST}{forbidden.pk}/change/"
    form = admin_client.get(address).context["adminform"].form
    data = {name: value for name in form.fields if (value := form[name].value()) is not None}
    admin_client.post(address, {**data, "city": "Rome", "_push": "1"})
    assert Customer.objects.get(pk=forbidden.pk).city == "Rome"
    assert asked_for(twocheckout, forbidden) == []
