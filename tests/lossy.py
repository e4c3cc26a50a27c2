"""Ways in which software changes a text without a person: strategies for the fake vendor's switch ``echo``."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable
from functools import reduce

from hypothesis import strategies as st

Echo = Callable[[str, str], str]

_MANNERS: dict[str, Callable[[str], str]] = {
    "as sent": lambda text: text,
    "escaped": html.escape,
    "escaped twice": lambda text: html.escape(html.escape(text)),
    "escaped in decimals": lambda text: re.sub("[&<>'\"]", lambda found: f"&#{ord(found[0]):03};", text),
    "unescaped": html.unescape,
    "slashes": lambda text: re.sub(r"(['\"\\])", r"\\\1", text),
    "upper": str.upper,
    "lower": str.lower,
    "title": str.title,
    "squeezed": lambda text: " ".join(text.split()),
    "stripped": str.strip,
    "apart": lambda text: unicodedata.normalize("NFD", text),
    "compatible": lambda text: unicodedata.normalize("NFKC", text),
    "ascii": lambda text: text.encode("ascii", "ignore").decode(),
    "question marks": lambda text: text.encode("latin-1", "replace").decode("latin-1"),
}


def lossy_echoes() -> st.SearchStrategy[Echo]:
    """One manner, sometimes cut at a length."""
    length = st.one_of(st.none(), st.integers(3, 40))
    return st.builds(_echo, st.sampled_from(sorted(_MANNERS)), length)


def _echo(manner: str, length: int | None) -> Echo:
    steps = [_MANNERS[manner], lambda text: text[:length]]

    def echo(name: str, text: str) -> str:
        return reduce(lambda shown, step: step(shown), steps, text)

    return echo
