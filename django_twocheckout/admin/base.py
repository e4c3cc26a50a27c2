"""The base of our admins and of their pages: frame, addresses, and no transaction around requests to 2Checkout."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin, messages
from django.contrib.admin.exceptions import NotRegistered
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connections, router, transaction
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, get_resolver, path, reverse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _

from .. import dispatch
from ..broker import AnyTask
from ..conf import ConfigurationError
from ..exceptions import InTransaction, SendingStopped
from ..flows.account import current_accounts, first_stopped
from ..flows.jobs import JobBusy
from ..flows.standstill import standstill
from ..models import Customer, SyncState, after_commit
from .accounts import are_several
from .display.failures import translated

if TYPE_CHECKING:
    from .customer import CustomerAdmin

    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


#: The states' icons: colour alone must not tell them apart.
ICONS = {SyncState.PENDING: "◷", SyncState.SYNCED: "✓", SyncState.FAILED: "✗"}


def outside_transactions(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Run the view without the transaction of ATOMIC_REQUESTS, because it sends requests to 2Checkout."""
    for alias in connections:
        view = transaction.non_atomic_requests(alias)(view)
    return view


def refused_uncached(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let the answer to a person without the right be kept by no cache, like Django's other answers of an admin."""

    def answer(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except PermissionDenied as refusal:
            handler: Callable[..., HttpResponse] = get_resolver().resolve_error_handler(403)
            response = handler(request, exception=refusal)
            add_never_cache_headers(response)
            return response

    return update_wrapper(answer, view)


def wake(task: AnyTask, *args: dispatch.Key, database: str | None) -> bool:
    """Wake a worker at once. Returns False if no broker accepts the message.

    Inside a transaction, for example of a middleware, wake one after its commit too: before it, a worker sees none of
    its changes.
    """
    database = database or router.db_for_write(Customer)
    if connections[database].in_atomic_block:

        def wake_for_person() -> None:
            dispatch.enqueue(task, *args, database=database)

        after_commit(wake_for_person, database)
        if dispatch.runs_here() or not dispatch.uses_celery():
            return dispatch.wakes_workers()  # what runs in this process would run inside the transaction
    return dispatch.enqueue(task, *args, database=database)


def reason_for_nothing(error: ConfigurationError | InTransaction | JobBusy | SendingStopped) -> str:
    """The reason in words why nothing was done: a setting, a transaction, a job held by another, or all is stopped."""
    if isinstance(error, SendingStopped):
        return error.words
    if isinstance(error, InTransaction):
        return _(
            "Nothing was done: this request runs inside a database transaction, for example of a middleware, and "
            "2Checkout cannot be asked inside one."
        )
    if isinstance(error, JobBusy):
        return _("Nothing was done: the job is being worked on right now; try again in a moment.")
    return str(error)


def woken(*, found: bool, database: str | None, done: str = "", words: str = "") -> tuple[int, str]:
    """The level and the words of a message after :func:`wake`: in green only if somebody is there to hear it.

    *found*: what it returned. *words*: what the worker was told.
    """
    if not dispatch.wakes_workers():
        level, words = messages.WARNING, _("This site wakes no worker, so it is done by the next sweep.")
    elif not found and not dispatch.uses_celery():
        level, words = messages.WARNING, _("No worker could be woken, so it may take until the next sweep.")
    elif not found:
        level, words = messages.WARNING, _("The broker does not answer, so it may take until the next sweep.")
    elif standstill(database):
        level = messages.WARNING
        words = _("A worker was asked, but none has been seen for long: is a worker running?")
    else:
        level = messages.SUCCESS
    return level, f"{done} {words}".strip()


def banner(database: str | None = None, only: Collection[str] | None = None) -> dict[str, Any]:
    """What the pages show above all else: the accounts that are stopped, and whether no worker was seen.

    *only*: these accounts.
    """
    accounts = current_accounts(database)
    mine = [state for state in accounts if only is None or state.alias in only]
    stopped = [state for state in mine if state.open_until or state.code_differs]
    return {
        "account": first_stopped(mine),
        "stopped": [(state, translated(state.reason)) for state in stopped],
        "several_accounts": are_several(),
        "standstill": standstill(database, accounts),
        "stopped_accounts": {state.alias for state in stopped},
    }


def user_names(keys: Iterable[str]) -> dict[str, str]:
    """Display names by user primary key. Keys of no user are left out."""
    users, valid = get_user_model(), set()
    for key in set(filter(None, keys)):
        try:
            valid.add(cast("Any", users._meta.pk).to_python(key))
        except ValidationError:
            continue
    found = users._default_manager.filter(pk__in=valid) if valid else []
    return {str(user.pk): str(user) for user in found}


class Page:
    """A page of the customers' admin, or a few that belong together, with their addresses.

    A project's own page is put into ``CustomerAdmin.pages``.
    """

    def __init__(self, admin: CustomerAdmin) -> None:
        self.admin = admin

    def urls(self) -> list[URLPattern]:
        """The addresses, within those of the customers' admin."""
        raise NotImplementedError

    def route(self, route: str, view: Callable[..., HttpResponse], name: str, *, button_on: str = "") -> URLPattern:
        """An address of this page. *button_on*: the page with the button, for a view with POST alone."""
        wrapped = self.admin.button(view, back=button_on) if button_on else self.admin.wrapped(view)
        return path(route, wrapped, name=self.admin.address_name(name))


class PagedAdmin(ModelAdmin):
    """The base of an admin with pages of ours."""

    def get_urls(self) -> list[URLPattern]:
        patterns = super().get_urls()
        for pattern in patterns:
            pattern.callback = refused_uncached(pattern.callback)
        return patterns

    def wrapped(self, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        """A view of ours, wrapped for the admin's addresses."""
        inner = self.admin_site.admin_view(view)

        def wrapper(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponse:
            try:
                return inner(request, *args, **kwargs)
            except Customer.DoesNotExist as gone:
                raise Http404 from gone
            except (ConfigurationError, InTransaction, JobBusy, SendingStopped) as error:
                self.message_user(request, reason_for_nothing(error), messages.ERROR)
                return redirect(self.address("changelist"))

        return outside_transactions(refused_uncached(update_wrapper(wrapper, view)))

    def button(self, view: Callable[..., HttpResponse], back: str) -> Callable[..., HttpResponse]:
        """As above, for a view with POST alone. *back*: the page with its button.

        After a login the person is sent here with a GET, and must press again.
        """

        def posted(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponse:
            if request.method != "POST":
                return redirect(self.address(back, *args, *kwargs.values()))
            return view(request, *args, **kwargs)

        return self.wrapped(update_wrapper(posted, view))

    def address_name(self, page: str, model: type[Model] | None = None) -> str:
        opts = (model or self.model)._meta
        return f"{opts.app_label}_{opts.model_name}_{page}"

    def address(self, page: str, *args: object, model: type[Model] | None = None) -> str:
        """The address of a page in this admin site, by Django's name for it or ours."""
        return reverse(f"admin:{self.address_name(page, model)}", args=args, current_app=self.admin_site.name)

    def sibling_admin(self, model: type[Model]) -> Any:
        """The admin of another model in this admin site, or None."""
        try:
            return self.admin_site.get_model_admin(model)
        except NotRegistered:
            return None

    def page(self, request: HttpRequest, template: str, title: str, **content: object) -> TemplateResponse:
        """A page in the admin's frame. *template*: a file of templates/twocheckout/admin/."""
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "media": self.media,
            **content,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, f"twocheckout/admin/{template}", context)
