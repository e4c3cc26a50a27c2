"""What must be true once all is quiet: both sides, row by row, and the request log."""

from __future__ import annotations

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from django.utils import timezone

from django_twocheckout import sync
from django_twocheckout.engine.reconcile import UNKNOWN_THERE
from django_twocheckout.exceptions import CustomerBusy, TwoCheckoutError
from django_twocheckout.flows import jobs
from django_twocheckout.merge import normalise
from django_twocheckout.models import (
    NO_JOB,
    Ask,
    AskOutcome,
    Attempt,
    AttemptOutcome,
    Customer,
    Job,
    MirrorMark,
    Notification,
    NotificationOutcome,
    Verb,
    read_clock,
)
from django_twocheckout.wire import to_wire

from ..shop.models import Patron
from . import constants
from .schedule import Plan
from .vendor import Request, WatchedVendor
from .writers import MARK, REFUSED, UNTOUCHED, kept_from_tools, tag

#: The model's names of the fields that this module talks about, in CustomerInformation's names.
WIRE = {name: "".join(part.capitalize() for part in name.split("_")) for name in Customer.PUSHED_FIELDS}
#: The fields that only mirrored objects write, if any object is mirrored.
PATRONS_ALONE = ("city", "phone", "zip", "last_name")
DUPLICATE = b"SIM_DUPLICATE_EXTERNAL_REFERENCE"


@dataclass
class Edit:
    """What a colleague changed at the vendor, and between which moments of the monotonic clock."""

    tag: str
    name: str
    value: str
    began: float
    ended: float


@dataclass
class Asked:
    """That a pull of these rows was asked for, and between which moments of the monotonic clock."""

    rows: list[str]
    began: float
    ended: float
    #: Whether a notification asked for it.
    notified: bool = False


@dataclass
class Findings:
    """What is not as it must be, in words; all empty where all is right."""

    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    overlaps: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any(asdict(self).values())


class Journals:
    """What the writers wrote: for each field of each row the values that may stand there at the end.

    A write that began after another one had ended is newer. More than one may be the last only where they overlap, or
    where the end of a write is uncertain.
    """

    def __init__(self, files: Iterable[Path]) -> None:
        self.values: dict[tuple[str, str], set[str]] = {}
        self.rolled_back: set[str] = set()
        self.references: dict[str, str] = {}
        self.errors: list[str] = []
        self.slowest = 0.0
        lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
        writes: dict[tuple[str, str], list[tuple[float, float, str]]] = defaultdict(list)
        for line in lines:
            self.slowest = max(self.slowest, line.get("seconds", 0))
            for row, name, value in line["values"]:
                if name == "external_customer_reference":
                    self.references[value] = row
                if line["state"] == "known":
                    continue  # of a customer that a mirror made
                if line["state"] == "rolled back":
                    self.rolled_back.add(value)
                else:
                    writes[row, name].append((line["began"], line.get("ended", math.inf), value))
            if line["state"] == "uncertain":
                self.errors.append(line["error"])
        for which, found in writes.items():
            newest = max((began for began, ended, _value in found if ended < math.inf), default=0.0)
            self.values[which] = {value for began, ended, value in found if began >= newest or ended > newest}


def _marked(text: object) -> str:
    """The writers' values in it, each after its name."""
    return " ".join(f"{name}={value}" for name, value in re.findall(rf"""(\w+)['"]: ?['"]({MARK}\w+)""", str(text)))


