"""A shop that knows of the app what the documentation says. Its tests are the blocks of docs/how-to/testing.md."""

import os

import django_stubs_ext

from django_twocheckout.schedule import BEAT_SCHEDULE

django_stubs_ext.monkeypatch()

SECRET_KEY = "not-a-secret"
ALLOWED_HOSTS = ["testserver"]
USE_TZ = True
ROOT_URLCONF = "mysite.urls"
STATIC_URL = "static/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django_twocheckout",
    "shop",
]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]

# Nothing listens there: a test that sends a message fails.
CELERY_BROKER_URL = "amqp://guest:guest@127.0.0.1:9//"
CELERY_BEAT_SCHEDULE = {**BEAT_SCHEDULE}

TWOCHECKOUT = {
    "MERCHANT_CODE": os.environ.get("TWOCHECKOUT_MERCHANT_CODE", "CODE"),
    "SECRET_KEY": os.environ.get("TWOCHECKOUT_SECRET_KEY", "KEY"),
}
