"""Writes the history of all attempts after rows are settled, many lines in one statement. Also purges old lines.

The history may be late or missing. It never stops a push.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import TypeVar

from django.db import DatabaseError, transaction
from django.db.models import Model, QuerySet

from ..conf import conf
from ..models import CARD_LENGTH, Attempt, AttemptOutcome, Verb, database_now, has_row_locks, lock_rows
from .history_insert import insert
from .records import Claim, Finished, Result
from .retry import code_of

logger = logging.getLogger("twocheckout")

M = TypeVar("M", bound=Model)

#: Old lines are deleted in portions, so that no statement holds locks for long. The next sweep deletes the rest.
PURGE_ROWS = 1000
PURGE_PORTIONS = 20


def line(one: Finished) -> Attempt:
    """The line about a push, a pull, or an attempt to erase."""
    claim, result, decision = one.claim, one.result, one.decision
    if result.error is not None:
        outcome = AttemptOutcome.FAILED if decision.final else AttemptOutcome.RETRY
    else:
        nothing = claim.verb is Verb.PUSH and not (result.sent or one.created)
        outcome = AttemptOutcome.AGREED if nothing else AttemptOutcome.DONE
    attempt = _line(claim, result, claim.verb, outcome)
    attempt.created, attempt.failed_attempts = one.created, decision.failed_attempts
    return attempt


def leaves_line(one: Finished) -> bool:
    """Whether the attempt is written down. The end of an erasure is not: its record says it, and the row is gone."""
    return one.claim.verb is not Verb.ERASE or not one.decision.final


def deletion(claim: Claim, result: Result, card: str) -> Attempt:
    """The line about the deletion of this card."""
    attempt = _line(claim, result, Verb.DELETE, AttemptOutcome.FAILED if result.error else AttemptOutcome.DONE)
    attempt.card = card[:CARD_LENGTH]
    return attempt


def _line(claim: Claim, result: Result, verb: Verb, outcome: AttemptOutcome) -> Attempt:
    return Attempt(
        customer_id=claim.pk,
        account=claim.account,
        at=claim.database_time,
        verb=verb,
        outcome=outcome,
        http_status=result.http_status,
        error_code=code_of(result.error) if result.error else "",
        requests=result.requests,
        milliseconds=round(result.seconds * 1000),
        sent=" ".join(sorted(result.sent)),
        adopted=" ".join(sorted(result.merged.adopt)) if result.merged else "",
        conflicts=" ".join(sorted(result.conflicts)),
        unreadable=" ".join(sorted(result.remote.unreadable)) if result.remote else "",
        source=claim.source,
        user=claim.user[:64],
    )


def write(attempts: Iterable[Attempt], database: str) -> None:
    """Write these lines. A failure is logged and stops nothing."""
    if not conf.HISTORY_DAYS:
        return
    try:
        insert(attempts, database)
    except DatabaseError as error:
        logger.warning("history not written: %s", type(error).__name__, extra={"action": "history.lost"})


def purge(database: str) -> int:
    """Delete the lines older than HISTORY_DAYS, in portions. Returns their number."""
    old = Attempt.objects.using(database).filter(at__lt=database_now() - timedelta(days=conf.HISTORY_DAYS))
    return delete_in_portions(old.order_by("at"))


def delete_in_portions(old: QuerySet[M]) -> int:
    """Delete these rows, the first ones in their order, without those that another transaction holds."""
    deleted = 0
    for _ in range(PURGE_PORTIONS):
        some = old[:PURGE_ROWS]
        with transaction.atomic(using=old.db):
            pks = lock_rows(some) if has_row_locks(old.db) else list(some.values_list("pk", flat=True))
            if pks:
                deleted += old.filter(pk__in=pks).delete()[0]
        if len(pks) < PURGE_ROWS:
            break
    return deleted
