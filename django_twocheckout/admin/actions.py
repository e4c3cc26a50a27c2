"""The actions of the customers' list. Each hands the chosen rows to the page that does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy

from ..models import Customer, Verb
from .pages import CardsPage, ErasePage, PushAndPull

if TYPE_CHECKING:
    from .customer import CustomerAdmin


@admin.action(description=gettext_lazy("Push now"), permissions=["push"])
def push_now(modeladmin: CustomerAdmin, request: HttpRequest, queryset: QuerySet[Customer]) -> HttpResponse | None:
    return PushAndPull(modeladmin).act(request, queryset, Verb.PUSH, "push_now")


@admin.action(description=gettext_lazy("Re-fetch from 2Checkout"), permissions=["pull"])
def refetch(modeladmin: CustomerAdmin, request: HttpRequest, queryset: QuerySet[Customer]) -> HttpResponse | None:
    return PushAndPull(modeladmin).act(request, queryset, Verb.PULL, "refetch")


@admin.action(description=gettext_lazy("Retry failed"), permissions=["push"])
def retry_failed(modeladmin: CustomerAdmin, request: HttpRequest, queryset: QuerySet[Customer]) -> HttpResponse | None:
    return PushAndPull(modeladmin).retry(request, queryset)


@admin.action(description=gettext_lazy("Delete cards…"), permissions=["delete_card"])
def choose_cards(modeladmin: CustomerAdmin, request: HttpRequest, queryset: QuerySet[Customer]) -> HttpResponse | None:
    return CardsPage(modeladmin).choose(request, queryset)


@admin.action(description=gettext_lazy("Erase…"), permissions=["erase"])
def erase(modeladmin: CustomerAdmin, request: HttpRequest, queryset: QuerySet[Customer]) -> HttpResponse | None:
    return ErasePage(modeladmin).choose(request, queryset)
