"""Admin sites in which our admin has another package's admin beside it, in either order of bases."""

from __future__ import annotations

from django.contrib.admin import AdminSite
from django.urls import path
from guardian.admin import GuardedModelAdmin
from reversion.admin import VersionAdmin
from simple_history.admin import SimpleHistoryAdmin

from django_twocheckout.admin import CustomerAdmin, JobAdmin
from django_twocheckout.models import Customer, Job

from ..urls import urlpatterns as usual

PACKAGES = {"versions": VersionAdmin, "records": SimpleHistoryAdmin, "permissions": GuardedModelAdmin}
SITES = [f"{name}-{place}" for name in PACKAGES for place in ("second", "first")]


def site_of(name: str) -> AdminSite:
    package, _, place = name.partition("-")
    bases = [CustomerAdmin, PACKAGES[package]]
    site = AdminSite(name)
    site.register(Customer, type("Both", tuple(bases if place == "second" else reversed(bases)), {}))
    site.register(Job, JobAdmin)
    return site


urlpatterns = [*usual, *(path(f"{name}/", site_of(name).urls) for name in SITES)]
