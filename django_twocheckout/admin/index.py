"""2Checkout's part of the admin's index: it says whether anything is wrong, before a person has clicked anywhere.

It comes by itself where the index is Django's own. A project or a theme with an index of its own includes it there
with the tag ``{% twocheckout_health %}``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.contrib import admin
from django.contrib.admin.exceptions import NotRegistered
from django.contrib.admin.sites import all_sites
from django.http import HttpRequest
from django.template import TemplateDoesNotExist
from django.template.loader import get_template

from ..conf import Conf
from ..models import Customer
from .base import PagedAdmin, banner
from .display.state_summary import not_in_step

DJANGOS = "admin/index.html"
OURS = "twocheckout/admin/index.html"


def show_on_index(site: admin.AdminSite) -> None:
    """Let the index of this site have our part, unless the project or a theme has an index of its own."""
    if site.index_template is None and _is_djangos_own():
        site.index_template = OURS


def _is_djangos_own() -> bool:
    try:
        origin: Any = getattr(get_template(DJANGOS), "origin", None)
    except TemplateDoesNotExist:
        return False
    return origin is not None and Path(str(origin.name)).is_relative_to(Path(admin.__file__).parent)


def health(request: HttpRequest) -> dict[str, Any]:
    """What our part shows to this person. Nothing to a person who may not see customers, or on a site without them."""
    name = getattr(request, "current_app", None) or admin.site.name
    customers = next((found for site in all_sites if site.name == name and (found := _customers(site))), None)
    if customers is None or not customers.has_view_or_change_permission(request):
        return {}
    above, rows = banner(), customers.get_queryset(request)
    behind = not_in_step(rows)
    return {
        **above,
        "opts": customers.opts,
        "not_in_step": behind,
        "none": not behind and not rows.exists(),
        "disabled": Conf.ENABLED.raw() is False,
        "may_push": customers.has_push_permission(request),
    }


def _customers(site: admin.AdminSite) -> Any:
    """Our admin of the customers in this site, or None."""
    try:
        found: Any = site.get_model_admin(Customer)
    except NotRegistered:
        return None
    return found if isinstance(found, PagedAdmin) else None
