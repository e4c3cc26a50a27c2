"""Says what is wrong with a name that a test has given, and which name was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def no_such(kind: str, name: object, known: Iterable[str]) -> ValueError:
    """The error for an unknown name; *kind* is a noun, such as ``"fault"``."""
    names = sorted(known)
    close = get_close_matches(str(name), names, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    return ValueError(f"No such {kind}: {name}. There are: {', '.join(names)}.{hint}")
