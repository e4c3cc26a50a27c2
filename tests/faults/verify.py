"""What must be true once all is quiet: both sides, row by row, and the request log."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from django.utils import timezone

from django_twocheckout import sync
from django_twocheckout.exceptions import CustomerBusy, TwoCheckoutError
from django_twocheckout.merge import normalise
from django_twocheckout.models import Customer
from django_twocheckout.serializers import information

from .schedule import Plan
from .vendor import Request, WatchedVendor
from .writers import MARK, REFUSED, UNTOUCHED, tag

#: The model's names of the fields that this module talks about, in CustomerInformation's names.
WIRE = {name: "".join(part.capitalize() for part in name.split("_")) for name in Customer.PUSHED_FIELDS}
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
class Findings:
    """What is not as it must be, in words; all empty where all is right."""

    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    overlaps: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any(asdict(self).values())


class Journals:
    """What the writers wrote: for each field of each row the values that may stand there at the end."""

    def __init__(self, files: Iterable[Path]) -> None:
        #: More than one only where the end of a write is uncertain.
        self.values: dict[tuple[str, str], set[str]] = {}
        self.rolled_back: set[str] = set()
        self.references: dict[str, str] = {}
        self.errors: list[str] = []
        self.slowest = 0.0
        lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
        # Each field has one owner, whose lines are in order; what a row was created with came before all of them.
        for line in sorted(lines, key=lambda line: line["state"] != "created"):
            self.slowest = max(self.slowest, line.get("seconds", 0))
            for row, name, value in line["values"]:
                self._take(line["state"], row, name, value)
            if line["state"] == "uncertain":
                self.errors.append(line["error"])

    def _take(self, state: str, row: str, name: str, value: str) -> None:
        if state == "rolled back":
            self.rolled_back.add(value)
        elif state == "uncertain":
            self.values.setdefault((row, name), set()).add(value)
        else:
            self.values[row, name] = {value}
        if name == "external_customer_reference":
            self.references[value] = row


class Verification:
    def __init__(self, plan: Plan, vendor: WatchedVendor, journals: Journals, edits: list[Edit]) -> None:
        self.plan, self.vendor, self.journals, self.edits = plan, vendor, journals, edits
        self.findings = Findings()
        #: Rows that ended other than they should, for the report of a failing run.
        self.suspects: set[str] = set()

    def check(self, logs: Iterable[Path]) -> Findings:
        """Check all. The workers are gone by now; what is left to be done is done here."""
        self.vendor.close_log()
        self.by_row = self._requests_by_row()
        rows = self._rows()
        for number in range(self.plan.rows):
            if tag(number) not in rows:
                self._lost(tag(number), "the row was never written")
        for row, customer in rows.items():
            self._check_state(row, customer)
            self._check_values(row, customer)
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
            self._check_told(log)
        return self.findings

    # The rows as the workers left them.

    def _check_state(self, row: str, customer: Customer) -> None:
        must_fail = self._values(row, "fiscal_code") == {REFUSED}
        if customer.sync_state == "failed":
            if not customer.sync_error.strip():
                self._lost(row, "failed without a reason")
            if not must_fail and not self._was_refused_by_fault(row):
                self._lost(row, f"failed, and nobody refused it: {customer.sync_error}")
        elif must_fail:
            self._lost(row, f"{customer.sync_state}, although the vendor refuses it")
        elif customer.sync_state == "pending":
            # Trouble that ended is no reason to wait for longer than the healing took.
            coming = customer.next_try_at > timezone.now()
            self._lost(
                row, "still pending" + ("" if coming else ", due, and nobody comes") + f": {customer.sync_error}"
            )

    def _check_values(self, row: str, customer: Customer) -> None:
        """Our row has what its writers committed last; where a colleague edited the same field, that or the edit."""
        for name in WIRE:
            edited = {edit.value for edit in self.edits if (edit.tag, edit.name) == (row, name)}
            if getattr(customer, name) not in self._values(row, name) | edited:
                wanted = sorted(self._values(row, name) | edited)
                self._lost(row, f"our {name} is {getattr(customer, name)!r}, not one of {wanted}")
        if customer.sync_state == "synced":
            edited_names = {edit.name for edit in self.edits if edit.tag == row}
            self._compare(row, customer, ignoring=edited_names)

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
            self._lost(customer.address2, "somebody still has it in his hands")
        except TwoCheckoutError as error:
            self._lost(customer.address2, f"cannot be pulled: {error}")

    def _check_same(self, row: str, customer: Customer) -> None:
        if self._values(row, "fiscal_code") == {REFUSED}:
            return
        if customer.sync_state != "synced":
            self._lost(row, f"{customer.sync_state} in the end: {customer.sync_error}")
        self._compare(row, customer)

    def _compare(self, row: str, customer: Customer, ignoring: set[str] = frozenset()) -> None:
        theirs = next(iter(self._there(row)), None)
        if theirs is None:
            self._lost(row, f"{customer.sync_state}, and not over there")
            return
        ours = information(vars(customer))
        for name in WIRE.keys() - ignoring:
            here, there = (normalise(WIRE[name], values[WIRE[name]]) for values in (ours, theirs))
            if here != there:
                self._lost(row, f"{name} is {here!r} here and {there!r} there")

    def _check_edits(self, row: str, customer: Customer) -> None:
        """What a colleague edited in a field that no writer touched is here now."""
        for name in UNTOUCHED:
            edits = [edit for edit in self.edits if (edit.tag, edit.name) == (row, name)]
            if edits and getattr(customer, name) != edits[-1].value and not any(map(self._overwritten, edits)):
                self._lost(row, f"a colleague's {name} {edits[-1].value!r} is {getattr(customer, name)!r}")

    def _overwritten(self, edit: Edit) -> bool:
        """Whether it was made after the fetch, and before the update, of one exchange.

        The vendor has neither versions nor locks, so nobody can save that one: the first update after the edit carries
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
            for earlier, later in pairwise(requests):
                # A request still unanswered has a client that still waits, for the log was closed by a last look.
                if earlier.ended is None or later.began < earlier.ended:
                    self.suspects.add(row)
                    self.findings.overlaps.append(f"{row}: {self.told(earlier)} and {self.told(later)}")

    def _check_log(self) -> None:
        for row, requests in self.by_row.items():
            for request in requests:
                if request.method == "POST" and DUPLICATE in request.answer:
                    # Nothing but the vendor's refusal kept this customer from being there twice.
                    self._twice(row, f"was about to be created again by #{request.number}")
        sent = {str(value) for request in self.vendor.log for value in request.body.values()}
        for value in sent & self.journals.rolled_back:
            self.findings.other.append(f"{value} was rolled back, and sent")

    def _requests_by_row(self) -> dict[str, list[Request]]:
        """By the mark in the body, or else by the reference in the address: all that a row ever had are known."""
        rows = dict(self.journals.references)
        rows |= {theirs["CustomerReference"]: theirs["Address2"] for theirs in self.vendor.customers}
        by_row = defaultdict(list)
        for request in self.vendor.log:
            row = request.body.get("Address2") or rows.get(request.reference)
            if row is None and request.given_up and not request.body:
                continue  # its client was killed while sending it, and the vendor never had all of it
            if row is None:
                self.findings.other.append(f"nobody's request: {self.told(request)}")
            else:
                by_row[row].append(request)
        return by_row

    def _check_told(self, log: Path) -> None:
        for line in log.read_text(errors="replace").splitlines():
            if MARK in line.lower():
                self.findings.told.append(f"{log.name}: {line[:300]}")

    # What they share.

    def told(self, request: Request) -> str:
        """A request in words."""
        first = self.vendor.log[0].began
        ended = "unanswered" if request.ended is None else f"{request.ended - first:.3f}"
        end = "given up" if request.given_up else request.status or "cut"
        fault = self.vendor.fault_of(request)
        return f"#{request.number} {request.method} {request.began - first:.3f}-{ended} {end} {fault}".rstrip()

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
