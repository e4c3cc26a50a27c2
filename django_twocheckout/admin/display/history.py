"""The attempts with a customer in a person's words, for the history's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from ...models import Attempt, AttemptOutcome, Customer, SyncState, Verb
from ...redaction import redacted_repr
from .failures import meaning
from .failures import reason as reason_of
from .fields import labels


@dataclass(frozen=True)
class Line:
    """An attempt, the fields that it was about, by their labels, and who asked for it."""

    attempt: Attempt
    #: Why it failed: the words that the row has, or our own. Blank for a code of 2Checkout whose words are gone.
    reason: str
    sent: str
    adopted: str
    conflicts: str
    took: str
    by: str

    __repr__ = redacted_repr

    @classmethod
    def of(cls, attempt: Attempt, people: Mapping[str, str], why: str = "") -> Line:
        """The line of this attempt. *people*: names by primary key. *why*: the words of its refusal, if known."""
        sent, adopted, conflicts = (
            labels(names.split()) for names in (attempt.sent, attempt.adopted, attempt.conflicts)
        )
        seconds = number_format(attempt.milliseconds / 1000, decimal_pos=2)
        by = people.get(attempt.user, "") or str(attempt.get_source_display())
        took = (_("%(seconds)s s") % {"seconds": seconds}).replace(" ", "\N{NO-BREAK SPACE}")
        return cls(attempt, why or meaning(attempt.error_code), sent, adopted, conflicts, took, by)

    @property
    def shows_code(self) -> bool:
        """Whether the code is 2Checkout's, which those who ask its support need."""
        return bool(self.attempt.error_code) and not meaning(self.attempt.error_code)

    @property
    def likeness(self) -> str:
        """The sync state with the same colour as this outcome."""
        states = {AttemptOutcome.FAILED: "failed", AttemptOutcome.RETRY: "pending"}
        return states.get(AttemptOutcome(self.attempt.outcome), "synced")


def refusal(customer: Customer, attempts: Sequence[Attempt]) -> dict[int, str]:
    """The words of the refusal that the row still has, by the attempt that they are about. *attempts*: newest first.

    The history itself keeps codes alone, because 2Checkout's words may quote a value.
    """
    push = next((attempt for attempt in attempts if attempt.verb == Verb.PUSH), None)
    if push is None or customer.sync_state == SyncState.SYNCED or push.error_code != customer.error_code:
        return {}
    words = reason_of(customer).removesuffix(f"({customer.error_code})").strip()
    return {push.pk: words} if push.error_code else {}
