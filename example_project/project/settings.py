"""A small shop. Out of the box it needs no service: SQLite, Celery in this process, and a fake 2Checkout.

Three environment variables take it further: DATABASE_URL, CELERY_BROKER_URL, and TWOCHECKOUT_BASE_URL with
TWOCHECKOUT_MERCHANT_CODE and TWOCHECKOUT_SECRET_KEY.
"""

import os
from pathlib import Path

import dj_database_url

from django_twocheckout.schedule import BEAT_SCHEDULE

BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = os.environ.get("SECRET_KEY", "only-for-the-demo")
DEBUG = True
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", "testserver"]
USE_TZ = True
TIME_ZONE = "UTC"
ROOT_URLCONF = "project.urls"
STATIC_URL = "static/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_twocheckout",
    "shop",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "project.csp.content_security_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
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
]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {"twocheckout": {"handlers": ["console"], "level": "INFO", "propagate": False}},
}

DEMO_DATABASE = BASE_DIR / os.environ.get("DEMO_DATABASE", "demo.sqlite3")
if "DATABASE_URL" in os.environ:
    DATABASES = {"default": dj_database_url.config(conn_max_age=600)}
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": DEMO_DATABASE,
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            },
        }
    }

CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "memory://")
if CELERY_BROKER_URL.startswith("memory:"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {"polling_interval": 0.1}
    SILENCED_SYSTEM_CHECKS = ["twocheckout.W001"]  # the demo's worker lives in this very process
CELERY_TASK_IGNORE_RESULT = True
CELERY_BEAT_SCHEDULE = {**BEAT_SCHEDULE}

TWOCHECKOUT = {
    "MERCHANT_CODE": os.environ.get("TWOCHECKOUT_MERCHANT_CODE", "YOURCODE123"),
    "SECRET_KEY": os.environ.get("TWOCHECKOUT_SECRET_KEY", "SECRET_KEY"),
    "BASE_URL": os.environ.get("TWOCHECKOUT_BASE_URL", "http://127.0.0.1:8600/rest/6.0/"),
    "TIMEOUT": (5, 10),
    "RATE_LIMIT": "20/s",  # polite, and slow enough for a job to be watched
}
