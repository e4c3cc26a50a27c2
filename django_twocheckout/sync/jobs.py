"""Works off what a person asked to be done with many customers, portion by portion, however often it is interrupted.

Between the admin, which makes a job, and :func:`.push_each` and :func:`.pull_each`, which do it. A portion is held by a
lease, as a row is; what is left of it is written down once a second, so a killed worker costs a repeated second, and
pushing or pulling once more harms nobody.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import Any

from django.db import router, transaction
from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from ..conf import conf
from ..exceptions import CustomerBusy, TransientError
from ..managers import database_now
from ..models import Customer, Job, Portion, Source, Verb
from .drain import SETTLE_SECONDS, Keys
from .ending import Sweep
from .exchange import Claim, Outcome
from .rows import lease_seconds

#: Customers of one portion.
PORTION = 500
#: Reasons kept of one portion; a person reads the first few.
REASONS = 100

Each = Callable[..., Sweep]


@dataclass(frozen=True)
class Progress:
    """How far a job is."""

    total: int
    done: int
    failed: int
    #: Whether some worker is at it.
    worked_on: bool

    @property
    def dealt_with(self) -> int:
        return self.done + self.failed

    @property
    def remaining(self) -> int:
        return max(self.total - self.dealt_with, 0)


@dataclass(frozen=True)
class Failure:
    """A customer with whom it did not work, and why, in words."""

    pk: Any
    reason: str


def begin(verb: Verb, pks: Iterable[Any], *, user: Any = "", database: str | None = None) -> Job:
    """Write down what is to be done with these customers; nothing is done yet."""
    database = database or router.db_for_write(Job)
    remaining = iter(pks)
    with transaction.atomic(using=database):
        job = Job.objects.using(database).create(verb=verb, user=str(user)[:64])
        while some := list(islice(remaining, PORTION)):
            Portion.objects.using(database).create(job=job, left=some)
            job.total += len(some)
        job.save(using=database, update_fields=["total"])
    return job


def work(
    pk: Any, each: Mapping[Verb, Each], *, database: str, seconds: float, on_backlog: Callable[[], Any] | None = None
) -> float | None:
    """Do what is left of this job, for *seconds* at the most.

    *each*: how it is done, by verb. *on_backlog*: called if there is a portion for another worker too. Returns
    the seconds after which somebody should go on, or None if nobody has to.
    """
    job = _jobs(database).filter(pk=pk, ended_at=None).first()
    until = time.monotonic() + seconds
    while job and (portion := _take(job, database)):
        # Asked by the drain, which asks nobody while the account is paused.
        help_wanted = on_backlog if _free(job, database).exists() else None
        act = partial(each[Verb(job.verb)], on_backlog=help_wanted)
        wait = _Work(portion, database).do(act, until - time.monotonic())
        if wait is not None:
            return wait
        if time.monotonic() > until:
            return 0.0
    if job and not _portions(database).filter(job=job, ended=False).exists():
        _jobs(database).filter(pk=job.pk, ended_at=None).update(ended_at=timezone.now())
    return None


def progress(job: Job) -> Progress:
    """How far this job is, in two queries."""
    portions = _portions(job._state.db).filter(job=job)
    sums = portions.aggregate(done=Sum("done"), failed=Sum("failed"))
    held = portions.filter(ended=False, lease_until__gt=database_now()).exists()
    return Progress(job.total, sums["done"] or 0, sums["failed"] or 0, held)


def failures(job: Job, most: int) -> list[Failure]:
    """The first of those with whom it did not work."""
    lists = _portions(job._state.db).filter(job=job, failed__gt=0).order_by("pk").values_list("failures", flat=True)
    return [Failure(pk, reason) for some in lists[:most] for pk, reason in some][:most]


def stop(job: Job) -> bool:
    """Do no more of this job; what is being done right now ends. Returns whether it had not ended before."""
    database = job._state.db
    # The job before its portions: a worker that finds all of them ended takes the job for done.
    stopped = _jobs(database).filter(pk=job.pk, ended_at=None).update(ended_at=timezone.now(), stopped=True)
    _portions(database).filter(job=job).update(ended=True)
    return bool(stopped)


def forsaken(database: str) -> list[Any]:
    """The keys of jobs on which nobody works, nor will by himself."""
    now = database_now()
    at_work = _portions(database).filter(ended=False, lease_until__gt=now).values("job")
    left = _jobs(database).filter(Q(wake_at=None) | Q(wake_at__lt=now), ended_at=None).exclude(pk__in=at_work)
    return list(left.order_by("pk").values_list("pk", flat=True)[:100])


def arrange(pk: Any, seconds: float, database: str) -> bool:
    """Whether somebody should be asked to go on after *seconds*: not if somebody else has been asked already."""
    now = timezone.now()
    nobody = Q(wake_at=None) | Q(wake_at__lte=now + timedelta(seconds=1))
    then = now + timedelta(seconds=seconds)
    return bool(_jobs(database).filter(nobody, pk=pk, ended_at=None).update(wake_at=then))


def purge(database: str) -> None:
    """Forget the jobs that ended more than HISTORY_DAYS ago, or a day ago where no history is kept."""
    before = timezone.now() - timedelta(days=conf.HISTORY_DAYS or 1)
    _jobs(database).filter(ended_at__lt=before).delete()


class _NotOurs(Exception):
    """The job was stopped, or the portion's lease was lost."""


