"""Closes what killed workers left in the queue of asks and nobody else can see to be done. The sweep runs it."""

from __future__ import annotations

from django.db.models import Q

from ..models import Ask, AskOutcome, Customer, Job, Presence, SyncState, Verb, delete_free
from .asks import PORTION, close, end_jobs


def repair(database: str) -> None:
    """Close the asks that follow a row without a retry to come, and end the jobs without open asks."""
    unended = list(Job.objects.using(database).filter(ended_at=None).values_list("pk", flat=True))
    following = Q(verb=Verb.PUSH, due_at=None)
    left = Ask.objects.using(database).filter(following, outcome=AskOutcome.OPEN)
    if unended and left.exists():  # only a job asks for a push
        close(database, following & Q(customer__sync_state=SyncState.SYNCED), AskOutcome.DONE)
        waits_for_a_person = Q(customer__sync_state=SyncState.FAILED) | Q(customer__presence=Presence.GONE)
        for pk, words in left.filter(waits_for_a_person).values_list("pk", "customer__sync_error")[:PORTION]:
            close(database, Q(pk=pk), AskOutcome.FAILED, words)
        delete_free(left.exclude(customer__in=Customer.objects.using(database).values("pk")))
    end_jobs(database, unended)
