"""The admin where a project has made it its own: other sites, other databases, own permissions, wrong settings."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import Permission
from django.db import connections, transaction
from django.db.models import F

from django_twocheckout import sync
from django_twocheckout.admin import CustomerAdmin
from django_twocheckout.models import Attempt, Customer, Job
from django_twocheckout.sync import jobs
from django_twocheckout.testing import Fault

from .conftest import ADA
from .test_admin import LIST, act, form, pushed, said, support, values  # noqa: F401
from .test_changes import ReadsFromReplica


@pytest.fixture
def many(db):
    Customer.objects.bulk_create([Customer(**ADA) for _ in range(CustomerAdmin.in_request + 1)])
    return list(Customer.objects.order_by("pk"))


def links(page):
    """Where the page's links and forms lead, but for what is Django's own."""
    found = re.findall(r'(?:href|action)="(/[^"]*)"', page.content.decode())
    return {link for link in found if not re.search(r"static|auth|jsi18n|logout|password_change", link)}


# Other sites.


@pytest.fixture
def other_sites(settings):
    settings.ROOT_URLCONF = "tests.sites"


@pytest.mark.usefixtures("other_sites")
@pytest.mark.parametrize(("name", "model"), [("backoffice", "customer"), ("kiosk", "customer"), ("club", "vip")])
def test_everything_leads_to_the_own_site(admin_client, pushed, twocheckout, name, model):  # noqa: F811
    start = f"/{name}/twocheckout/{model}/"
    sync.push(Customer.objects.create(**ADA, sync_state="failed"))
    Customer.objects.filter(pk=pushed.pk).settle(sync_state="failed", error_code="NotSent")
    twocheckout.add_card(pushed.customer_reference, "Visa", "1111", "12/2029")
    pages = ["", "add/", f"{pushed.pk}/change/", f"{pushed.pk}/history/", f"{pushed.pk}/delete/", "status/",
             f"{pushed.pk}/differences/", f"cards/?customer={pushed.pk}", "add-from-2checkout/"]  # fmt: skip
    for page in pages:
        response = admin_client.get(start + page)
        assert response.status_code == 200
        elsewhere = {link for link in links(response) if not link.startswith(f"/{name}/")}
        assert elsewhere <= {"/"}, page
    for button in (f"{pushed.pk}/push/", f"{pushed.pk}/refetch/", "status/push-due/", "status/resume/"):
        response = admin_client.post(start + button)
        assert response["Location"].startswith(start), button
    response = admin_client.post(f"{start}add-from-2checkout/", {"reference": pushed.customer_reference})
    assert f'href="{start}{pushed.pk}/change/"' in response.content.decode()


@pytest.mark.usefixtures("other_sites")
@pytest.mark.parametrize(("name", "page"), [("backoffice", "job/{}/change/"), ("kiosk", "customer/")])
def test_many__on_another_site(admin_client, many, sent, name, page):
    data = {"action": "push_now", "_selected_action": [customer.pk for customer in many]}
    response = admin_client.post(f"/{name}/twocheckout/customer/", data, follow=True)
    address = f"/{name}/twocheckout/{page.format(Job.objects.get().pk)}"
    assert response.redirect_chain == [(address, 302)]
    assert {link for link in links(response) if not link.startswith(f"/{name}/")} <= {"/"}
    assert ("jobs" in response.content.decode().lower()) is (name == "backoffice")


# Other databases.


@pytest.mark.django_db(databases=["default", "replica"])
def test_many__where_reads_go_to_a_replica(admin_client, settings, sent):
    Customer.objects.bulk_create([Customer(**ADA) for _ in range(11)])
    Customer.objects.using("replica").bulk_create(Customer.objects.all())

    class Ours(ReadsFromReplica):
        def db_for_read(self, model, **hints):
            return "replica" if model._meta.app_label == "twocheckout" else "default"

    settings.DATABASE_ROUTERS = [Ours()]
    page = act(admin_client, "push_now", *Customer.objects.all())
    job = Job.objects.using("default").get()
    assert page.redirect_chain == [(f"/admin/twocheckout/job/{job.pk}/change/", 302)]
    assert not Job.objects.using("replica").exists()
    assert [message.kwargs for message in sent] == [{}]  # none named: home
    admin_client.post(f"/admin/twocheckout/job/{job.pk}/continue/")
    assert [message.kwargs for message in sent] == [{}, {}]
    admin_client.post(f"/admin/twocheckout/job/{job.pk}/stop/")
    assert Job.objects.using("default").get().stopped


@pytest.fixture
def atomic_requests(monkeypatch):
    for connection in connections.all():
        monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)


@pytest.mark.django_db(transaction=True, databases=["default", "replica"])
@pytest.mark.usefixtures("atomic_requests")
def test_no_transaction_of_any_database_around_the_talk(admin_client, twocheckout, monkeypatch):
    open_ones = []
    ask = sync.TwoCheckoutClient.retrieve_customer

    def spy(client, *args, **options):
        open_ones.extend(alias for alias in connections if connections[alias].in_atomic_block)
        return ask(client, *args, **options)

    ada = Customer.objects.create(**ADA)
    assert said(act(admin_client, "push_now", ada))[0] == "success"
    monkeypatch.setattr(sync.TwoCheckoutClient, "retrieve_customer", spy)
    assert said(act(admin_client, "refetch", ada))[0] == "success"
    assert said(admin_client.post(f"{LIST}{ada.pk}/refetch/", follow=True))[0] == "success"
    assert open_ones == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("atomic_requests")
def test_the_list_of_a_subclass_needs_no_decorator(admin_client, twocheckout, monkeypatch):
    def changelist_view(self, request, extra_context=None):
        return CustomerAdmin.changelist_view(self, request, extra_context)

    class Own(CustomerAdmin):
        pass

    Own.changelist_view = changelist_view
    view = next(
        pattern.callback for pattern in Own(Customer, site).urls if pattern.name == "twocheckout_customer_changelist"
    )
    assert set(connections) <= view._non_atomic_requests
    assert not transaction.get_connection().in_atomic_block


# Wrong settings.


@pytest.fixture
def no_merchant(settings):
    settings.TWOCHECKOUT = {name: value for name, value in settings.TWOCHECKOUT.items() if name != "MERCHANT_CODE"}


@pytest.mark.usefixtures("no_merchant")
@pytest.mark.parametrize("page", ["", "add/", "{}/change/", "{}/history/", "status/", "add-from-2checkout/"])
def test_wrong_settings__the_pages_are_there(admin_client, ada, page):
    assert admin_client.get(LIST + page.format(ada.pk)).status_code == 200


@pytest.mark.usefixtures("no_merchant")
@pytest.mark.parametrize("page", ["{}/differences/", "cards/?customer={}"])
def test_wrong_settings__told_where_2checkout_would_be_asked(admin_client, ada, page):
    Customer.objects.settle(customer_reference="601952421")
    level, words = said(admin_client.get(LIST + page.format(ada.pk), follow=True))
    assert (level, "MERCHANT_CODE" in words) == ("error", True)


@pytest.mark.usefixtures("no_merchant")
@pytest.mark.parametrize(
    ("page", "data"),
    [
        ("{}/push/", {}),
        ("{}/refetch/", {}),
        ("status/push-due/", {}),
        ("add-from-2checkout/", {"reference": "7"}),
        ("", {"action": "push_now", "_selected_action": ["{}"]}),
        ("", {"action": "refetch", "_selected_action": ["{}"]}),
    ],
)
def test_wrong_settings__told_when_a_button_is_pressed(admin_client, ada, sent, page, data):
    data = {name: [one.format(ada.pk) for one in value] if isinstance(value, list) else value
            for name, value in data.items()}  # fmt: skip
    response = admin_client.post(LIST + page.format(ada.pk), data, follow=True)
    assert response.status_code == 200
    assert {message.level_tag for message in response.context["messages"]} <= {"error", "success"}


# Own permissions.


def narrowed(monkeypatch, hidden):
    """A project's admin in which one customer is not to be seen."""
    everything = CustomerAdmin.get_queryset
    monkeypatch.setattr(
        CustomerAdmin, "get_queryset", lambda self, request: everything(self, request).exclude(pk=hidden.pk)
    )


