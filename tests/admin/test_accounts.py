"""The admin where a project has two merchant accounts."""

from __future__ import annotations

import re

import pytest
from django.contrib.admin import site
from django.contrib.admin.utils import flatten_fieldsets

from django_twocheckout import sync
from django_twocheckout.admin import CustomerAdmin
from django_twocheckout.conf import ConfigurationError
from django_twocheckout.engine import circuit_breaker
from django_twocheckout.exceptions import AuthenticationFailed, RateLimited
from django_twocheckout.flows import jobs
from django_twocheckout.models import Account, Customer, Job, Verb

from ..customers import ADA, GRACE
from ..shop.models import Buyer
from ..two_accounts import second_account
from .pages import ADD, CARDS, LIST, STATUS, act, form, said, text, values

FIXED = "2Checkout knows this customer in the account “default”, or may know it, so it stays there."
UNKNOWN = "The settings have no account “later”, so nothing is sent for this customer."


def headers(client):
    return [str(one) for one in client.get(LIST).context["cl"].list_display]


def titles(response):
    return [str(spec.title) for spec in response.context["cl"].filter_specs]


# The list.


def test_with_one_account__nobody_is_asked_for_it(admin_client, ada, twocheckout):
    response = admin_client.get(LIST)
    assert "account" not in titles(response)
    assert "account_name" not in headers(admin_client)
    for address in (form(ada), f"{LIST}add/", ADD):
        assert "account" not in re.findall(r'name="([a-z_]*account)"', admin_client.get(address).content.decode())
    assert "account_name" not in flatten_fieldsets(admin_client.get(form(ada)).context["adminform"].fieldsets)
    status = admin_client.get(STATUS)
    assert "Worker last seen" not in text(status)


def test_the_column_and_the_filter(admin_client, ours):
    response = admin_client.get(LIST)
    assert "account" in titles(response)
    assert headers(admin_client)[-1] == "account_name"
    assert {one.pk for one in response.context["cl"].result_list} == {one.pk for one in ours.values()}
    response = admin_client.get(f"{LIST}?account=us")
    assert [one.pk for one in response.context["cl"].result_list] == [ours["us"].pk]


def test_the_filter_offers_what_the_settings_lack(admin_client, ours, lost):
    page = text(admin_client.get(LIST))
    assert "later (not in the settings)" in page
    assert UNKNOWN in page
    assert admin_client.get(f"{LIST}?account=later").context["cl"].result_count == 1


# The form.


def test_a_new_customer_of_the_second_account(admin_client, us, db):
    response = admin_client.get(f"{LIST}add/")
    fields = response.context["adminform"].form
    assert [alias for alias, _words in fields["merchant_account"].field.choices] == ["default", "us"]
    assert fields["merchant_account"].value() == "default"
    admin_client.post(f"{LIST}add/", {**ADA, "merchant_account": "us", "external_customer_reference": ""})
    assert Customer.objects.get().account == "us"


def test_an_account_that_nobody_offered(admin_client, us, db):
    response = admin_client.post(f"{LIST}add/", {**ADA, "merchant_account": "eu"})
    assert response.context["adminform"].form.errors.keys() == {"merchant_account"}
    assert not Customer.objects.exists()


def test_a_customer_that_was_never_sent_moves(admin_client, ours, us, twocheckout):
    page = admin_client.get(form(ours["default"]))
    admin_client.post(form(ours["default"]), values(page.context["adminform"].form, merchant_account="us"))
    assert set(Customer.objects.values_list("account", flat=True)) == {"us"}
    sync.push_pending()
    assert (len(us.customers), len(twocheckout.customers)) == (2, 0)


def test_a_customer_that_2checkout_has_shows_its_account_alone(admin_client, ours):
    sync.push(ours["us"])
    shown = admin_client.get(form(ours["us"])).context["adminform"]
    assert "merchant_account" not in shown.form.fields
    assert "account_name" in flatten_fieldsets(shown.fieldsets)


@pytest.mark.parametrize("known", [{"customer_reference": "7"}, {"in_doubt": [{"city": "Rome"}]}], ids=str)
def test_a_move_that_comes_too_late_is_refused_at_its_field(admin_client, ours, known):
    """The form was open while a worker pushed."""
    address, customer = form(ours["default"]), ours["default"]
    data = values(admin_client.get(address).context["adminform"].form, merchant_account="us", city="Rome")
    Customer.objects.filter(pk=customer.pk).update_unmarked(**known)
    response = admin_client.post(address, data)
    customer.refresh_from_db()
    assert (customer.account, customer.city) == ("default", "London")
    assert FIXED in text(response)
    assert response.context["adminform"].form.errors.keys() == {"merchant_account"}


