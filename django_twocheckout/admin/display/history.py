"""The attempts with a customer in a person's words, for the history's page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from ...models import Attempt, AttemptOutcome
from ...redaction import redacted_repr
from .failures import meaning
from .fields import labels


@dataclass(frozen=True)
class Line:
    """An attempt, the fields that it was about, by their labels, and who asked for it."""

    attempt: Attempt
    #: Our own reason for a failure. Blank for a code of 2Checkout.
    reason: str
    sent: str
    adopted: str
    conflicts: str
    took: str
    by: str

    __repr__ = redacted_repr

    @classmethod
    def of(cls, attempt: Attempt, people: Mapping[str, str]) -> Line:
        """The line of this attempt. *people*: names by primary key."""
        sent, adopted, conflicts = (
            labels(names.split()) for names in (attempt.sent, attempt.adopted, attempt.conflicts)
        )
        seconds = number_format(attempt.milliseconds / 1000, decimal_pos=2)
        by = people.get(attempt.user, "") or str(attempt.get_source_display())
        took = (_("%(seconds)s s") % {"seconds": seconds}).replace(" ", "\N{NO-BREAK SPACE}")
        return cls(attempt, meaning(attempt.error_code), sent, adopted, conflicts, took, by)

    @property
    def likeness(self) -> str:
        """The sync state with the same colour as this outcome."""
        states = {AttemptOutcome.FAILED: "failed", AttemptOutcome.RETRY: "pending"}
        return states.get(AttemptOutcome(self.attempt.outcome), "synced")
