"""The project under fault: everything that a run chooses comes by environment variable, so that all processes agree."""

from __future__ import annotations

import json
import os
from typing import Any

import dj_database_url

from . import constants

SECRET_KEY = "not-a-secret"
USE_TZ = True
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django_twocheckout", "tests.shop"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "tests.faults.urls"

_url = os.environ["FAULTS_DATABASE_URL"]
DATABASES: dict[str, Any] = {"default": dj_database_url.parse(_url, conn_max_age=600)}
if _url.startswith("sqlite"):
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
if "FAULTS_ADMIN_URL" in os.environ:
    # Where databases are created and dropped, and from where connections are cut.
    DATABASES["admin"] = dj_database_url.parse(os.environ["FAULTS_ADMIN_URL"])

CELERY_BROKER_URL = os.environ["FAULTS_BROKER_URL"]
CELERY_TASK_DEFAULT_QUEUE = os.environ["FAULTS_QUEUE"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False

TWOCHECKOUT = {
    "MERCHANT_CODE": constants.CODES["default"],
    "SECRET_KEY": constants.SECRET_KEY,
    "BASE_URL": os.environ["FAULTS_VENDOR_URL"],
    **constants.TWOCHECKOUT,
    **json.loads(os.environ.get("FAULTS_TWOCHECKOUT", "{}")),
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {
        name: {"handlers": ["console"], "level": "DEBUG", "propagate": False} for name in ("twocheckout", "urllib3")
    },
}