def test_a_job_names_nobody_who_is_not_to_be_seen(admin_client, many, twocheckout, monkeypatch):
    job = jobs.begin("pull", [customer.pk for customer in many[:2]])
    jobs.work(job.pk, {"pull": sync.pull_each}, database="default", seconds=30)
    page = f"/admin/twocheckout/job/{job.pk}/change/"
    link = '<a href="/admin/twocheckout/customer/{}/change/">'
    assert link.format(many[0].pk) in admin_client.get(page).content.decode()
    narrowed(monkeypatch, many[0])
    shown = admin_client.get(page).content.decode()
    assert link.format(many[0].pk) not in shown
    assert link.format(many[1].pk) in shown
    assert "and 1 more" in shown


def test_who_may_see_a_job(client, support, many):  # noqa: F811
    job = jobs.begin("push", [many[0].pk])
    page = f"/admin/twocheckout/job/{job.pk}/change/"
    client = support("push_customer")
    assert client.get(page).status_code == 200
    user = Permission.objects.get(codename="push_customer").user_set.get()
    user.user_permissions.set(Permission.objects.filter(codename__in=["change_customer", "push_customer"]))
    assert client.get(page).status_code == 200
    assert client.post(page.replace("change", "stop")).status_code == 302
    user.user_permissions.set(Permission.objects.filter(codename="view_job"))
    assert client.get(page).status_code == 403
    assert client.get("/admin/twocheckout/job/").status_code == 403


