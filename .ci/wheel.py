"""Run by a clean virtual environment in which nothing but the built wheel is installed: is everything in it?

Migrates, opens the admin's pages, finds the stylesheet, and pushes a customer to the fake vendor that the wheel brings.
"""

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="wheel",
    DEBUG=True,
    USE_TZ=True,
    ALLOWED_HOSTS=["testserver"],
    ROOT_URLCONF=__name__,
    STATIC_URL="/static/",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.messages",
        "django.contrib.sessions",
        "django.contrib.staticfiles",
        "django_twocheckout",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    TWOCHECKOUT={"MERCHANT_CODE": "YOURCODE123", "SECRET_KEY": "SECRET_KEY"},
)
django.setup()

from importlib.metadata import distribution
from pathlib import Path

from celery import Celery
from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.test import Client
from django.urls import path

import django_twocheckout
from django_twocheckout import sync
from django_twocheckout.models import Customer
from django_twocheckout.testing import FakeTwoCheckout

Celery("wheel", broker="memory://").set_default()
urlpatterns = [path("admin/", admin.site.urls)]

assert "site-packages" in django_twocheckout.__file__, django_twocheckout.__file__
files = {str(file) for file in distribution("django-twocheckout").files}
assert not [name for name in files if name.startswith(("tests/", "example_project/"))]
assert "django_twocheckout/py.typed" in files
assert "django_twocheckout/kit/__init__.py" in files
call_command("migrate", verbosity=0)
call_command("check")
call_command("makemigrations", check=True, dry_run=True)
client = Client()
client.force_login(User.objects.create_superuser("admin"))
with FakeTwoCheckout().serve() as vendor:
    settings.TWOCHECKOUT["BASE_URL"] = vendor.url
    customer = Customer.objects.create(
        first_name="Ada",
        last_name="Lovelace",
        address1="12 St James Square",
        city="London",
        zip="SW1Y 4JH",
        country_code="GB",
        email="ada@example.org",
    )
    sync.push(customer)
    assert customer.sync_state == "synced", customer.sync_error
    base = "/admin/twocheckout/customer/"
    for page in (base, f"{base}add/", f"{base}{customer.pk}/change/", f"{base}cards/?customer={customer.pk}"):
        answer = client.get(page)
        assert answer.status_code == 200, page
        assert "2Checkout" in answer.content.decode(), page
assert Path(finders.find("twocheckout/admin.css")).read_text()
print(f"The wheel {django_twocheckout.__version__} works with Django {django.get_version()}.")
