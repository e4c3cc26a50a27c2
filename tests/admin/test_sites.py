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
from django.http import Http404, HttpResponse

from django_twocheckout import sync
from django_twocheckout.admin import CustomerAdmin
from django_twocheckout.admin.base import Page
from django_twocheckout.client import TwoCheckoutClient
from django_twocheckout.flows import jobs
from django_twocheckout.models import Customer, Job
from django_twocheckout.testing import Fault

from ..customers import ADA
from ..project import ReadsFromReplica
from .pages import LIST, act, form, said, text, values


def links(page):
    """Where the page's links and forms lead, but for what is Django's own."""
    found = re.findall(r'(?:href|action)="(/[^"]*)"', page.content.decode())
    return {link for link in found if not re.search(r"static|auth|jsi18n|logout|password_change", link)}


# Other sites.


@pytest.fixture
def other_sites(settings):
    settings.ROOT_URLCONF = "tests.admin.sites"


@pytest.mark.usefixtures("other_sites")
@pytest.mark.parametrize(("name", "model"), [("backoffice", "customer"), ("kiosk", "customer"), ("club", "vip")])
def test_everything_leads_to_the_own_site(admin_client, pushed, twocheckout, name, model):
    start = f"/{name}/twocheckout/{model}/"
    sync.push(Customer.objects.create(**ADA, sync_state="failed"))
    Customer.objects.filter(pk=pushed.pk).update_unmarked(sync_state="failed", error_code="NotSent")
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
def test_no_transaction_of_any_database_around_a_request(admin_client, twocheckout, monkeypatch):
    open_ones = []
    ask = TwoCheckoutClient.retrieve_customer

    def spy(client, *args, **options):
        open_ones.extend(alias for alias in connections if connections[alias].in_atomic_block)
        return ask(client, *args, **options)

    ada = Customer.objects.create(**ADA)
    assert said(act(admin_client, "push_now", ada))[0] == "success"
    monkeypatch.setattr(TwoCheckoutClient, "retrieve_customer", spy)
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


class Greeting(Page):
    """A page of a project's own."""

    def urls(self):
        return [self.route("<path:object_id>/greeting/", self.greet, "greeting")]

    def greet(self, request, object_id):
        return HttpResponse(f"Hello {self.admin.customer_or_404(request, object_id)}")


def test_a_page_of_the_projects_own_beside_ours(admin_client, ada, rf, admin_user):
    class Own(CustomerAdmin):
        pages = [*CustomerAdmin.pages, Greeting]

    names = [pattern.name for pattern in Own(Customer, site).urls]
    assert len(names) == len(set(names))
    assert {"twocheckout_customer_greeting", "twocheckout_customer_status"} <= set(names)
    view = next(one.callback for one in Own(Customer, site).urls if one.name == "twocheckout_customer_greeting")
    request = rf.get("/")
    request.user = admin_user
    assert view(request, object_id=str(ada.pk)).content == b"Hello Ada Lovelace"
    with pytest.raises(Http404):
        view(request, object_id="0")


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
def test_wrong_settings__shown_where_2checkout_would_be_asked(admin_client, ada, page):
    Customer.objects.update_unmarked(customer_reference="601952421")
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
def test_wrong_settings__shown_when_a_button_is_pressed(admin_client, ada, sent, page, data):
    data = {name: [one.format(ada.pk) for one in value] if isinstance(value, list) else value
            for name, value in data.items()}  # fmt: skip
    response = admin_client.post(LIST + page.format(ada.pk), data, follow=True)
    assert response.status_code == 200
    assert {message.level_tag for message in response.context["messages"]} <= {"error", "success"}


def test_wrong_settings__shown_when_an_action_would_ask_once_more(admin_client, ada, configure):
    configure(CONFIRM_ROWS="50")
    response = admin_client.post(LIST, {"action": "push_now", "_selected_action": [ada.pk]}, follow=True)
    level, words = said(response)
    assert (level, "CONFIRM_ROWS" in words) == ("error", True)


# Own permissions.


def narrowed(monkeypatch, hidden):
    """A project's admin in which one customer is not to be seen."""
    everything = CustomerAdmin.get_queryset
    monkeypatch.setattr(
        CustomerAdmin, "get_queryset", lambda self, request: everything(self, request).exclude(pk=hidden.pk)
    )


def test_a_job_names_no_customer_who_is_hidden(admin_client, many, twocheckout, monkeypatch):
    Customer.objects.update(zip="")  # so that none is created, and none can be fetched
    job = jobs.begin("pull", [customer.pk for customer in many[:2]])
    sync.sweep()
    page = f"/admin/twocheckout/job/{job.pk}/change/"
    link = '<a href="/admin/twocheckout/customer/{}/change/">'
    assert link.format(many[0].pk) in admin_client.get(page).content.decode()
    narrowed(monkeypatch, many[0])
    shown = admin_client.get(page).content.decode()
    assert link.format(many[0].pk) not in shown
    assert link.format(many[1].pk) in shown
    assert "and 1 more" in shown


@pytest.mark.parametrize("button", ["stop", "continue", "again"])
def test_a_job_about_hidden_customers_is_not_worked_on(admin_client, many, twocheckout, monkeypatch, button):
    Customer.objects.update(zip="")
    job = jobs.begin("pull", [customer.pk for customer in many[:2]])
    sync.sweep()
    narrowed(monkeypatch, many[0])
    address = f"/admin/twocheckout/job/{job.pk}/"
    assert admin_client.post(f"{address}{button}/").status_code == 403
    assert "<button" not in admin_client.get(f"{address}change/").content.decode().partition("tco-job")[2]
    own = jobs.begin("pull", [many[1].pk])
    assert admin_client.post(f"/admin/twocheckout/job/{own.pk}/{button}/").status_code == 302


