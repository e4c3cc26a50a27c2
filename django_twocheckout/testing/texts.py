"""Ways in which an API may change a text between taking it and showing it."""

from __future__ import annotations

import html
from collections.abc import Callable

from .names import no_such

#: Takes a field's name and its text; returns the text as it is shown.
TextEcho = Callable[[str, str], str]

_ECHOES: dict[str, TextEcho] = {
    "html": lambda name, text: html.escape(text),
    "upper": lambda name, text: text.upper(),
    "lower": lambda name, text: text.lower(),
}


def text_echo(echo: str | TextEcho) -> TextEcho:
    """The function for ``"html"``, ``"upper"``, ``"lower"`` or ``"cut:20"``; a function is returned as it is.

    Raises ValueError for any other text.
    """
    if callable(echo):
        return echo
    kind, _, length = echo.partition(":")
    if kind == "cut" and length.isdecimal():
        return lambda name, text: text[: int(length)]
    if echo not in _ECHOES:
        raise no_such("echo", echo, [*_ECHOES, "cut:NUMBER"])
    return _ECHOES[echo]