def test_a_move_while_a_worker_claims_it_is_refused_in_words(admin_client, ours, monkeypatch):
    address, customer = form(ours["default"]), ours["default"]
    data = values(admin_client.get(address).context["adminform"].form, merchant_account="us")
    monkeypatch.setattr(Customer, "is_moved_though_known", lambda self: self.current_save is not None or _saving(self))
    response = admin_client.post(address, data, follow=True)
    assert said(response) == (
        "error",
        "Not saved: 2Checkout may know this customer by now, so it stays in its account.",
    )
    customer.refresh_from_db()
    assert customer.account == "default"


def _saving(customer):
    """Whether this is asked by ``save()``, after the form has asked."""
    customer.asked = getattr(customer, "asked", 0) + 1
    return customer.asked > 2


def test_those_who_may_only_look_see_the_account(support, ours):
    page = support().get(form(ours["us"]))
    assert "merchant_account" not in page.content.decode()
    assert page.status_code == 200


# One of the accounts is stopped.


@pytest.fixture
def paused(ours):
    circuit_breaker.trip("default", "us", RateLimited(retry_after=300))


@pytest.mark.usefixtures("paused")
def test_the_status_tells_which_account_is_paused(admin_client):
    page = admin_client.get(STATUS)
    words = text(page)
    assert "Nothing flows in the account “us”. The others go on." in words
    assert "The account “us” is paused" in words
    assert "Nothing flows:" not in words
    assert "Push what is due now" in words
    rows = {one["alias"]: (one["words"], dict(one["counts"])["pending"]) for one in page.context["accounts"]}
    assert rows == {"default": ("goes on", 1), "us": ("paused", 1)}


@pytest.mark.usefixtures("paused")
def test_the_list_tells_which_account_is_paused(admin_client):
    assert "2Checkout is not asked for anything in the account “us” now:" in text(admin_client.get(LIST))


@pytest.mark.usefixtures("paused")
def test_the_form_tells_the_pause_of_its_own_account(admin_client, ours):
    assert "in the account “us” now" in text(admin_client.get(form(ours["us"])))
    page = text(admin_client.get(form(ours["default"])))
    assert "not asked" not in page
    assert "When the account is no longer paused." not in page


def test_each_paused_account_is_told_and_resumed_by_itself(admin_client, ours):
    for account in ("default", "us"):
        circuit_breaker.trip("default", account, AuthenticationFailed())
    page = admin_client.get(STATUS)
    assert "Nothing flows: the account is paused" in text(page)
    assert "Push what is due now" not in text(page)
    for address in (LIST, STATUS):
        assert set(re.findall(r'name="account" value="(\w+)"', admin_client.get(address).content.decode())) == {
            "default",
            "us",
        }
    admin_client.post(f"{STATUS}resume/", {"account": "us"})
    assert Account.objects.get(alias="us").open_until is None
    assert Account.objects.get(alias="default").open_until is not None


@pytest.mark.usefixtures("paused")
def test_a_job_waits_for_its_own_accounts(admin_client, ours):
    waits = "Waiting until the account is no longer paused."
    for chosen, expected in ((["us"], True), (["default"], False), (["default", "us"], False)):
        job = jobs.begin(Verb.PULL, [ours[account].pk for account in chosen])
        page = text(admin_client.get(f"/admin/twocheckout/job/{job.pk}/change/"))
        assert (waits in page) is expected
        assert ("in the account “us” now" in page) is ("us" in chosen)


@pytest.mark.usefixtures("paused")
def test_an_action_goes_on_with_the_others(admin_client, us, twocheckout, ours):
    """The list has the newest first: one that is refused in the account that goes on."""
    refused = Customer.objects.create(**ADA, company="Engines", fiscal_code="INVALID")
    response = act(admin_client, "push_now", ours["default"], ours["us"], refused)
    level, words = said(response)
    assert (level, "1 customer not done:" in words) == ("warning", True)
    assert (len(twocheckout.customers), len(us.customers), Job.objects.count()) == (1, 1, 0)


def test_the_status_counts_the_customers_of_unknown_accounts(admin_client, lost):
    page = text(admin_client.get(STATUS))
    assert "The settings have no account “later”, and 1 customer belongs to it. Nothing is sent for it." in page


# Customers of 2Checkout.


