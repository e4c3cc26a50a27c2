"""Reads references of customers from a file or from standard input, a line each or a CSV column, for the commands."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass

from django.core.management.base import CommandError

from ..redaction import redacted_repr

#: The longest reference that 2Checkout takes.
LONGEST = 250
_HEADERS = frozenset({"reference", "customerreference", "avangatecustomerreference", "externalcustomerreference"})


@dataclass(frozen=True)
class Line:
    """A line's reference, or why there is none."""

    number: int
    reference: str
    problem: str = ""

    __repr__ = redacted_repr


def references_in(path: str, column: str | None = None) -> Iterator[Line]:
    """The references in the file, each once. ``-`` is standard input. Raises CommandError without such a file."""
    try:
        with nullcontext(sys.stdin.buffer) if path == "-" else open(path, "rb") as file:
            yield from _references(file, column)
    except OSError as error:
        raise CommandError(f"Cannot read {path}: {error.strerror}.") from None


def _references(lines: Iterable[bytes], column: str | None) -> Iterator[Line]:
    delimiter, place, header, seen = "", 0, False, set[str]()
    for number, raw in enumerate(lines, 1):
        try:
            text = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip("\r\n")
        except UnicodeDecodeError:
            yield Line(number, "", "is no text in UTF-8")
            continue
        if not text.strip():
            continue
        if not header:
            delimiter = next((one for one in "\t;," if one in text), ",")
        cells = [cell.strip() for cell in next(csv.reader([text], delimiter=delimiter), [])]
        if not header:
            header, found = True, _place(cells, column)
            if found is not None:
                place = found
                continue
            if column is not None:
                raise CommandError(f"The file has no column {column!r}.")
        reference = cells[place] if place < len(cells) else ""
        if not reference or len(reference) > LONGEST or not reference.isprintable():
            yield Line(number, "", "has no reference that 2Checkout could have")
        elif reference not in seen:
            seen.add(reference)
            yield Line(number, reference)


def _place(cells: list[str], column: str | None) -> int | None:
    """The place of the column in the header. None if this is no header."""
    if column is not None:
        return cells.index(column) if column in cells else None
    names = [cell.lower().replace("_", "").replace(" ", "") for cell in cells]
    return next((place for place, name in enumerate(names) if name in _HEADERS), None)