class _Work:
    """A worker's work on the portion in its hands."""

    def __init__(self, portion: Portion, database: str) -> None:
        self.portion, self.database = portion, database
        self.left = dict.fromkeys(portion.left)
        #: Those that got no use of 2Checkout, and why.
        self.put_off: dict[Any, str] = {}
        self.noted_at = time.monotonic()

    def do(self, each: Each, seconds: float) -> float | None:
        """Returns the seconds to wait before going on, None if the portion is done or somebody else's."""
        job, portion = self.portion.job, self.portion
        keys = Keys(list(self.left))
        asked: dict[str, Any] = {"database": self.database, "source": Source.USER, "user": job.user}
        try:
            sweep = each(keys, seconds=seconds, on_ended=self._ended, **asked)
        except _NotOurs:
            return None
        unbegun = dict.fromkeys(keys)
        if sweep.wait is not None:
            unbegun |= self.put_off  # not their fault, so they come again when the account is in order
        for pk in [pk for pk in self.left if pk not in unbegun]:
            # Neither done nor given back: it is in another worker's hands, or its row is gone.
            if pk in self.put_off:
                self._note_failure(pk, self.put_off[pk])
            elif Customer.objects.using(self.database).filter(pk=pk).exists():
                self._note_failure(pk, CustomerBusy().words)
            else:
                portion.done += 1
            del self.left[pk]
        self._write(ended=not self.left, lease_until=None)
        return None if not self.left else sweep.wait or 0.0

    def _ended(self, landed: list[tuple[Claim, Outcome]]) -> None:
        for claim, outcome in landed:
            if claim.pk not in self.left:
                continue  # changed in flight and pushed once more
            if isinstance(outcome.error, TransientError):
                self.put_off[claim.pk] = outcome.error.words
                continue
            if outcome.error is None:
                self.portion.done += 1
            else:
                self._note_failure(claim.pk, outcome.error.words)
            del self.left[claim.pk]
        if time.monotonic() > self.noted_at + SETTLE_SECONDS:
            self.noted_at = time.monotonic()
            if not self._write(lease_until=database_now() + timedelta(seconds=lease_seconds())):
                self.noted_at = float("inf")  # what ends from now on is nobody's
                raise _NotOurs

    def _note_failure(self, pk: Any, reason: str) -> None:
        self.portion.failed += 1
        if len(self.portion.failures) < REASONS:
            self.portion.failures.append([pk, reason])

    def _write(self, **columns: Any) -> int:
        portion = self.portion
        ours = _portions(self.database).filter(pk=portion.pk, lease=portion.lease, ended=False)
        return ours.update(
            left=list(self.left), done=portion.done, failed=portion.failed, failures=portion.failures, **columns
        )


def _take(job: Job, database: str) -> Portion | None:
    """Take a portion into our hands; None if none is free."""
    # Renewed whenever rows have ended, so it need not outlast more than the longest exchange.
    lease = uuid.uuid4().hex
    until = database_now() + timedelta(seconds=lease_seconds())
    for portion in _free(job, database).order_by("pk")[:10]:
        if _free(job, database).filter(pk=portion.pk).update(lease=lease, lease_until=until):
            return _portions(database).select_related("job").get(pk=portion.pk)
    return None


def _free(job: Job, database: str) -> QuerySet[Portion]:
    return _portions(database).filter(job=job, ended=False).exclude(lease_until__gt=database_now())


def _jobs(database: str | None) -> QuerySet[Job]:
    return Job.objects.using(database or router.db_for_write(Job))


def _portions(database: str | None) -> QuerySet[Portion]:
    return Portion.objects.using(database or router.db_for_write(Portion))
