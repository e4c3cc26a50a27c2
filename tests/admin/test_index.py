"""The admin's index says whether anything is wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib import admin
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import timezone

from django_twocheckout.admin import CustomerAdmin
from django_twocheckout.admin.index import show_on_index
from django_twocheckout.engine import circuit_breaker
from django_twocheckout.exceptions import RateLimited
from django_twocheckout.models import Customer

from ..customers import ADA
from .pages import LIST, text

INDEX = "/admin/"
OURS = 'class="tco-health"'


def test_nothing_is_wrong(admin_client, pushed):
    words = text(admin_client.get(INDEX))
    assert "2Checkout ✓ All customers are in step. Is it flowing?" in words
    assert "Site administration" in words  # Django's own index is there too


def test_no_customers_yet(admin_client, db):
    assert "2Checkout There are no customers yet." in text(admin_client.get(INDEX))


def test_how_many_are_not_in_step(admin_client, pushed):
    Customer.objects.create(**ADA)
    Customer.objects.create(**ADA)
    Customer.objects.filter(pk=pushed.pk).update_unmarked(sync_state="failed")
    page = admin_client.get(INDEX)
    assert "2Checkout ✗ 1 failed ◷ 2 pending" in text(page)
    assert "in step" not in text(page)
    assert f'href="{LIST}?sync_state__exact=failed"' in page.content.decode()


def test_a_pause_and_its_way_out(admin_client, ada):
    circuit_breaker.trip("default", "default", RateLimited())
    page = admin_client.get(INDEX)
    assert "2Checkout is not asked for anything now: 2Checkout asks us to slow down." in text(page)
    assert f'action="{LIST}status/resume/"' in page.content.decode()
    assert "csrfmiddlewaretoken" in page.content.decode().partition(OURS)[2]


def test_no_worker_was_seen(admin_client, ada):
    Customer.objects.update_unmarked(pending_since=timezone.now() - timedelta(hours=1))
    assert "no worker was seen for long: is a worker running?" in text(admin_client.get(INDEX))


def test_nothing_is_sent_at_all(admin_client, ada, configure):
    configure(ENABLED=False)
    assert "Nothing flows: ENABLED is False in the settings." in text(admin_client.get(INDEX))


def test_only_for_those_who_may_see_customers_and_only_theirs(permitted, ada, monkeypatch):
    assert OURS not in permitted().get(INDEX).content.decode()
    client = permitted("view_customer")
    assert "1 pending" in text(client.get(INDEX))
    circuit_breaker.trip("default", "default", RateLimited())
    assert "status/resume/" not in client.get(INDEX).content.decode()
    monkeypatch.setattr(CustomerAdmin, "get_queryset", lambda self, request: Customer.objects.none())
    words = text(client.get(INDEX))
    assert "There are no customers yet." in words
    assert "pending" not in words


@pytest.mark.parametrize("name", ["backoffice", "club"])
def test_on_another_site(admin_client, ada, settings, name):
    settings.ROOT_URLCONF = "tests.admin.sites"
    page = admin_client.get(f"/{name}/").content.decode()
    if name == "backoffice":
        assert f'href="/{name}/twocheckout/customer/?sync_state__exact=pending"' in page
    else:
        assert OURS not in page  # it has no customers, but a proxy's


def test_costs_few_statements(admin_client, pushed, django_assert_max_num_queries):
    Customer.objects.bulk_create([Customer(**ADA) for _ in range(30)])
    with django_assert_max_num_queries(9):
        admin_client.get(INDEX)


# A project's own index.


def test_a_sites_own_index_stays():
    class Own(admin.AdminSite):
        index_template = "own/index.html"

    site = Own("own")
    site.register(Customer, CustomerAdmin)
    assert site.urls
    assert site.index_template == "own/index.html"


def test_an_index_of_the_project_or_a_theme_stays(settings, tmp_path):
    (tmp_path / "admin").mkdir()
    (tmp_path / "admin" / "index.html").write_text("Our own")
    [engine] = settings.TEMPLATES
    settings.TEMPLATES = [{**engine, "DIRS": [tmp_path]}]
    site = admin.AdminSite("themed")
    show_on_index(site)
    assert site.index_template is None
    settings.TEMPLATES = [engine]
    show_on_index(site)
    assert site.index_template == "twocheckout/admin/index.html"


def test_an_index_of_its_own_includes_ours_with_one_tag(admin_user, ada):
    request = RequestFactory().get(INDEX)
    request.user = admin_user
    shown = Template("{% load twocheckout %}{% twocheckout_health %}").render(Context({"request": request}))
    assert f'href="{LIST}?sync_state__exact=pending"' in shown
    assert "/static/twocheckout/admin.css" in shown
