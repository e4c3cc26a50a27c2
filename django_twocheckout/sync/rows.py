"""Takes a row into our hands and writes back what came of it: the database's side of every push and pull.

A claim is a lease on the row, taken by a conditional UPDATE, so it works the same on every database and holds no lock
and no transaction while 2Checkout is being talked to. Whoever lost the lease settles nothing.
"""

from __future__ import annotations

import logging
import random
import time
import uuid
from collections.abc import Iterable
from datetime import timedelta
from enum import Enum
from typing import Any

from django.db import DEFAULT_DB_ALIAS, DatabaseError, IntegrityError, transaction
from django.utils import timezone

from ..client import checked_timeout
from ..conf import conf
from ..exceptions import (
    AuthenticationFailed,
    RateLimited,
    RequestRejected,
    TransientError,
    TwoCheckoutError,
    UnreadableAnswer,
)
from ..managers import CustomerQuerySet
from ..models import Customer, SyncState
from ..serializers import in_our_names, information
from .exchange import MOST_REQUESTS, Claim, Outcome

logger = logging.getLogger("twocheckout")

FIRST_DELAY = 1.0
LONGEST_DELAY = 60 * 60.0
#: How long one batch may go on beginning exchanges; what was not begun by then goes back.
BATCH_SECONDS = 60.0


class Settled(Enum):
    """What became of the row while we had it in our hands."""

    QUIET = "nobody touched it"
    CHANGED = "it was saved, so newer values wait to be pushed"
    LOST = "the lease was lost, or the row deleted; nothing was written"


def request_seconds() -> float:
    """The longest that one request may take, by the settings."""
    connect, read = checked_timeout(conf.TIMEOUT)
    return connect + 2 * read


def lease_seconds() -> float:
    """How long a claim is good for: a batch's time, the longest exchange that may begin at its end, and some slack."""
    return BATCH_SECONDS + MOST_REQUESTS * request_seconds() + 30


def claim(customer: Customer, *, to_push: bool) -> Claim | None:
    """Take this row, freshly loaded, into our hands; None if it changed since or somebody else has it.

    To push, it is noted on the row, before anything is sent, with what it is tried: should we die, the next one to take
    it knows what 2Checkout may have, and looks it up instead of creating it again.
    """
    now, begun, seconds, lease = timezone.now(), time.monotonic(), lease_seconds(), uuid.uuid4().hex
    values = {name: getattr(customer, name) for name in sorted(Customer.PUSHED_FIELDS)}
    doubts = customer.in_doubt
    noted = [*doubts, values] if to_push and values not in doubts else doubts
    # Only the row exactly as it was read; whoever had it meanwhile left another token, or another end of the lease.
    as_read = Customer.objects.using(customer._state.db).filter(
        pk=customer.pk, lease=customer.lease, lease_until=customer.lease_until, revision=customer.revision
    )
    if not as_read.exclude(lease_until__gt=now).settle(
        lease=lease, lease_until=now + timedelta(seconds=seconds), in_doubt=noted
    ):
        return None
    in_step = customer.sync_state == SyncState.SYNCED
    return Claim(
        pk=customer.pk,
        database=customer._state.db or DEFAULT_DB_ALIAS,
        lease=lease,
        write_until=begun + seconds - request_seconds(),
        revision=customer.revision,
        tries=customer.tries,
        to_push=to_push,
        pending=customer.sync_state == SyncState.PENDING,
        reference=customer.customer_reference or None,
        local=information(customer),
        values=values,
        acknowledged=customer.acknowledged or (values if in_step else {}),
        doubts=doubts,
        noted=noted,
    )


def claim_each(customers: Iterable[Customer]) -> list[Claim]:
    """Take those of the rows, freshly loaded, that nobody else takes first."""
    return [taken for customer in customers if (taken := claim(customer, to_push=True))]


def give_back(claim: Claim) -> None:
    """Release a row that was claimed and not begun; nothing has happened to it."""
    _held(claim).settle(lease_until=None, in_doubt=claim.doubts)