def test_add_from_the_second_account(admin_client, us, twocheckout, db):
    us.add_customer(**GRACE)
    missing = admin_client.post(ADD, {"reference": "shop-7", "account": "default"})
    assert "no customer under this reference" in text(missing)
    page = admin_client.post(ADD, {"reference": "shop-7", "account": "us"})
    assert "Hopper" in text(page)
    admin_client.post(ADD, {"found": page.context["sealed"]})
    row = Customer.objects.get()
    assert (row.account, row.sync_state) == ("us", "synced")


def test_link_looks_in_the_account_of_the_row(admin_client, ours, us, twocheckout):
    us.add_customer(**GRACE)
    Customer.objects.update_unmarked(sync_state="failed", error_code="NotFound")
    address = form(ours["us"]).replace("change/", "link/")
    page = admin_client.post(address, {"reference": "shop-7"})
    assert "Hopper" in text(page)
    admin_client.post(address, {"found": page.context["sealed"]})
    ours["us"].refresh_from_db()
    assert ours["us"].external_customer_reference == "shop-7"
    assert twocheckout.requests == []


def test_cards_tell_the_trouble_of_the_account_of_the_customer(admin_client, ours, us, twocheckout):
    for customer in ours.values():
        sync.push(customer)
    circuit_breaker.trip("default", "us", AuthenticationFailed())
    with twocheckout.outage("503"):
        page = text(admin_client.get(f"{CARDS}?customer={ours['default'].pk}"))
    assert "trouble with the whole account" not in page
    us.add_card(ours["us"].customer_reference, "Visa", "1111")
    with twocheckout.outage("401"):
        both = "&".join(f"customer={customer.pk}" for customer in ours.values())
        assert "1111" in text(admin_client.get(f"{CARDS}?{both}"))  # the other account is asked all the same
    with us.outage("401"):
        page = text(admin_client.get(f"{CARDS}?customer={ours['us'].pk}"))
    assert "There is trouble with the whole account “us”, not only with this customer:" in page


def test_the_usual_winner_is_the_accounts_own(admin_client, db, twocheckout, configure):
    with second_account(configure, CONFLICT="remote") as us:
        customer = Customer.objects.create(**ADA, account="us")
        sync.push(customer)
        us.edit(customer.customer_reference, City="Rome")
        Customer.objects.update(city="Paris")
        [row] = admin_client.get(form(customer).replace("change/", "differences/")).context["rows"]
        assert row.usual == "remote"


def test_without_settings_of_any_account_the_pages_still_stand(admin_client, ours, configure):
    configure(ACCOUNTS="nonsense")
    for address in (LIST, form(ours["us"]), STATUS):
        assert admin_client.get(address).status_code == 200
    with pytest.raises(ConfigurationError):
        sync.status("us")


class OwnFieldsets(CustomerAdmin):
    """As a project has it that shows fewer fields."""

    def get_fieldsets(self, request, obj=None):
        return [(None, {"fields": ["first_name", "email"]})]


class NoFieldsets(CustomerAdmin):
    """As a project has it that lets Django find the fields."""

    fieldsets = None


@pytest.mark.parametrize(("made", "shows"), [(OwnFieldsets, False), (NoFieldsets, True)])
def test_beside_a_projects_own_fields(rf, admin_user, ours, made, shows):
    admin, request = made(Customer, site), rf.get("/")
    request.user = admin_user
    for customer in (None, ours["us"]):
        assert ("merchant_account" in admin.get_form(request, customer).base_fields) is shows
        names = flatten_fieldsets(admin.get_fieldsets(request, customer))
        assert names.count("merchant_account") == int(shows)
        assert "account_name" not in names


def test_a_wrong_setting_beside_a_customer_that_was_tried(admin_client, ours, configure):
    Customer.objects.update_unmarked(failed_attempts=3)
    configure(ACCOUNTS="nonsense")
    assert "Tried 3 of 14 times" in text(admin_client.get(form(ours["us"])))


def test_an_account_that_a_mirror_sets_is_not_to_be_chosen(admin_client, mirror_with, us):
    mirror_with(lambda buyer: {"account": "us", "email": buyer.email})
    buyer = Buyer.objects.create(name="Ada", email="ada@example.org")
    page = admin_client.get(form(buyer.customer))
    assert "merchant_account" not in page.context["adminform"].form.fields
    admin_client.post(form(buyer.customer), {"merchant_account": "default", "_save": "Save"})
    assert Customer.objects.get().account == "us"
