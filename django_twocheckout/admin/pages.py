"""What every page of ours in the admin has in common: its frame, and no transaction around the talk with 2Checkout."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from ..models import Customer, SyncState

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Customer]
else:
    ModelAdmin = admin.ModelAdmin


#: The states' icons, so that colour is not all that tells them apart.
ICONS = {SyncState.PENDING: "◷", SyncState.SYNCED: "✓", SyncState.FAILED: "✗"}


def outside_transaction(site: admin.AdminSite, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """The admin's wrapping, and no transaction around the talk with 2Checkout where ATOMIC_REQUESTS would open one."""

    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return site.admin_view(view)(request, *args, **kwargs)

    return transaction.non_atomic_requests(update_wrapper(wrapper, view))


class Pages(ModelAdmin):
    """The part of the customers' admin on which its pages stand, and who may do what."""

    def has_push_permission(self, request: HttpRequest, obj: Customer | None = None) -> bool:
        return request.user.has_perm("twocheckout.push_customer")

    def has_pull_permission(self, request: HttpRequest, obj: Customer | None = None) -> bool:
        return request.user.has_perm("twocheckout.pull_customer")

    def has_delete_card_permission(self, request: HttpRequest, obj: Customer | None = None) -> bool:
        return request.user.has_perm("twocheckout.delete_card")

    def wrapped(self, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        """A view of ours as the admin's addresses take it."""
        return outside_transaction(self.admin_site, view)

    def customer_or_404(self, request: HttpRequest, object_id: str) -> Customer:
        """The customer that this address names; PermissionDenied for who may not see it."""
        customer = self.get_object(request, unquote(object_id))
        if customer is None:
            raise Http404
        if not self.has_view_permission(request, customer):
            raise PermissionDenied
        return customer

    def page(self, request: HttpRequest, template: str, title: str, **content: Any) -> TemplateResponse:
        """A page in the admin's frame; *template* is a file of templates/admin/twocheckout/customer/."""
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "media": self.media,
            **content,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, f"admin/twocheckout/customer/{template}", context)
