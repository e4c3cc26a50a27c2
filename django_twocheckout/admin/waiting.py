"""After a save, the form waits for what 2Checkout says: the page loads itself again without scripts, for a short time.

The form itself is left out meanwhile, so that nothing is typed into a page that loads itself again.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest

from ..conf import conf
from ..dispatch import wakes_workers
from ..models import Customer, Presence, SyncState, utc_now
from ..redaction import redacted_repr
from . import accounts
from .display.state_summary import is_claimed

#: How often the page loads itself again, and the seconds before each time. Then it stands still.
MOST_LOOKS, SECONDS = 10, 2
_LOOK = "look"


@dataclass(frozen=True)
class Waiting:
    """The next look at a row on its way to 2Checkout."""

    address: str
    #: The form as it is now, for those who do not want to wait.
    without: str
    seconds: int = SECONDS

    __repr__ = redacted_repr

    @classmethod
    def of(cls, request: HttpRequest, customer: Customer, *, stopped: bool) -> Waiting | None:
        """None if the page stands still: it was not asked to wait, or long enough, or nothing comes of it."""
        look = request.GET.get(_LOOK, "")
        if stopped or look not in map(str, range(MOST_LOOKS)) or not is_on_its_way(customer):
            return None
        return cls(first_look(request.path, int(look) + 1), request.path)


def first_look(address: str, look: int = 0) -> str:
    """The address of this form, waiting for what 2Checkout says."""
    return f"{address}?{_LOOK}={look}"


def is_on_its_way(customer: Customer) -> bool:
    """Whether a worker is expected to push the row in a moment, or is at it."""
    if customer.sync_state != SyncState.PENDING or customer.presence == Presence.GONE:
        return False
    if accounts.is_unknown(customer.account):
        return False
    wakes = conf.ENABLED and conf.PUSH_ON_SAVE and wakes_workers()
    return is_claimed(customer) or (wakes and customer.next_attempt_at <= utc_now())