def settle(claim: Claim, outcome: Outcome, verdict: dict[str, Any]) -> Settled:
    """Write what came of an exchange.

    *verdict* and the adopted values count only for the row as it was claimed; a change made since is newer than both.
    """
    learnt: dict[str, Any] = {"lease_until": None, "in_doubt": outcome.in_doubt}
    if outcome.reference is not None:
        learnt["customer_reference"] = outcome.reference
    if outcome.theirs:
        learnt |= {"pulled_at": timezone.now(), **outcome.theirs.owned}
    if outcome.base is not None:
        learnt["acknowledged"] = in_our_names(outcome.base)
    try:
        with transaction.atomic(using=claim.database):
            if _held(claim).filter(revision=claim.revision).settle(**learnt, **outcome.adopted, **verdict):
                return Settled.QUIET
            # Not adopted after all, so not acknowledged either: the next comparison must see these as changed there.
            if outcome.merged and outcome.base is not None:
                known = {name: claim.base.get(name, claim.local[name]) for name in outcome.merged.adopt}
                learnt["acknowledged"] = in_our_names({**outcome.base, **known})
            if _held(claim).settle(**learnt):
                return Settled.CHANGED
    except IntegrityError:
        words = "Another row has this customer of 2Checkout already, or the reference that it carries there."
        return _settle_failure(claim, outcome, verdict, RequestRejected(words))
    except (DatabaseError, ValueError) as error:
        # An answer that the database cannot hold is this row's trouble, not its neighbours'.
        words = f"What 2Checkout answered cannot be stored: {type(error).__name__}"
        return _settle_failure(claim, outcome, verdict, UnreadableAnswer(words))
    logger.warning("customer %s: lease lost, nothing settled", claim.pk, extra={"customer": claim.pk})
    return Settled.LOST


def _settle_failure(claim: Claim, outcome: Outcome, verdict: dict[str, Any], error: TwoCheckoutError) -> Settled:
    """Nothing of what was learnt can be written; what was noted at the claim stays, so the next try looks it up."""
    outcome.error, outcome.merged = error, None
    verdict.clear()
    if claim.to_push:
        verdict |= push_verdict(claim, outcome)
    if _held(claim).filter(revision=claim.revision).settle(lease_until=None, **verdict):
        return Settled.QUIET
    return Settled.CHANGED if _held(claim).settle(lease_until=None) else Settled.LOST


def _held(claim: Claim) -> CustomerQuerySet:
    return Customer.objects.using(claim.database).filter(pk=claim.pk, lease=claim.lease)


def push_verdict(claim: Claim, outcome: Outcome) -> dict[str, Any]:
    """The row's state after a push: synced, failed with words, or pending with a time to come."""
    error = outcome.error
    if error is None:
        verdict: dict[str, Any] = {"sync_state": SyncState.SYNCED, "sync_error": "", "tries": 0}
        return verdict | ({"pushed_at": timezone.now()} if outcome.sent or claim.reference is None else {})
    # Trouble of the account is no fault of the row: it does not use up the row's tries.
    tries = claim.tries + (not isinstance(error, AuthenticationFailed | RateLimited))
    final = is_final(error, tries)
    return {
        "sync_state": SyncState.FAILED if final else SyncState.PENDING,
        "sync_error": error.words,
        "tries": tries,
        "next_try_at": timezone.now() + timedelta(seconds=0 if final else delay_after(error, tries)),
    }


def pull_verdict(outcome: Outcome) -> dict[str, Any]:
    """The row's state after a pull: in step if nothing is left to send; otherwise as it was."""
    if outcome.error or not outcome.merged or outcome.merged.send:
        return {}
    return {"sync_state": SyncState.SYNCED, "sync_error": "", "tries": 0}


def is_final(error: TwoCheckoutError, tries: int) -> bool:
    """Whether the row fails: asking again would get the same answer, or it was asked often enough."""
    if isinstance(error, AuthenticationFailed | RateLimited):
        return False
    return isinstance(error, RequestRejected) or tries >= conf.MAX_ATTEMPTS


def delay_after(error: TwoCheckoutError, tries: int) -> float:
    """Seconds until the next try: doubled each time, and scattered so that rows don't come back together."""
    delay = min(FIRST_DELAY * 2.0 ** max(tries - 1, 0), LONGEST_DELAY) * random.uniform(0.7, 1.3)
    asked = error.retry_after if isinstance(error, TransientError) and error.retry_after else 0
    return max(delay, asked)
