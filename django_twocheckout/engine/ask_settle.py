"""Closes asks once their customers' rows are settled, puts them off after a failure, and asks for what follows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from django.db.models import Q

from ..models import LONG_DUE, Ask, AskOutcome, Customer, Source, Verb, update_free
from .asks import ask, close, put_off, put_off_busy
from .images import REPLICA_SECONDS
from .records import Claim, Finished, Settled


def settle(finished: Sequence[tuple[Finished, Settled]]) -> None:
    """Close the asks of these settled rows, or put them off until the next attempt."""
    if not finished:
        return
    database = finished[0][0].claim.database
    _read_later([one.claim for one, settled in finished if one.result.lagging and settled.is_written])
    ended: dict[tuple[AskOutcome, str], list[Claim]] = defaultdict(list)
    for one, settled in finished:
        claimed, error = one.claim, one.result.error
        if settled is Settled.LEASE_LOST:
            put_off_busy(database, claimed.asks, claimed.ask_lease)
        elif claimed.verb is Verb.ERASE:
            if not one.decision.final:  # else it went with the row
                put_off(
                    database, claimed.asks, claimed.ask_lease, one.decision.backoff, error.words if error else "",
                    failed_attempts=one.decision.failed_attempts,
                )  # fmt: skip
        elif error is None and settled is Settled.SUPERSEDED and claimed.verb is Verb.PUSH:
            _follow(database, claimed, "")
        elif error is None and settled is Settled.SUPERSEDED and one.result.merged and one.result.merged.adopt:
            _pull_again(database, claimed)
        elif error is None:
            ended[AskOutcome.DONE, ""].append(claimed)
        elif one.decision.final:
            ended[AskOutcome.FAILED, error.words].append(claimed)
        elif claimed.verb is Verb.PUSH:
            _follow(database, claimed, error.words)
        else:
            put_off(
                database, claimed.asks, claimed.ask_lease, one.decision.backoff, error.words,
                failed_attempts=one.decision.failed_attempts,
            )  # fmt: skip
    for (outcome, reason), claims in ended.items():
        pushed = [one.pk for one in claims if one.verb is Verb.PUSH]
        own = Q(pk__in=[pk for one in claims for pk in one.asks], lease__in={one.ask_lease for one in claims} - {""})
        # A push that was asked for follows its customer's own retries, and another worker may make these.
        following = Q(customer__in=pushed, verb=Verb.PUSH, due_at=None)
        close(database, own | following if pushed else own, outcome, reason)


def _read_later(claims: Sequence[Claim]) -> None:
    """Ask for a pull of these rows once every read replica of 2Checkout has our values.

    A person there may have put back what we overwrote. A replica that is behind shows the same.
    """
    if claims:
        ask(Verb.PULL, Customer.objects.using(claims[0].database), [one.pk for one in claims], seconds=REPLICA_SECONDS)


def _pull_again(database: str, claimed: Claim) -> None:
    """The row was written meanwhile and adopted nothing. The push of that write may find nothing to send or to read."""
    if claimed.asks:
        put_off(database, claimed.asks, claimed.ask_lease, 0.0)
    else:
        ask(Verb.PULL, Customer.objects.using(database), [claimed.pk], source=Source(claimed.source))


def _follow(database: str, claimed: Claim, reason: str) -> None:
    """Let the asks for a push end with the customer's own retries. A pull is asked for anew."""
    if claimed.asks:
        ours = Ask.objects.using(database).filter(pk__in=claimed.asks, lease=claimed.ask_lease)
        update_free(ours.filter(verb=Verb.PUSH), due_at=None, lease="", reason=reason)
        update_free(ours.filter(verb=Verb.PULL), due_at=LONG_DUE, lease="", reason=reason)
