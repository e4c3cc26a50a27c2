"""Keeps values out of error reports on every path. Reports print the local variables of each frame of an exception.

Customers' values, references, tokens, secrets and 2Checkout's words live in objects with a ``repr`` that shows none of
them.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Collection
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from .exceptions import TwoCheckoutError

P = ParamSpec("P")
R = TypeVar("R")
E = TypeVar("E", bound=BaseException)
K = TypeVar("K")
V = TypeVar("V")


def redacted_repr(of: object) -> str:
    """A ``__repr__`` without texts.

    It shows the class. Of a dataclass it shows the numbers, and the lengths of the collections. Of anything else it
    shows the primary key.
    """
    names = getattr(of, "__dataclass_fields__", ("pk",))
    shown = {name: _shown(getattr(of, name, None)) for name in names}
    return f"<{' '.join([type(of).__name__, *(f'{name}={text}' for name, text in shown.items() if text)])}>"


def _shown(value: object) -> str:
    if isinstance(value, bool | int | float):
        return str(value)
    if isinstance(value, Collection) and not isinstance(value, str | bytes) and value:
        return str(len(value))
    return ""


class RedactedDict(dict[K, V]):
    """A dictionary with a ``repr`` of its keys alone."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {', '.join(sorted(map(str, self)))}>"

    # Without this attribute, Sentry reads the dictionary's items.
    __sentry_repr__ = __repr__


def redacted(value: Any) -> Any:
    """The same value, with each dictionary in it as :class:`RedactedDict`."""
    if isinstance(value, dict):
        return RedactedDict(value)
    return list(map(redacted, value)) if isinstance(value, list) else value


def without_frames(error: E, *, note: bool = False) -> E:
    """The error without the frames of itself and its causes. *note*: add them as a text, without values."""
    if note:
        error.add_note("".join(traceback.format_tb(error.__traceback__)))
    linked: BaseException | None = error
    while linked is not None and linked.__traceback__ is not None:
        linked.__traceback__ = None
        linked = linked.__cause__ or linked.__context__
    return error


def redact_frames(function: Callable[P, R]) -> Callable[P, R]:
    """Let errors leave the function without the frames below it: their local variables hold values.

    Errors of ours keep their text. Any other error gets a note with its place in the code.
    """

    @wraps(function)
    def outer(*args: P.args, **kwargs: P.kwargs) -> R:
        given: RedactedDict[str, Any] = RedactedDict(args=args, kwargs=kwargs)
        del args, kwargs  # error reports show this frame too
        try:
            return function(*given["args"], **given["kwargs"])
        except TwoCheckoutError as error:
            bare: Exception = without_frames(error)
        except Exception as error:
            bare = without_frames(error, note=True)
        raise bare

    return outer
