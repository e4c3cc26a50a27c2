"""Writes the history of what was tried with each customer, many lines in one statement, and purges what is old.

After the rows are settled: the history may be late or missing, never in the way.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import timedelta

from django.db import DatabaseError
from django.utils import timezone

from ..conf import conf
from ..models import Attempt, Verb
from ..models.attempt import Outcome as Ended
from .exchange import Claim, Outcome
from .rows import code_of

logger = logging.getLogger("twocheckout")

#: Old lines go in portions, so that no statement holds locks for long; what is left waits for the next sweep.
PURGE_ROWS = 1000
PURGE_PORTIONS = 20


def attempt(claim: Claim, outcome: Outcome, verb: Verb, *, final: bool = False, tries: int = 0) -> Attempt:
    """The line about this exchange."""
    created = verb is Verb.PUSH and claim.reference is None and outcome.reference is not None
    if outcome.error is not None:
        ended = Ended.FAILED if final or verb is not Verb.PUSH else Ended.RETRY
    else:
        ended = Ended.DONE if outcome.sent or created or verb is not Verb.PUSH else Ended.AGREED
    return Attempt(
        customer_id=claim.pk,
        verb=verb,
        outcome=ended,
        created=created,
        status=outcome.status,
        error_code=code_of(outcome.error) if outcome.error else "",
        requests=outcome.requests,
        milliseconds=round(outcome.seconds * 1000),
        tries=tries,
        sent=" ".join(sorted(outcome.sent)),
        adopted=" ".join(sorted(outcome.merged.adopt)) if outcome.merged else "",
        conflicts=" ".join(sorted(outcome.merged.conflicts)) if outcome.merged else "",
        source=claim.source,
        user=claim.user[:64],
    )


def write(attempts: Iterable[Attempt], database: str) -> None:
    """Write these lines; a failure is logged and harms nobody."""
    if not conf.HISTORY_DAYS:
        return
    try:
        Attempt.objects.using(database).bulk_create(attempts)
    except DatabaseError as error:
        logger.warning("history not written: %s", type(error).__name__, extra={"event": "history.lost"})


def purge(database: str) -> int:
    """Delete the lines older than HISTORY_DAYS, in portions; returns how many."""
    old = Attempt.objects.using(database).filter(at__lt=timezone.now() - timedelta(days=conf.HISTORY_DAYS))
    deleted = 0
    for _ in range(PURGE_PORTIONS):
        pks = list(old.order_by("at").values_list("pk", flat=True)[:PURGE_ROWS])
        if pks:
            deleted += old.filter(pk__in=pks)._raw_delete(database)
        if len(pks) < PURGE_ROWS:
            break
    return deleted
