"""Says in words how long something lasts, for the admin's pages and template tags."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import npgettext_lazy

#: As after "for", "in" and before "ago". In some languages, as in German, they have a case of their own there.
UNITS: Any = {
    "year": npgettext_lazy("span", "%(num)d year", "%(num)d years", "num"),
    "month": npgettext_lazy("span", "%(num)d month", "%(num)d months", "num"),
    "week": npgettext_lazy("span", "%(num)d week", "%(num)d weeks", "num"),
    "day": npgettext_lazy("span", "%(num)d day", "%(num)d days", "num"),
    "hour": npgettext_lazy("span", "%(num)d hour", "%(num)d hours", "num"),
    "minute": npgettext_lazy("span", "%(num)d minute", "%(num)d minutes", "num"),
}


def span(since: datetime, until: datetime) -> str:
    """How long this is, in words: two units at most, and no “0 minutes”."""
    return (
        timesince(since, until, time_strings=UNITS)
        if (until - since).total_seconds() >= 60
        else _("less than a minute")
    )


def now_for(moment: datetime) -> datetime:
    """The host's clock, to be compared with this moment: a project's own times have no zone without USE_TZ."""
    return datetime.now(UTC) if timezone.is_aware(moment) else timezone.now()


def coarse(since: datetime, until: datetime) -> str:
    """The same in its greater unit alone."""
    return span(since, until).partition(",")[0]
