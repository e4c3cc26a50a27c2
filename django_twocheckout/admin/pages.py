"""What every page of ours in the admin has in common: its frame, its address, and no transaction around the talk."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin, messages
from django.contrib.admin.exceptions import NotRegistered
from django.contrib.admin.utils import unquote
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connections, transaction
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from ..conf import ConfigurationError
from ..models import Customer, SyncState

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


#: The states' icons, so that colour is not all that tells them apart.
ICONS = {SyncState.PENDING: "◷", SyncState.SYNCED: "✓", SyncState.FAILED: "✗"}


def outside_transactions(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """No transaction around the talk with 2Checkout, where ATOMIC_REQUESTS would open one."""
    for alias in connections:
        view = transaction.non_atomic_requests(alias)(view)
    return view


def people(keys: Iterable[str]) -> dict[str, str]:
    """The names of the users with these primary keys; whoever gave another name for himself has none."""
    users, known = get_user_model(), set()
    for key in set(filter(None, keys)):
        try:
            known.add(cast("Any", users._meta.pk).to_python(key))
        except ValidationError:
            continue
    found = users._default_manager.filter(pk__in=known) if known else []
    return {str(user.pk): str(user) for user in found}


class Pages(ModelAdmin):
    """The part of an admin on which its pages stand."""

    def wrapped(self, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        """A view of ours as the admin's addresses take it."""
        inner = self.admin_site.admin_view(view)

        def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                return inner(request, *args, **kwargs)
            except Customer.DoesNotExist as gone:
                raise Http404 from gone
            except ConfigurationError as error:
                self.message_user(request, str(error), messages.ERROR)
                return redirect(self.address("changelist"))

        return outside_transactions(update_wrapper(wrapper, view))

    def button(self, view: Callable[..., HttpResponse], back: str) -> Callable[..., HttpResponse]:
        """As above, for a view that is only posted to; *back*: the page where its button stands.

        Who had to log in before is sent here with a GET, and must press once more.
        """

        def posted(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method != "POST":
                return redirect(self.address(back, *args, *kwargs.values()))
            return view(request, *args, **kwargs)

        return self.wrapped(update_wrapper(posted, view))

    def address_name(self, page: str, model: type[Model] | None = None) -> str:
        opts = (model or self.model)._meta
        return f"{opts.app_label}_{opts.model_name}_{page}"

    def address(self, page: str, *args: Any, model: type[Model] | None = None) -> str:
        """The address of a page in this very site, by Django's name for it or ours."""
        return reverse(f"admin:{self.address_name(page, model)}", args=args, current_app=self.admin_site.name)

    def sister(self, model: type[Model]) -> Any:
        """The admin of another model in this very site, or None."""
        try:
            return self.admin_site.get_model_admin(model)
        except NotRegistered:
            return None

    def page(self, request: HttpRequest, template: str, title: str, **content: Any) -> TemplateResponse:
        """A page in the admin's frame; *template* is a file of templates/admin/twocheckout/."""
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "media": self.media,
            **content,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, f"admin/twocheckout/{template}", context)


class CustomerPages(Pages):
    """The same for the customers' admin, and who may do what."""

    def has_push_permission(self, request: HttpRequest, obj: Customer | None = None) -> bool:
        return request.user.has_perm("twocheckout.push_customer")

    def has_pull_permission(self, request: HttpRequest, obj: Customer | None = None) -> bool:
        return request.user.has_perm("twocheckout.pull_customer")

    def has_delete_card_permission(self, request: HttpRequest, obj: Customer | None = None) -> bool:
        return request.user.has_perm("twocheckout.delete_card")

    def get_urls(self) -> list[Any]:
        patterns = super().get_urls()
        for pattern in patterns:
            if pattern.name == self.address_name("changelist"):  # whose actions push and pull
                pattern.callback = outside_transactions(pattern.callback)
        return patterns

    def customer_or_404(self, request: HttpRequest, object_id: str) -> Customer:
        """The customer that this address names; PermissionDenied for who may not see it."""
        customer: Customer | None = self.get_object(request, unquote(object_id))
        if customer is None:
            raise Http404
        if not self.has_view_permission(request, customer):
            raise PermissionDenied
        return customer
