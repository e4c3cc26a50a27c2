"""The plain data that flows through the engine, from claim to report. Without database and HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from functools import cached_property
from typing import TypedDict

from ..client import TwoCheckoutClient
from ..exceptions import TwoCheckoutError
from ..merge import EXTERNAL, Merge, Winner
from ..models import Presence, Source, Verb
from ..redaction import redacted_repr
from ..wire import RemoteCustomer, model_names, wire_names
from .summary import Summary

#: A row's primary key.
Key = int | str
#: A row's values by attribute, and by CustomerInformation's names.
ModelValues = dict[str, str]
WireValues = dict[str, str]
#: What 2Checkout shows instead of our values, by CustomerInformation's names.
Images = dict[str, str]


class Write(TypedDict):
    """Our last write of one field."""

    #: Whether 2Checkout's value was read since.
    read: bool
    #: What it replaced, and when by the database's clock, in seconds.
    old: dict[str, float]


#: Our writes by CustomerInformation's names. None for a value that we adopted, and did not write since.
Writes = dict[str, Write | None]


class Mode(Enum):
    """How a row was admitted. It decides what the row's result says about the account."""

    NORMAL = "the circuit was closed"
    TRIAL = "the circuit was half-open, and this row is its trial"
    FORCED = "the circuit was open, and somebody asked for this row"


@dataclass(frozen=True)
class Claim:
    """A claimed row: its values at the claim, and the lease as proof."""

    pk: Key
    database: str
    #: The alias of its merchant account.
    account: str
    lease: str
    #: The moment of the claim, by the database's clock. And when it was read, by the monotonic clock: so the database's
    #: time is never told as later than it is, and two attempts of a row keep their order.
    claimed_at: datetime
    read_at: float
    #: By the monotonic clock. An unstarted claim is released after it.
    start_by: float
    #: By the monotonic clock. No writing request is sent after it, so that none outlives the lease.
    send_by: float
    failed_attempts: int
    #: The purpose of the claim.
    verb: Verb
    #: Whether the row was pending.
    pending: bool
    #: Whether 2Checkout said that it has no such customer any more.
    gone: bool
    #: Whether its reference was just made here, so that 2Checkout has no customer with it.
    untried: bool
    #: 2Checkout's reference. None while unknown.
    reference: str | None
    #: Our values, by CustomerInformation's names.
    local: WireValues
    #: The same, by attribute.
    values: ModelValues
    #: The fields that 2Checkout alone writes, by attribute.
    owned: dict[str, object]
    #: The values that 2Checkout last acknowledged, by attribute.
    acknowledged: ModelValues
    #: The values of earlier pushes with an unknown result, by attribute.
    in_doubt: list[ModelValues]
    #: What 2Checkout showed instead of acknowledged values.
    shown: Images
    #: Our writes with an image that is not known yet.
    written: Writes
    #: Whether 2Checkout's values were never read into the row.
    never_read: bool
    #: Who asked, for the history.
    source: str
    user: str = ""
    #: 2Checkout's reference of another customer that is there, where it may be needed.
    another: str | None = None
    #: The keys of the asks that this claim answers, their lease, and their attempts so far.
    asks: tuple[int, ...] = ()
    ask_lease: str = ""
    ask_attempts: int = 0
    #: Whether one of the asks is for a pull.
    pull_asked: bool = False
    #: The key of the erasure that is under way (0 without one), and whether it goes on while a subscription is active.
    erasure: int = 0
    even_active: bool = False

    __repr__ = redacted_repr

    @property
    def reads_cards(self) -> bool:
        """Whether the cards on file are fetched as well."""
        return self.pull_asked or self.verb is Verb.PULL

    @property
    def is_first_attempt(self) -> bool:
        """Whether what is being done has not failed before. A pull that was asked for has attempts of its own."""
        return not (self.failed_attempts if self.verb is Verb.PUSH else self.ask_attempts)

    @property
    def database_time(self) -> datetime:
        """The database's clock now, without a statement."""
        return self.claimed_at + timedelta(seconds=time.monotonic() - self.read_at)

    @property
    def by_person(self) -> bool:
        """Whether a person asked for this one attempt."""
        return self.source == Source.USER

    @property
    def in_doubt_since(self) -> list[ModelValues]:
        """``in_doubt`` as the row has it since the claim: the claim for a push adds its own values."""
        includes_own = self.verb is Verb.PUSH and self.values not in self.in_doubt
        return [*self.in_doubt, self.values] if includes_own else self.in_doubt

    @cached_property
    def in_doubt_wire(self) -> list[WireValues]:
        """``in_doubt`` by CustomerInformation's names."""
        return [wire_names(values) for values in self.in_doubt]

    @cached_property
    def base(self) -> WireValues:
        """The base of the comparison: the acknowledged values, or those of the first create in doubt."""
        base = wire_names(self.acknowledged)
        return self.in_doubt_wire[0] if not base and self.in_doubt and self.reference is None else base


