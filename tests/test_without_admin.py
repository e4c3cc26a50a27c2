"""The app in projects without Django's admin, and the admin in projects that want another one than ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib import admin
from django.urls import path

from django_twocheckout.models import Account, Attempt, Customer, Job, Source, Verb
from django_twocheckout.testing import FakeTwoCheckout

from .vendor_log import methods

ROOT = Path(__file__).resolve().parent.parent

#: What a project does with the app, from nothing to three commands; run in a process of its own.
PROJECT = """
import sys
import django
from django.conf import settings

from tests.settings import TWOCHECKOUT

base_url, *apps = sys.argv[1:]
settings.configure(
    SECRET_KEY="x", USE_TZ=True, INSTALLED_APPS=apps, MIDDLEWARE=[], ROOT_URLCONF="tests.urls_without_admin",
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    TWOCHECKOUT={**TWOCHECKOUT, "BASE_URL": base_url},
)
django.setup()

from celery import Celery
from django.core.management import call_command

Celery("project", broker="memory://").set_default()
call_command("check", deploy=True)
call_command("migrate", verbosity=0)
call_command("makemigrations", check=True, dry_run=True, verbosity=0)

from django_twocheckout import sync
from django_twocheckout.models import Customer
from tests.customers import ADA

ada, second = Customer.objects.create(**ADA), Customer.objects.create(**ADA)
sync.push(ada)
assert ada.sync_state == "synced", ada.sync_error
call_command("twocheckout_push")
call_command("twocheckout_pull", all=True)
call_command("twocheckout_status")
second.refresh_from_db()
assert second.sync_state == "synced" and second.pulled_at
assert "django.contrib.admin.sites" not in sys.modules
"""


@pytest.mark.parametrize(
    "others",
    [[], ["contenttypes"], ["contenttypes", "auth"], ["contenttypes", "auth", "sessions", "messages", "staticfiles"]],
)
def test_a_project_without_the_admin(others):
    apps = [*(f"django.contrib.{name}" for name in others), "django_twocheckout"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with FakeTwoCheckout().serve() as vendor:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", PROJECT, vendor.url, *apps],
            env=environment, cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Pushed: 1." in done.stdout
    assert "Re-fetched: 2." in done.stdout
    assert methods(vendor) == ["POST", "POST", "GET", "GET"]


#: A project's own registrations in place of ours: Django's plain ModelAdmin for each model.
plain = admin.AdminSite("plain")
plain.register([Customer, Job, Attempt, Account], admin.ModelAdmin)
urlpatterns = [path("admin/", plain.urls)]


@pytest.mark.urls(__name__)
def test_a_plain_model_admin_works(admin_client, ada):
    rows = [
        ada,
        Job.objects.create(verb=Verb.PUSH, total=1),
        ada.attempts.create(verb=Verb.PUSH, outcome="done", source=Source.SAVE),
        Account.objects.create(alias="default", merchant_code="YOURCODE123"),
    ]
    for row in rows:
        base = f"/admin/twocheckout/{row._meta.model_name}/"
        for page in ("", "add/", f"{row.pk}/change/", f"{row.pk}/history/", f"{row.pk}/delete/"):
            answer = admin_client.get(base + page)
            assert answer.status_code == 200, base + page
            assert "django_twocheckout" not in answer.content.decode()
        asked = {"action": "delete_selected", "_selected_action": [row.pk]}
        assert admin_client.post(base, asked).status_code == 200
    changed = {name: getattr(ada, name) for name in Customer.PUSHED_FIELDS}
    rest = {"sync_state": "pending", "existing_cards": "[]", "city": "Ockham"}
    page = f"/admin/twocheckout/customer/{ada.pk}/change/"
    assert admin_client.post(page, {**changed, **rest}, follow=True).status_code == 200
    ada.refresh_from_db()
    assert ada.city == "Ockham"
