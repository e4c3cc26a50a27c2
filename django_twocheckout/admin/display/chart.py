"""Draws the last hour as bars for the status page: numbers in, whole units of a drawing out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...flows.status import Slot
from ...redaction import redacted_repr

#: The drawing's units. The page stretches it to its own width.
BAR, GAP, HEIGHT = 44, 6, 200
#: The least height of a part, so that one among thousands stays visible.
LEAST = 3
#: Units above the highest bar, for the added heights of LEAST.
HEADROOM = 2 * LEAST


@dataclass(frozen=True)
class Part:
    """One result's share of a bar."""

    kind: str
    y: int
    height: int

    __repr__ = redacted_repr


@dataclass(frozen=True)
class Bar:
    x: int
    parts: list[Part]
    slot: Slot

    __repr__ = redacted_repr


@dataclass(frozen=True)
class Chart:
    """The bars, the value of the upper line, and the hour's sums."""

    bars: list[Bar]
    top: int
    most: int
    done: int
    retry: int
    failed: int
    bar_width: int = BAR
    height: int = HEIGHT
    headroom: int = HEADROOM

    __repr__ = redacted_repr

    @property
    def width(self) -> int:
        return len(self.bars) * (BAR + GAP)

    @property
    def middle(self) -> int:
        return self.height // 2

    @property
    def full_height(self) -> int:
        return self.height + self.headroom

    @property
    def total(self) -> int:
        return self.done + self.retry + self.failed


def draw(slots: Sequence[Slot]) -> Chart:
    """The bars of these slots: done at the bottom, then to be tried again, then failed."""
    most = max(slot.total for slot in slots)
    top = round_up(most)
    return Chart(
        bars=[Bar(number * (BAR + GAP) + GAP // 2, _parts(slot, top), slot) for number, slot in enumerate(slots)],
        top=top,
        most=most,
        done=sum(slot.done for slot in slots),
        retry=sum(slot.retry for slot in slots),
        failed=sum(slot.failed for slot in slots),
    )


def _parts(slot: Slot, top: int) -> list[Part]:
    parts, y = [], HEIGHT
    for kind in ("done", "retry", "failed"):
        if count := getattr(slot, kind):
            height = max(round(HEIGHT * count / top), LEAST)
            y -= height
            parts.append(Part(kind, y, height))
    return parts


def round_up(most: int) -> int:
    """The next round number: 1, 2 or 5 with zeros."""
    power = 1
    while True:
        for step in (1, 2, 5):
            if step * power >= most:
                return step * power
        power *= 10