class Verification:
    def __init__(
        self, plan: Plan, vendor: WatchedVendor, journals: Journals, edits: list[Edit], asked: list[Asked]
    ) -> None:
        self.plan, self.vendor, self.journals, self.edits, self.asked = plan, vendor, journals, edits, asked
        self.jobs = 0
        self.findings = Findings()
        #: Rows that ended other than they should, for the report of a failing run.
        self.suspects: set[str] = set()

    def check(self, logs: Iterable[Path], forged: int = 0) -> Findings:
        """Check all. The workers are gone by now; what is left to be done is done here."""
        self.vendor.close_log()
        self.by_row = self._requests_by_row()
        self.unknown = self._rows_not_known()
        rows = self._rows()
        for number in range(self.plan.rows):
            if tag(number) not in rows:
                self._lost(tag(number), "the row was never written")
        for row, customer in rows.items():
            self._check_state(row, customer)
            self._check_values(row, customer)
            self._check_asked(row, customer)
            self._check_account(row, customer)
        self.check_queue()
        self.check_jobs()
        self.check_notifications(forged)
        self._check_mirrors()
        self._overlaps()  # before the requests of our own
        # Both sides look once more: what was changed over there since the last push is adopted now.
        for customer in rows.values():
            self._push_refused_by_fault(customer)
            self._pull(customer)
        sync.push_pending()
        for row, customer in self._rows().items():
            self._check_same(row, customer)
            self._check_edits(row, customer)
            self._check_once(row, customer)
        self._check_log()
        for log in logs:
            self._check_leaked(log)
        return self.findings

    # The rows as the workers left them.

    def _check_state(self, row: str, customer: Customer) -> None:
        must_fail = customer.fiscal_code == REFUSED
        if customer.sync_state == "failed":
            if not customer.sync_error.strip():
                self._lost(row, "failed without a reason")
            if not must_fail and not self._was_refused_by_fault(row):
                self._lost(row, f"failed without a refusal: {customer.sync_error}")
        elif must_fail:
            self._lost(row, f"{customer.sync_state}, although the vendor refuses it")
        elif customer.sync_state == "pending":
            # Trouble that ended is no reason to wait for longer than the healing took.
            coming = customer.next_attempt_at > timezone.now()
            self._lost(
                row, "still pending" + ("" if coming else ", due, and not worked on") + f": {customer.sync_error}"
            )

    def _check_values(self, row: str, customer: Customer) -> None:
        """Our row has what its writers committed last; where a colleague edited the same field, that or the edit."""
        for name in WIRE:
            if name == "external_customer_reference" and not self._values(row, name):
                continue  # of a mirrored object, whose writer does not know it
            edited = {edit.value for edit in self.edits if (edit.tag, edit.name) == (row, name)}
            if getattr(customer, name) not in self._values(row, name) | edited:
                wanted = sorted(self._values(row, name) | edited)
                self._lost(row, f"our {name} is {getattr(customer, name)!r}, not one of {wanted}")
        if customer.sync_state == "synced":
            edited_names = {edit.name for edit in self.edits if edit.tag == row}
            self._compare(row, customer, ignoring=edited_names)

    def _check_asked(self, row: str, customer: Customer) -> None:
        """What was changed over there before a pull was asked for is here, without anybody looking again."""
        theirs = next(iter(self._there(row)), None)
        # A notification that came before our row knew its references is of an unknown customer, and asks for nothing.
        asked = [one for one in self.asked if row in one.rows and not (one.notified and row in self.unknown)]
        last = max((one.began for one in asked), default=0.0)
        later = {edit.name for edit in self.edits if edit.tag == row and edit.ended > last}
        names = {edit.name for edit in self.edits if edit.tag == row} - later
        if customer.sync_state != "synced":  # what waits for a person here stays as it is
            names &= set(UNTOUCHED if kept_from_tools(row) else ())
        if theirs is None or self._failed_asks(customer):
            return
        ours = to_wire(vars(customer))
        for name in names:
            here, there = (normalise(WIRE[name], values[WIRE[name]]) for values in (ours, theirs))
            if here != there:
                self._lost(row, f"a pull was asked for, and {name} is {here!r} here and {there!r} there")

    def _check_account(self, row: str, customer: Customer) -> None:
        codes = {request.code for request in self.by_row[row]} - {"", constants.CODES[customer.account]}
        if codes:
            self.suspects.add(row)
            self.findings.other.append(f"{row} of {customer.account}: requests of {codes}")

    # The notifications.

    def _rows_not_known(self) -> set[str]:
        """The rows whose customers were unknown here when a notification told of them."""
        unknown = Notification.objects.filter(outcome=NotificationOutcome.UNKNOWN)
        references = set(unknown.values_list("customer_reference", flat=True))
        return {theirs["Address2"] for theirs in self.vendor.customers if theirs["CustomerReference"] in references}

    def check_notifications(self, forged: int = 0) -> None:
        """Each was applied, the forged ones were counted, and almost all found their row."""
        outcomes = Counter(Notification.objects.values_list("outcome", flat=True))
        for outcome in (NotificationOutcome.NEW, NotificationOutcome.TO_ADD, NotificationOutcome.UNNAMED):
            if outcomes[outcome]:
                self.findings.stuck.append(f"notifications: {outcomes[outcome]} are {outcome.label!r}")
        # Where the connection was cut at the commit, a forged one may not have been counted, or twice.
        cuts = sum(event.fault == "database-cut" for event in self.plan.events)
        if outcomes[NotificationOutcome.FORGED] > forged + cuts * constants.NOTIFIERS:
            self.findings.other.append(f"{outcomes[NotificationOutcome.FORGED]} notifications count as forged")
        for one in Notification.objects.filter(outcome=NotificationOutcome.UNKNOWN):
            known = self._known_since(one.customer_reference)
            if known is not None and one.received_at > known + timedelta(seconds=1):
                self.findings.lost.append(f"a notification of {one.received_at} found no row, known since {known}")

    def _known_since(self, reference: str) -> datetime | None:
        """When a row is sure to have had this reference of 2Checkout's: after its first attempt that was settled."""
        attempts = Attempt.objects.filter(customer__customer_reference=reference)
        settled = attempts.filter(outcome__in=[AttemptOutcome.DONE, AttemptOutcome.AGREED])
        return settled.order_by("at").values_list("at", flat=True).first()

    # The queue.

    def check_queue(self) -> None:
        """Nothing waits. What failed was refused."""
        now = read_clock("default")
        for ask in Ask.objects.select_related("customer"):
            words = f"{ask.verb} of {ask.customer.address2}, job {ask.job_id}"
            if ask.outcome == AskOutcome.OPEN:
                when = "" if ask.due_at is None else f" in {(ask.due_at - now).total_seconds():.1f} s"
                self.findings.stuck.append(f"{words}: open{when}: {ask.lease} {ask.reason}")
            elif ask.outcome == AskOutcome.DONE and ask.job_id == NO_JOB:
                self.findings.stuck.append(f"{words}: done, and still there")
            elif ask.outcome == AskOutcome.FAILED and not (ask.reason and self._may_fail(ask.customer.address2)):
                self.findings.stuck.append(f"{words}: failed without a refusal: {ask.reason}")

    def check_jobs(self) -> None:
        """Each has ended. Its customers' outcomes make its total."""
        for job in Job.objects.all():
            self.jobs += 1
            outcomes = Counter(Ask.objects.filter(job=job).values_list("outcome", flat=True))
            ended = {name: outcomes[name] for name in (AskOutcome.DONE, AskOutcome.FAILED, AskOutcome.STOPPED)}
            if job.ended_at is None:
                self.findings.stuck.append(f"job {job.pk} has not ended: {outcomes}")
            if sum(ended.values()) != job.total:
                self.findings.stuck.append(f"job {job.pk} of {job.total}: {outcomes}")
            if ended[AskOutcome.STOPPED] and not job.stopped:
                self.findings.stuck.append(f"job {job.pk} goes on, and {ended[AskOutcome.STOPPED]} are stopped")
            told = jobs.progress(job)
            if (told.done, told.failed, told.stopped, told.remaining) != (*ended.values(), 0):
                self.findings.stuck.append(f"job {job.pk} tells {vars(told)}, and is {ended}")

    def _check_mirrors(self) -> None:
        """No object waits, and each has its own customer with what it changed last."""
        for mark in MirrorMark.objects.all():
            self.findings.stuck.append(f"{mark} is marked: {mark.reason}")
        for patron in Patron.objects.select_related("customer"):
            customer = patron.customer
            for name in PATRONS_ALONE:
                wanted = self._values(patron.address2, name)
                if wanted and getattr(patron, name) not in wanted:
                    self._lost(
                        patron.address2, f"the object's {name} is {getattr(patron, name)!r}, not one of {wanted}"
                    )
            if customer is None or customer.mirror_of != f"shop.patron:{patron.pk}":
                self._lost(patron.address2, "the object has no customer")
            elif any(customer.mirrored[name] != getattr(patron, name) for name in PATRONS_ALONE):
                self._lost(patron.address2, "its customer was not told of a change")

    def _failed_asks(self, customer: Customer) -> bool:
        """Whether a pull failed otherwise than before the customer was there, when nobody could have edited it."""
        failed = Ask.objects.filter(customer=customer.pk, verb=Verb.PULL, outcome=AskOutcome.FAILED)
        return failed.exclude(reason__contains=UNKNOWN_THERE).exists()

    def _may_fail(self, row: str) -> bool:
        """Whether the vendor refused this row at some time, by its rules or by a fault, or did not have it yet."""
        refused = {tag(number) for number in self.plan.refused}
        return row in refused or any(
            request.answer == b"false" or (request.status.startswith("404") and not self.vendor.fault_of(request))
            for request in self.by_row[row]
        )

    # And once both sides have looked again.

    def _push_refused_by_fault(self, customer: Customer) -> None:
        """A person reads the reason of what failed, and pushes it again."""
        if customer.sync_state == "failed" and self._was_refused_by_fault(customer.address2):
            sync.push(customer)

    def _pull(self, customer: Customer) -> None:
        if customer.customer_reference is None:
            return
        try:
            sync.pull(customer)
        except CustomerBusy:
            self._lost(customer.address2, "it is still claimed")
        except TwoCheckoutError as error:
            self._lost(customer.address2, f"cannot be pulled: {error}")

    def _check_same(self, row: str, customer: Customer) -> None:
        if customer.fiscal_code == REFUSED:
            return
        if customer.sync_state != "synced":
            self._lost(row, f"{customer.sync_state} in the end: {customer.sync_error}")
        self._compare(row, customer)

    def _compare(self, row: str, customer: Customer, ignoring: set[str] = frozenset()) -> None:
        theirs = next(iter(self._there(row)), None)
        if theirs is None:
            self._lost(row, f"{customer.sync_state}, and not over there")
            return
        ours = to_wire(vars(customer))
        for name in WIRE.keys() - ignoring:
            here, there = (normalise(WIRE[name], values[WIRE[name]]) for values in (ours, theirs))
            if here != there:
                self._lost(row, f"{name} is {here!r} here and {there!r} there")

    def _check_edits(self, row: str, customer: Customer) -> None:
        """What a colleague edited in a field that nobody wrote here is here now."""
        for name in UNTOUCHED if kept_from_tools(row) else ():
            edits = [edit for edit in self.edits if (edit.tag, edit.name) == (row, name)]
            if edits and getattr(customer, name) != edits[-1].value and not any(map(self._overwritten, edits)):
                self._lost(row, f"a colleague's {name} {edits[-1].value!r} is {getattr(customer, name)!r}")

    def _overwritten(self, edit: Edit) -> bool:
        """Whether it was made after the fetch, and before the update, of one push.

        The vendor has neither versions nor locks, so that one cannot be saved: the first update after the edit carries
        the object as it was fetched before.
        """
        for earlier, later in pairwise(self.by_row[edit.tag]):
            if later.method == "PUT" and (later.ended or 0) > edit.began:
                return earlier.method == "GET" and earlier.began < edit.ended
        return False

    def _check_once(self, row: str, customer: Customer) -> None:
        there = self._there(row)
        references = [theirs["CustomerReference"] for theirs in there]
        if len(there) > 1:
            self._twice(row, f"is there {len(there)} times: {references}")
        if any(reference != customer.customer_reference for reference in references):
            self._twice(row, f"knows {customer.customer_reference}, and over there is {references}")

    # The request log.

    def _overlaps(self) -> None:
        for row, requests in self.by_row.items():
            for earlier, later in pairwise([request for request in requests if not request.late]):
                # A request still unanswered has a client that still waits, for the log was closed by a last look.
                if earlier.ended is None or later.began < earlier.ended:
                    self.suspects.add(row)
                    self.findings.overlaps.append(f"{row}: {self.described(earlier)} and {self.described(later)}")

    def _check_log(self) -> None:
        for row, requests in self.by_row.items():
            for request in requests:
                if request.method == "POST" and DUPLICATE in request.answer:
                    # Only the vendor's refusal kept this customer from being there twice.
                    self._twice(row, f"was about to be created again by #{request.number}")
        sent = {str(value) for request in self.vendor.log for value in request.body.values()}
        for value in sent & self.journals.rolled_back:
            self.findings.other.append(f"{value} was rolled back, and sent")

    def _requests_by_row(self) -> dict[str, list[Request]]:
        """By the mark in the body, or else by the reference in the address: all that a row ever had are known."""
        rows = dict(self.journals.references)
        rows |= dict(Customer.objects.values_list("external_customer_reference", "address2"))
        rows |= {theirs["CustomerReference"]: theirs["Address2"] for theirs in self.vendor.customers}
        by_row = defaultdict(list)
        for request in self.vendor.log:
            row = request.body.get("Address2") or rows.get(request.reference)
            if row is None and request.given_up and not request.body:
                continue  # its client was killed while sending it, and the vendor never had all of it
            if row is None:
                self.findings.other.append(f"a request of no row: {self.described(request)}")
            else:
                by_row[row].append(request)
        return by_row

    def _check_leaked(self, log: Path) -> None:
        for line in log.read_text(errors="replace").splitlines():
            if MARK in line.lower():
                self.findings.leaked.append(f"{log.name}: {line[:300]}")

    # What they share.

    def described(self, request: Request) -> str:
        """A request in words."""
        first = self.vendor.log[0].began
        ended = "unanswered" if request.ended is None else f"{request.ended - first:.3f}"
        end = "given up" if request.given_up else request.status or "cut"
        fault = self.vendor.fault_of(request)
        return f"#{request.number} {request.method} {request.began - first:.3f}-{ended} {end} {fault}".rstrip()

    def history(self, row: str) -> list[str]:
        """All that is known of a row, in words: its requests with what they carried, and our attempts."""
        lines = [f"{self.described(one)} {_marked(one.body)} {_marked(one.answer)}" for one in self.by_row[row]]
        customer = Customer.objects.filter(address2=row).first()
        if customer is not None:
            lines.append(f"{customer.sync_state}: {_marked(vars(customer))}")
            lines.append(f"acknowledged {customer.acknowledged}, written {customer.written}, shown {customer.shown}")
            for one in customer.attempts.order_by("at", "pk"):
                told = f"{one.verb} by {one.source}: {one.outcome} {one.http_status} {one.error_code}"
                carried = f"sent {one.sent}, adopted {one.adopted}, {one.requests} requests in {one.milliseconds} ms"
                lines.append(f"{one.at:%H:%M:%S.%f} {told}, {carried}")
        return lines

    def _rows(self) -> dict[str, Customer]:
        return {customer.address2: customer for customer in Customer.objects.order_by("pk")}

    def _there(self, row: str) -> list[dict[str, Any]]:
        return [theirs for theirs in self.vendor.customers if theirs["Address2"] == row]

    def _values(self, row: str, name: str) -> set[str]:
        return self.journals.values.get((row, name), set())

    def _was_refused_by_fault(self, row: str) -> bool:
        """Whether an update was answered with a plain false, which is a refusal like any other."""
        return any(r.method == "PUT" and r.answer == b"false" for r in self.by_row[row])

    def _lost(self, row: str, words: str) -> None:
        self.suspects.add(row)
        self.findings.lost.append(f"{row}: {words}")

    def _twice(self, row: str, words: str) -> None:
        self.suspects.add(row)
        self.findings.twice.append(f"{row}: {words}")
