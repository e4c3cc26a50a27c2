"""A project with django-tenants, where each tenant's schema has customers of its own. Needs PostgreSQL."""

from __future__ import annotations

from ..settings import *  # noqa: F403
from ..settings import DATABASES as _DATABASES

DATABASES = {"default": _DATABASES["default"] | {"ENGINE": "django_tenants.postgresql_backend"}}
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
SHARED_APPS = ["django_tenants", "tests.tenants", "django.contrib.contenttypes"]
TENANT_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "django_twocheckout"]
INSTALLED_APPS = [*SHARED_APPS, *(app for app in TENANT_APPS if app not in SHARED_APPS)]
MIDDLEWARE: list[str] = []
ROOT_URLCONF = "tests.tenants.settings"
urlpatterns: list[object] = []
TENANT_MODEL = "tenants.Tenant"
TENANT_DOMAIN_MODEL = "tenants.Domain"
