from __future__ import annotations

from tempfile import mkdtemp

from ...settings import *  # noqa: F403
from ...settings import INSTALLED_APPS as _APPS

ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "tests.api.served.urls"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": f"{mkdtemp()}/db.sqlite3",
        "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL;"},
    }
}
INSTALLED_APPS = [*(app for app in _APPS if app != "tests.shop"), "rest_framework", "drf_spectacular"]
REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.BasicAuthentication"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}
SPECTACULAR_SETTINGS = {"TITLE": "Customers", "VERSION": "1", "SERVE_PERMISSIONS": []}
