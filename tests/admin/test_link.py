"""A customer that is gone at 2Checkout: told everywhere, and with its ways out on the page where it is seen."""

from __future__ import annotations

import pytest

from django_twocheckout import sync
from django_twocheckout.exceptions import NotFound
from django_twocheckout.models import Customer
from django_twocheckout.testing import FakeTwoCheckout

from ..customers import ADA
from .pages import LIST, STATUS, form, read, said, values


@pytest.fixture
def gone(pushed, twocheckout):
    twocheckout.forget(pushed.customer_reference)
    with pytest.raises(NotFound):
        sync.pull(pushed)
    pushed.refresh_from_db()
    assert pushed.presence == "gone"
    twocheckout.requests.clear()
    return pushed


def shown(client, customer):
    return read(client.get(form(customer)).content.decode())


def link(customer):
    return f"{LIST}{customer.pk}/link/"


def test_it_is_told(admin_client, gone):
    assert "∅ Gone 2Checkout does not have this customer any more." in shown(admin_client, gone)
    assert "∅ Gone" in read(admin_client.get(LIST).content.decode())
    assert "1 customer" in admin_client.get(LIST, {"presence__exact": "gone"}).content.decode()
    assert "0 customers" in admin_client.get(LIST, {"presence__exact": "there"}).content.decode()
    assert (
        '<a href="/admin/twocheckout/customer/?presence__exact=gone">1</a>' in admin_client.get(STATUS).content.decode()
    )
    for button in ("Create again at 2Checkout", "Link to another reference…"):
        assert button in shown(admin_client, gone)


def test_created_again(admin_client, gone, twocheckout):
    before = gone.customer_reference
    answer = admin_client.post(f"{LIST}{gone.pk}/create-again/", follow=True)
    assert said(answer) == ("success", "2Checkout has this customer again.")
    gone.refresh_from_db()
    assert (gone.presence, gone.sync_state) == ("there", "synced")
    assert gone.customer_reference not in (None, before)
    assert "Create again at 2Checkout" not in shown(admin_client, gone)


def test_created_again__a_failure_is_told(admin_client, gone, twocheckout):
    twocheckout.fail("503")
    level, words = said(admin_client.post(f"{LIST}{gone.pk}/create-again/", follow=True))
    assert (level, "Down for maintenance" in words) == ("error", True)


def test_linked_to_another_reference(admin_client, gone, twocheckout):
    theirs = twocheckout.add_customer(FirstName="Ada", LastName="Byron", Email="ada@example.org", City="Bath")
    page = admin_client.post(link(gone), {"reference": theirs})
    assert "Byron" in read(page.content.decode())
    gone.refresh_from_db()
    assert gone.presence == "gone"  # only shown
    answer = admin_client.post(link(gone), {"found": page.context["sealed"]}, follow=True)
    assert said(answer) == ("success", "The row is linked to this customer of 2Checkout.")
    gone.refresh_from_db()
    assert (gone.presence, gone.customer_reference) == ("there", theirs)


def refused_by_2checkout(customer, twocheckout):
    customer.fiscal_code = "INVALID"
    customer.company = "Analytical Engines"
    customer.save()


def refused_before_it_was_sent(customer, twocheckout):
    customer.city = ""
    customer.save()


@pytest.mark.parametrize("make", [refused_by_2checkout, refused_before_it_was_sent])
@pytest.mark.parametrize("there", [True, False])
def test_each_failed_row_can_be_linked(admin_client, ada, twocheckout, make, there):
    if there:
        sync.push(ada)
    make(ada, twocheckout)
    sync.push(ada)
    assert ada.sync_state == "failed"
    assert "Link to another reference…" in shown(admin_client, ada)
    theirs = twocheckout.add_customer(FirstName="Ada", LastName="Byron", Email="ada@example.org", City="Bath")
    page = admin_client.post(link(ada), {"reference": theirs})
    answer = admin_client.post(link(ada), {"found": page.context["sealed"]}, follow=True)
    assert said(answer) == ("success", "The row is linked to this customer of 2Checkout.")
    ada.refresh_from_db()
    assert ada.customer_reference == theirs


def test_a_row_that_did_not_fail_has_no_such_button(admin_client, pushed):
    assert "Link to another reference…" not in shown(admin_client, pushed)


def test_it_is_looked_up_in_the_rows_account(admin_client, twocheckout, configure):
    with FakeTwoCheckout("USCODE", "us-key").serve() as vendor:
        configure(ACCOUNTS={"us": {"MERCHANT_CODE": "USCODE", "SECRET_KEY": "us-key", "BASE_URL": vendor.url}})
        row = Customer.objects.create(**{**ADA, "city": ""}, account="us")
        sync.push(row)
        vendor.add_customer(ExternalCustomerReference="shop-7", FirstName="Grace")
        twocheckout.add_customer(ExternalCustomerReference="shop-7", FirstName="Somebody")
        page = admin_client.post(link(row), {"reference": "shop-7"})
    assert "Grace" in read(page.content.decode())


def test_not_linked_to_what_another_row_has_or_what_nobody_is(admin_client, gone, twocheckout):
    other = Customer.objects.create(first_name="Other", last_name="One", email="o@example.org", address1="1", city="X",
                                    zip="1", country_code="GB")  # fmt: skip
    sync.push(other)
    other.refresh_from_db()
    page = admin_client.post(link(gone), {"reference": other.customer_reference})
    assert "Another row has this customer already." in read(page.content.decode())
    page = admin_client.post(link(gone), {"reference": "nobody"})
    assert "sealed" not in page.context
    for forged in ("", "x"):
        assert said(admin_client.post(link(gone), {"found": forged}, follow=True))[0] == "warning"
    gone.refresh_from_db()
    assert gone.presence == "gone"


@pytest.mark.parametrize("granted", [[], ["pull_customer"], ["push_customer"], ["change_customer"]])
def test_permissions(support, gone, twocheckout, granted):
    client = support(*granted)
    assert client.get(link(gone)).status_code == 403
    assert client.post(f"{LIST}{gone.pk}/create-again/").status_code == 403
    assert "Create again at 2Checkout" not in shown(client, gone)
    assert "Link to another reference…" not in shown(client, gone)
    assert twocheckout.requests == []


def test_a_save_of_a_gone_customer_still_works(admin_client, gone):
    data = values(admin_client.get(form(gone)).context["adminform"].form, city="Bath")
    assert admin_client.post(form(gone), data).status_code == 302
