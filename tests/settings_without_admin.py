"""A project that has the app and models of its own, and nothing else: no admin, users, content types or sessions."""

from __future__ import annotations

from .settings import *  # noqa: F403

INSTALLED_APPS = ["django_twocheckout", "tests.shop"]
MIDDLEWARE: list[str] = []
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
ROOT_URLCONF = "tests.urls_without_admin"
