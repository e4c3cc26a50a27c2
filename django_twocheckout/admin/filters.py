"""Filters of the customers' list: by reason, conflict, age, cards and country. Counts come only on demand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ..conf import Conf
from ..countries import COUNTRY_CODES, country_choices
from ..models import Attempt, Customer, SyncState, utc_now
from .display import failures

#: Characters of a reason. The filters stand in a narrow column.
REASON_LENGTH = 70
STALE_DAYS = (1, 7, 30, 90)
CONFLICT_DAYS = (1, 7, 30)


class ReasonFilter(admin.SimpleListFilter):
    """By reason: our own words, or an example of 2Checkout's, for each code."""

    title = gettext_lazy("reason")
    parameter_name = "error_code"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Customer]) -> list[tuple[str, str]]:
        found = failures.examples(model_admin.get_queryset(request).exclude(error_code=""))
        if chosen := self.used_parameters.get(self.parameter_name):
            found.setdefault(chosen, "")  # even while no row has it
        words = [(code, Truncator(failures.in_words(code, found[code])).chars(REASON_LENGTH)) for code in found]
        return sorted(words, key=lambda one: one[1])

    def has_output(self) -> bool:
        return True

    def queryset(self, request: HttpRequest, queryset: QuerySet[Customer]) -> QuerySet[Customer]:
        if not self.value():
            return queryset
        return queryset.exclude(sync_state=SyncState.SYNCED).filter(error_code=self.value())


class PresenceFilter(admin.ChoicesFieldListFilter):
    """By whether 2Checkout has the customer. The field's own name makes no sentence after “By”."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.title = gettext_lazy("presence at 2Checkout")


class ConflictFilter(admin.SimpleListFilter):
    """By the last time at which fields had changed on both sides, as far as the history goes back."""

    title = gettext_lazy("conflict")
    parameter_name = "conflict"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Customer]) -> list[tuple[str, str]]:
        kept = Conf.HISTORY_DAYS.raw()
        shown = [days for days in CONFLICT_DAYS if not isinstance(kept, int) or days <= kept]
        return [
            (str(days), ngettext("In the last day", "In the last %(days)d days", days) % {"days": days})
            for days in shown
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Customer]) -> QuerySet[Customer]:
        if (days := self.value()) and days in map(str, CONFLICT_DAYS):
            since = utc_now() - timedelta(days=int(days))
            found = Attempt.objects.using(queryset.db).filter(at__gte=since).exclude(conflicts="")
            return queryset.filter(pk__in=found.values("customer"))
        return queryset


class StaleFilter(admin.SimpleListFilter):
    """By the time since the last re-fetch."""

    title = gettext_lazy("last re-fetched")
    parameter_name = "stale"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Customer]) -> list[tuple[str, str]]:
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
    """By the cards on file at the last re-fetch."""

    title = gettext_lazy("cards")
    parameter_name = "cards"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Customer]) -> list[tuple[str, str]]:
        return [("yes", _("Has cards")), ("no", _("Has none"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Customer]) -> QuerySet[Customer]:
        if self.value() == "yes":
            return queryset.exclude(existing_cards=[])
        if self.value() == "no":
            return queryset.filter(existing_cards=[])
        return queryset


class CountryFilter(admin.SimpleListFilter):
    """By country, among those in use."""

    title = gettext_lazy("country")
    parameter_name = "country"
    template = "twocheckout/admin/customer/country_filter.html"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Customer]) -> list[tuple[str, str]]:
        chosen = self.used_parameters.get(self.parameter_name)
        used = _used_countries(model_admin.get_queryset(request)) | {chosen}
        return [(code, name) for code, name in country_choices() if code in used]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        # The other filters in use stay when a country is chosen.
        params = changelist.filter_params.items()
        self.others = [(name, value) for name, values in params for value in values if name != self.parameter_name]
        # Never with counts: two hundred of them cost too much for a folded choice.
        for code, words in self.lookup_choices:
            yield {"selected": code == self.value(), "value": code, "display": words}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Customer]) -> QuerySet[Customer]:
        return queryset.filter(country_code=self.value()) if self.value() in COUNTRY_CODES else queryset


def _used_countries(customers: QuerySet[Customer]) -> set[str]:
    """The countries of these customers.

    The database reads the index alone. A question for each of 250 countries costs more, even at a million rows.
    """
    return set(customers.order_by().values_list("country_code", flat=True).distinct())
