"""The API in a project: with and without Django REST framework among its apps, and its throttles."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.cache import cache
from rest_framework.settings import api_settings
from rest_framework.throttling import UserRateThrottle

from django_twocheckout.api.views import CustomerViewSet

from .addresses import LIST, at

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def rates(settings):
    """Sets the rates of the project until the test ends."""
    cache.clear()

    def change(**values):
        settings.REST_FRAMEWORK = {
            "DEFAULT_THROTTLE_RATES": {name.replace("_", "-"): value for name, value in values.items()}
        }

    yield change
    cache.clear()


def test_no_browsable_api_without_its_templates(ada, api):
    answer = api.get(at(ada), headers={"Accept": "text/html,*/*;q=0.8"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert api.get(at(ada), headers={"Accept": "text/html"}).status_code == 406


def test_no_throttle_without_a_rate(ada, api):
    assert {api.get(LIST).status_code for _ in range(5)} == {200}


def test_throttle(pushed, api, twocheckout, rates):
    rates(twocheckout="3/min", twocheckout_live="2/min")
    assert api_settings.DEFAULT_THROTTLE_RATES == {"twocheckout": "3/min", "twocheckout-live": "2/min"}
    assert [api.get(LIST).status_code for _ in range(4)] == [200, 200, 200, 429]
    found = [api.post(at(pushed, "pull")) for _ in range(3)]
    assert [answer.status_code for answer in found] == [200, 200, 429]
    assert 0 < int(found[-1].headers["Retry-After"]) <= 60
    assert "no-store" in found[-1].headers["Cache-Control"]
    assert len(twocheckout.requests) == 2


class Own(UserRateThrottle):
    rate = "1/min"


def test_a_throttle_of_the_project_counts_too(ada, api, rates, monkeypatch):
    monkeypatch.setattr(CustomerViewSet, "throttle_classes", [Own])
    assert [api.get(LIST).status_code for _ in range(2)] == [200, 429]


PROJECT = """
import json, sys
import django
from django.conf import settings
from django.urls import include, path
from tests.settings import TEMPLATES, TWOCHECKOUT

apps = sys.argv[1].split(",")
settings.configure(
    SECRET_KEY="x", USE_TZ=True, ROOT_URLCONF="__main__", MIDDLEWARE=[], ALLOWED_HOSTS=["*"], TEMPLATES=TEMPLATES,
    INSTALLED_APPS=[*apps, "django_twocheckout"], TWOCHECKOUT=TWOCHECKOUT, STATIC_URL="/static/",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
)
django.setup()
before = sorted(name for name in sys.modules if name.startswith("django_twocheckout.api"))
urlpatterns = [path("api/", include("django_twocheckout.api.urls"))]

from django.contrib.auth.models import User
from django.core.management import call_command
from rest_framework.test import APIClient
from django_twocheckout.models import Customer

call_command("migrate", verbosity=0)
call_command("check")
ada = Customer.objects.create(first_name="Ada")
api = APIClient()
api.force_authenticate(User.objects.create_superuser("person"))
answers = [api.get("/api/customers/", headers={"Accept": accept}) for accept in ("application/json", "text/html")]
answers.append(api.get(f"/api/customers/{ada.pk}/", headers={"Accept": "text/html"}))
seen = [[answer.status_code, answer.headers["Content-Type"]] for answer in answers]
print(json.dumps({"before": before, "answers": seen}))
"""


@pytest.mark.parametrize(
    ("more", "html"),
    [
        ("", [406, "application/json"]),
        (",rest_framework,django.contrib.staticfiles,django.contrib.sessions", [200, "text/html; charset=utf-8"]),
    ],
)
def test_in_a_project_of_its_own(more, html):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROJECT, f"django.contrib.contenttypes,django.contrib.auth{more}"],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == {"before": [], "answers": [[200, "application/json"], html, html]}