@dataclass(frozen=True)
class Choice:
    """The winner of a field, and both sides' values at the moment of a person's choice."""

    winner: Winner
    ours: str
    theirs: str

    __repr__ = redacted_repr


Choices = Mapping[str, Choice]


@dataclass
class Result:
    """The result of reconciling one row, and the facts for the row."""

    reference: str | None
    #: The values of pushes that 2Checkout may have carried out.
    in_doubt: list[ModelValues]
    #: The values known to be on both sides. None leaves ``acknowledged`` as it is.
    base: WireValues | None = None
    #: The comparison to settle; None if it was not completed.
    merged: Merge | None = None
    #: Names of the fields that had changed on both sides, also where the update failed.
    conflicts: frozenset[str] = frozenset()
    #: 2Checkout's object, if it was fetched.
    remote: RemoteCustomer | None = None
    #: The winners of single fields, by a person's choice.
    chosen: Mapping[str, Winner] = field(default_factory=dict)
    #: What 2Checkout said of the customer; None if it did not say it.
    presence: Presence | None = None
    #: What it answers for a customer that it does not have, where that was found out: status and code.
    none_answer: tuple[int | None, str] | None = None
    #: Whether an update was sent, or may have been.
    updated: bool = False
    #: Names of our fields that 2Checkout accepted.
    sent: frozenset[str] = frozenset()
    #: ``shown`` and ``written`` as they are now. None leaves the row's as they are.
    shown: Images | None = None
    written: Writes | None = None
    #: A read replica of 2Checkout showed what we overwrote a moment ago.
    lagging: bool = False
    #: Of an erasure: what 2Checkout keeps, and why, in words. Names of the fields that it still shows after it
    #: acknowledged the placeholders. And whether the next run has to go on at once.
    kept: list[str] = field(default_factory=list)
    still_shown: frozenset[str] = frozenset()
    unfinished: bool = False
    error: TwoCheckoutError | None = None
    #: The number of requests, the HTTP status of the last answer, and the seconds of all.
    requests: int = 0
    http_status: int | None = None
    seconds: float = 0.0

    __repr__ = redacted_repr

    @property
    def adopted(self) -> dict[str, str | None]:
        """The values for the row to adopt, by attribute. A missing reference of ours is NULL, for it is unique."""
        if not self.merged:
            return {}
        adopted: dict[str, str | None] = {name: self.merged.result[name] for name in self.merged.adopt}
        if adopted.get(EXTERNAL) == "":
            adopted[EXTERNAL] = None
        return model_names(adopted)


@dataclass
class Decision:
    """The row's next state."""

    columns: dict[str, object] = field(default_factory=dict)
    #: The row waits for a person or the next save.
    final: bool = False
    failed_attempts: int = 0
    #: For a pull that was asked for, and for an erasure: seconds until the next attempt.
    backoff: float = 0.0

    __repr__ = redacted_repr


class Settled(Enum):
    """What was written to a claimed row."""

    WRITTEN = "everything"
    SUPERSEDED = "what was learnt; the row was saved meanwhile, so its newer values wait to be pushed"
    LEASE_LOST = "nothing, for the lease was lost or the row deleted"
    ROW_LOCKED = "nothing yet, for somebody else is writing the row"

    @property
    def is_written(self) -> bool:
        """Whether what was learnt is on the row."""
        return self in (Settled.WRITTEN, Settled.SUPERSEDED)


@dataclass(frozen=True)
class Finished:
    """A claim, its result, and the decision for the row."""

    claim: Claim
    result: Result
    decision: Decision

    __repr__ = redacted_repr

    @property
    def created(self) -> bool:
        return self.claim.verb is Verb.PUSH and self.claim.reference is None and self.result.reference is not None


@dataclass(frozen=True)
class Permit:
    """What the admission allows a worker to claim."""

    #: How many rows may be claimed now.
    rows: int
    #: Seconds until the next question makes sense, if no row may be claimed.
    wait: float = 0.0
    #: For a half-open trial: the time in which other workers wait for this one.
    since: datetime | None = None
    until: datetime | None = None
    #: Whether the account's row has the merchant code of its acknowledgements already.
    code_noted: bool = True

    __repr__ = redacted_repr

    @property
    def trial(self) -> bool:
        return self.until is not None


Reconcile = Callable[[Claim, TwoCheckoutClient], Result]


@dataclass(frozen=True)
class Operation:
    """The functions that differ between a push and a pull. All else is common to both."""

    reconcile: Reconcile
    #: Returns the row's next state for a result.
    decide: Callable[[Claim, Result, Mode], Decision]
    #: Logs one settled row, sends its signal, and returns its count.
    report: Callable[[Finished, Settled], Summary]

    __repr__ = redacted_repr
