"""Counts what came of the rows of a run, for the tasks, the commands and callers of ``sync``."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ..redaction import redacted_repr


@dataclass
class Summary:
    """Counts over the claimed rows of a run."""

    #: Pushed, or pulled.
    pushed: int = 0
    #: Failed: they wait for a person or the next save.
    failed: int = 0
    #: Tried again later, without a person.
    waiting: int = 0
    #: Saved while in flight, so still due.
    changed: int = 0
    #: Seconds to wait after an early end, because the account is paused or RATE_LIMIT is reached.
    wait: float | None = None
    #: Whether there may be more to do: the limit or the time ended the run, or rows were released.
    more: bool = False
    #: Seconds until an unclaimed row is due. None without a pending row.
    due_in: float | None = None
    #: Failed rows by 2Checkout's code, or our error's name.
    codes: Counter[str] = field(default_factory=Counter)
    #: The same for each account, after a run over several.
    by_account: dict[str, Summary] = field(default_factory=dict)

    __repr__ = redacted_repr

    @property
    def tried(self) -> int:
        return self.pushed + self.failed + self.waiting

    def __add__(self, other: Summary) -> Summary:
        return Summary(
            self.pushed + other.pushed,
            self.failed + other.failed,
            self.waiting + other.waiting,
            self.changed + other.changed,
            other.wait if self.wait is None else self.wait,
            self.more or other.more,
            other.due_in,
            self.codes + other.codes,
            self.by_account | other.by_account,
        )

    def beside(self, account: str, other: Summary) -> Summary:
        """These counts with those of another account. The one that can go on first decides when."""
        both = self + other
        both.wait, both.due_in = sooner(self.wait, other.wait), sooner(self.due_in, other.due_in)
        both.by_account[account] = other
        return both


def sooner(one: float | None, other: float | None) -> float | None:
    """The shorter of two waits. None stands for none to come."""
    return other if one is None else one if other is None else min(one, other)
