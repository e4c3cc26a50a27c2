"""Our admin beside those of other packages: the pages of both stay, whichever base comes first."""

from __future__ import annotations

import pytest
import reversion
from reversion.models import Version

from django_twocheckout import sync
from django_twocheckout.admin import CustomerAdmin
from django_twocheckout.models import Customer

from ..admin.pages import text, values
from ..customers import ADA
from .admins import PACKAGES, SITES, site_of

pytestmark = pytest.mark.django_db(transaction=True)

#: What the package has on the list, on the form and in the history.
THEIRS = {
    "versions": ("recover/", "", "Choose a date from the list below to revert"),
    "records": ("", "", "Choose a date from the list below to revert"),
    "permissions": ("", "/permissions/", ""),
}


@pytest.fixture(autouse=True)
def _sites(settings):
    settings.ROOT_URLCONF = "tests.compat.admins"


@pytest.fixture
def customer(twocheckout):
    with reversion.create_revision():
        ada = Customer.objects.create(**ADA)
    sync.push(ada)
    twocheckout.add_card(ada.customer_reference, "Visa", "1111", "12/2029")
    return ada


@pytest.fixture(params=SITES)
def start(request):
    return f"/{request.param}/twocheckout/customer/"


@pytest.fixture
def theirs(start):
    return THEIRS[start.split("-")[0].strip("/")]


def test_the_pages_of_both(admin_client, customer, start, theirs):
    in_list, on_form, in_history = theirs
    page = admin_client.get(start)
    assert "Is it flowing?" in text(page)
    assert in_list in page.content.decode()
    page = admin_client.get(f"{start}{customer.pk}/change/")
    assert "2Checkout has what you see here." in text(page)
    assert f"{start}{customer.pk}/push/" in page.content.decode()
    assert on_form in page.content.decode()
    page = admin_client.get(f"{start}{customer.pk}/history/")
    assert "With 2Checkout" in text(page)
    assert "Push (created)" in text(page)
    assert in_history in text(page)


def test_our_other_pages(admin_client, customer, start):
    pages = ("add/", f"{customer.pk}/delete/", "status/", f"{customer.pk}/differences/", "add-from-2checkout/",
             f"cards/?customer={customer.pk}")  # fmt: skip
    assert {page: admin_client.get(start + page).status_code for page in pages} == dict.fromkeys(pages, 200)
    for button in ("push", "refetch"):
        page = admin_client.post(f"{start}{customer.pk}/{button}/", follow=True)
        assert [message.level_tag for message in page.context["messages"]] == ["success"]


def test_save(admin_client, customer, start, twocheckout):
    address = f"{start}{customer.pk}/change/"
    form = admin_client.get(address).context["adminform"].form
    assert admin_client.post(address, values(form, city="Paris")).status_code == 302
    sync.push_pending()
    assert twocheckout.customers[0]["City"] == "Paris"
    assert "City" in text(admin_client.get(f"{start}{customer.pk}/history/"))


@pytest.mark.parametrize("place", ["second", "first"])
def test_the_packages_own_pages(admin_client, customer, place):
    versions = Version.objects.get_for_object(customer)
    record = customer.history.first()
    pages = (
        f"/versions-{place}/twocheckout/customer/recover/",
        f"/versions-{place}/twocheckout/customer/{customer.pk}/history/{versions[0].pk}/",
        f"/records-{place}/twocheckout/customer/{customer.pk}/history/{record.pk}/",
        f"/permissions-{place}/twocheckout/customer/{customer.pk}/permissions/",
    )
    assert {page: admin_client.get(page).status_code for page in pages} == dict.fromkeys(pages, 200)


@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
def test_a_template_of_the_project_replaces_ours(package):
    class Own(CustomerAdmin, package):
        change_list_template = "own/list.html"

    class OwnToo(package, CustomerAdmin):
        change_form_template = "own/form.html"
        object_history_template = "own/history.html"

    site = site_of("versions-first")
    assert Own(Customer, site).change_list_template == "own/list.html"
    both = OwnToo(Customer, site)
    assert (both.change_form_template, both.object_history_template) == ("own/form.html", "own/history.html")
    assert both.change_list_template == CustomerAdmin.change_list_template
