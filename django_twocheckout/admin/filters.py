"""Filters of the customers' list: by reason, by age, by cards, by country. With counts on demand, as Django's own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ..countries import COUNTRY_CODES
from ..models import Customer, SyncState

#: The codes are looked for among so many failed rows: the choices should cost little, whatever a bad day leaves behind.
LOOKED_AT = 5_000

STALE_DAYS = (1, 7, 30, 90)


class ReasonFilter(admin.SimpleListFilter):
    """By 2Checkout's code for what went wrong, or our error's name."""

    title = gettext_lazy("reason")
    parameter_name = "error_code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        customers = model_admin.get_queryset(request).exclude(sync_state=SyncState.SYNCED).exclude(error_code="")
        failed = customers.filter(sync_state=SyncState.FAILED).order_by("-next_try_at", "-pk")
        codes = set(failed.values_list("error_code", flat=True)[:LOOKED_AT])
        if chosen := self.used_parameters.get(self.parameter_name):
            codes.add(chosen)  # also while nobody has it
        return [(code, code) for code in sorted(codes)]

    def has_output(self) -> bool:
        return True

    def queryset(self, request: HttpRequest, queryset: QuerySet[Customer]) -> QuerySet[Customer]:
        if not self.value():
            return queryset
        return queryset.exclude(sync_state=SyncState.SYNCED).filter(error_code=self.value())


class StaleFilter(admin.SimpleListFilter):
    """By how long ago 2Checkout's values were read into the row."""

    title = gettext_lazy("last re-fetched")
    parameter_name = "stale"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        words = [
            (str(days), ngettext("More than %(days)d day ago", "More than %(days)d days ago", days) % {"days": days})
            for days in STALE_DAYS
        ]
        return [*words, ("never", _("Never"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Customer]) -> QuerySet[Customer]:
        if self.value() == "never":
            return queryset.filter(pulled_at=None)
        if (days := self.value()) and days in map(str, STALE_DAYS):
            before = timezone.now() - timedelta(days=int(days))
            return queryset.filter(Q(pulled_at=None) | Q(pulled_at__lt=before), customer_reference__isnull=False)
        return queryset


class CardsFilter(admin.SimpleListFilter):
    """By whether 2Checkout had cards on file when it last told."""

    title = gettext_lazy("cards")
    parameter_name = "cards"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", _("Has cards")), ("no", _("Has none"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Customer]) -> QuerySet[Customer]:
        if self.value() == "yes":
            return queryset.exclude(existing_cards=[])
        if self.value() == "no":
            return queryset.filter(existing_cards=[])
        return queryset


class CountryFilter(admin.SimpleListFilter):
    """By country. All of them are offered: to find those in use the database would read every row."""

    title = gettext_lazy("country")
    parameter_name = "country"
    template = "admin/twocheckout/customer/country_filter.html"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(code, code) for code in sorted(COUNTRY_CODES)]

    def choices(self, changelist: Any) -> Iterator[Any]:
        # What else the list is narrowed by goes along when a country is chosen.
        params = changelist.filter_params.items()
        self.others = [(name, value) for name, values in params for value in values if name != self.parameter_name]
        # Never with counts: two hundred of them for a choice that is folded up would be a poor bargain.
        for code, words in self.lookup_choices:
            yield {"selected": code == self.value(), "query_string": f"?{self.parameter_name}={code}", "display": words}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Customer]) -> QuerySet[Customer]:
        return queryset.filter(country_code=self.value()) if self.value() in COUNTRY_CODES else queryset
