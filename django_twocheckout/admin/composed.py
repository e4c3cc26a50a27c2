"""Our templates and history beside those of packages, such as a package of versions or of permissions for each row.

Our template of a page extends the package's, so both are on the page, in either order of an admin's bases. A template
that a subclass of CustomerAdmin names is the project's own. It replaces ours.
"""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.models import LogEntry
from django.contrib.admin.views.main import PAGE_VAR
from django.core.paginator import Page as PaginatedPage
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern

from ..models import Customer
from .base import PagedAdmin

#: The attribute of an admin that names a template, and Django's template, which ours extends if no package names one.
TEMPLATES = {
    "change_list_template": "admin/change_list.html",
    "change_form_template": "admin/change_form.html",
    "object_history_template": "admin/object_history.html",
}
#: Lines of a history on its page.
HISTORY_LINES = 200


class ComposedAdmin(PagedAdmin):
    """The base of an admin whose templates extend those of its other bases."""

    def __init__(self, model: type[Customer], admin_site: AdminSite) -> None:
        super().__init__(model, admin_site)
        #: The template that ours extends, by attribute.
        self.extended: dict[str, str] = {}
        for attribute, default in TEMPLATES.items():
            ours = [base for base in type(self).__mro__ if issubclass(base, ComposedAdmin)]
            others = [base for base in type(self).__mro__ if not issubclass(base, ComposedAdmin)]
            self.extended[attribute] = _first(others, attribute) or default
            # Else the template of a package that stands first in the bases would replace ours.
            if getattr(self, attribute) == _first(others, attribute):
                setattr(self, attribute, _first(ours, attribute))

    def history_content(self, request: HttpRequest, object_id: str) -> dict[str, object]:
        """What our template of the history shows."""
        raise NotImplementedError

    def get_urls(self) -> list[URLPattern]:
        patterns = super().get_urls()
        for pattern in patterns:
            if pattern.name == self.address_name("history"):
                pattern.callback = self.wrapped(self._history)
        return patterns

    def _history(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The history of whichever base comes first. Some of them do not call the next one, so ours is passed in."""
        content = {**self.history_content(request, object_id), "extended": self.extended["object_history_template"]}
        response = self.history_view(request, object_id, content)
        if isinstance(response, TemplateResponse) and response.context_data:
            log = response.context_data.get("action_list")
            if isinstance(log, PaginatedPage) and getattr(log.paginator.object_list, "model", None) is LogEntry:
                # Django has the oldest first.
                entries: Any = log.paginator.object_list
                paginator = self.get_paginator(request, entries.order_by("-action_time", "-pk"), HISTORY_LINES)
                response.context_data["action_list"] = paginator.get_page(request.GET.get(PAGE_VAR, 1))
        return response

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, object] | None = None) -> HttpResponse:
        content = {"extended": self.extended["change_list_template"]}
        return super().changelist_view(request, {**content, **(extra_context or {})})

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **options: Any) -> HttpResponse:
        context["extended"] = self.extended["change_form_template"]
        return super().render_change_form(request, context, *args, **options)


def _first(bases: list[type], attribute: str) -> str:
    """The template that the first of these classes names, or nothing."""
    return next((str(named) for base in bases if (named := vars(base).get(attribute))), "")