def test_a_permission_for_single_customers_is_asked(admin_client, pushed, twocheckout, monkeypatch):  # noqa: F811
    def no(self, request, obj=None):
        return obj is None

    monkeypatch.setattr(CustomerAdmin, "has_push_permission", no)
    monkeypatch.setattr(CustomerAdmin, "has_pull_permission", no)
    assert admin_client.post(f"{LIST}{pushed.pk}/push/").status_code == 403
    assert admin_client.post(f"{LIST}{pushed.pk}/refetch/").status_code == 403
    assert admin_client.post(f"{LIST}{pushed.pk}/differences/", {"field-City": "remote"}).status_code == 403
    shown = unescape(admin_client.get(form(pushed)).content.decode())
    assert "Push now" not in shown
    assert "Re-fetch from 2Checkout" not in shown
    admin_client.get(f"{LIST}{pushed.pk}/differences/")
    monkeypatch.setattr(CustomerAdmin, "has_delete_card_permission", no)
    admin_client.get(f"{LIST}cards/?customer={pushed.pk}")
    assert twocheckout.requests == []


# What the panel and the history tell.


def test_since_when__by_the_last_push(admin_client, pushed, twocheckout):  # noqa: F811
    twocheckout.fail(Fault(400, '{"error_code": "SIM_REFUSED", "message": "No."}'), method="PUT")
    pushed.city = "Paris"
    pushed.save()
    sync.push(pushed)
    assert pushed.sync_state == "failed"
    Attempt.objects.update(at=F("at") - timedelta(days=3))
    sync.pull(pushed)
    assert "For 3\xa0days." in unescape(admin_client.get(form(pushed)).content.decode())


def test_history__somebody_who_is_no_user(admin_client, pushed):  # noqa: F811
    sync.push(pushed, user="nightly")
    assert admin_client.get(f"{LIST}{pushed.pk}/history/").status_code == 200