@pytest.mark.parametrize("count", [1, 3, 12])
@pytest.mark.parametrize(("action", "rule"), [("push_now", "has_push_permission"), ("refetch", "has_pull_permission")])
def test_a_rule_for_single_customers_holds_for_the_actions(
    admin_client, many, twocheckout, monkeypatch, action, rule, count
):
    class OwnAdmin(CustomerAdmin):
        pass

    def not_the_first(self, request, obj=None):
        return obj is None or obj.pk != many[0].pk

    setattr(OwnAdmin, rule, not_the_first)
    monkeypatch.setattr(site._registry[Customer], "__class__", OwnAdmin)
    page = act(admin_client, action, *many[:count])
    assert "1 customer left out: you may not do this with it." in text(page)
    assert not many[0].attempts.exists()
    assert not many[0].asks.exists()
    assert count == 1 or many[1].attempts.exists() or many[1].asks.exists()


def test_who_may_see_a_job(client, support, many):
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


def test_a_permission_for_single_customers_is_asked(admin_client, pushed, twocheckout, monkeypatch):
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


def test_no_page_tells_of_a_customer_who_is_hidden(admin_client, pushed, twocheckout, monkeypatch):
    other = Customer.objects.create(**{**ADA, "last_name": "Seen", "email": "seen@example.org"})
    Customer.objects.filter(pk=pushed.pk).update_unmarked(error_code="SIM_HIDDEN", sync_error="Hidden words")
    twocheckout.requests.clear()
    before = Customer.objects.filter(pk=pushed.pk).values().get()
    narrowed(monkeypatch, pushed)
    addresses = [
        f"/admin/{pattern.pattern}".replace("<path:object_id>", str(pushed.pk))
        for pattern in [*site._registry[Customer].urls]
    ]
    assert sum(str(pushed.pk) in address for address in addresses) >= 7
    pages = [address.replace("/admin/", LIST) for address in addresses] + [
        f"{LIST}cards/?customer={pushed.pk}",
        f"{LIST}?q={pushed.email}",
        f"{LIST}?_facets=True",
    ]
    for page in pages:
        for response in (
            admin_client.get(page, follow=True),
            admin_client.post(
                page, {"reference": pushed.customer_reference, "_selected_action": pushed.pk}, follow=True
            ),
        ):
            for told in (
                "Lovelace",
                "ada@example.org",
                "SIM_HIDDEN",
                "Hidden words",
                pushed.external_customer_reference,
            ):
                assert told not in response.content.decode().replace(f'value="{pushed.email}"', ""), page
    assert Customer.objects.filter(pk=pushed.pk).values().get() == before
    assert not pushed.attempts.filter(source="user").exists()
    assert "Seen" in admin_client.get(LIST).content.decode()
    status = admin_client.get(f"{LIST}status/").context["status"]
    assert status.counts == {"pending": 1, "synced": 0, "failed": 0}
    assert status.oldest_pending_pk == other.pk


def test_what_one_person_was_shown_is_no_others(admin_client, client, permitted, pushed, twocheckout):
    twocheckout.add_card(pushed.customer_reference, "Visa", "1111")
    reference = twocheckout.add_customer(FirstName="Grace", LastName="Hopper", Email="grace@example.org")
    page = admin_client.get(f"{LIST}cards/?customer={pushed.pk}").content.decode()
    card = re.search(r'name="card" id="[^"]+" value="([^"]+)"', page)[1]
    found = admin_client.post(f"{LIST}add-from-2checkout/", {"reference": reference}).context["sealed"]
    other = permitted("view_customer", "change_customer", "add_customer", "pull_customer", "delete_card")
    again = other.post(f"{LIST}cards/?customer={pushed.pk}", {"card": card}, follow=True)
    assert said(again)[0] == "warning"
    assert "Delete this card" not in again.content.decode()
    other.post(f"{LIST}add-from-2checkout/", {"found": found})
    assert Customer.objects.count() == 1


# What the panel and the history tell.


def test_history__the_newest_first_in_both_tables(admin_client, pushed):
    for city in ("Rome", "Bath"):
        data = values(admin_client.get(form(pushed)).context["adminform"].form, city=city)
        admin_client.post(form(pushed), data)
        sync.push(Customer.objects.get())
    page = admin_client.get(f"{LIST}{pushed.pk}/history/")
    entries = [entry.action_time for entry in page.context["action_list"]]
    attempts = [line.attempt.at for line in page.context["attempts"]]
    assert entries == sorted(entries, reverse=True)
    assert attempts == sorted(attempts, reverse=True)
    assert (len(entries), len(attempts)) == (2, 3)
    assert "Sent: City" in page.content.decode()


def test_since_when__by_the_first_failure(admin_client, pushed, twocheckout):
    twocheckout.fail(Fault(400, '{"error_code": "SIM_REFUSED", "message": "No."}'), method="PUT", times=2)
    pushed.city = "Paris"
    pushed.save()
    sync.push(pushed)
    assert pushed.sync_state == "failed"
    Customer.objects.update_unmarked(failing_since=F("failing_since") - timedelta(days=3))
    sync.pull(pushed)
    sync.push(pushed)
    assert pushed.sync_state == "failed"
    assert "Failing for 3\xa0days (since " in unescape(admin_client.get(form(pushed)).content.decode())


def test_history__a_push_by_no_user(admin_client, pushed):
    sync.push(pushed, user="nightly")
    assert admin_client.get(f"{LIST}{pushed.pk}/history/").status_code == 200
