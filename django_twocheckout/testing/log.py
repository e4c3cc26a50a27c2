"""The request log: what was asked, when, and what was answered."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any


@dataclass
class LoggedRequest:
    """One request in the log. ``str()`` and ``repr()`` tell no personal data; the body is kept for assertions."""

    number: int
    method: str
    path: str = field(repr=False)
    query: dict[str, str] = field(repr=False)
    body: Any = field(repr=False)
    """The JSON body; None if there was none, or no JSON."""
    headers: dict[str, str] = field(repr=False)
    """By names in WSGI's way: ``X_AVANGATE_AUTHENTICATION``."""
    began: float
    ended: float | None = None
    status: int | None = None
    fault: str = ""
    """The name of the fault that it met."""

    def __str__(self) -> str:
        # A reference that is no number may be an e-mail address.
        path = re.sub(r"(/credit-card/).+", r"\1…", re.sub(r"(/customers/)(?!\d+(?:/|$))[^/]+", r"\1…", self.path))
        fields = f" [{', '.join(self.body)}]" if isinstance(self.body, dict) else ""
        return f"#{self.number} {self.method} {path}{fields} -> {self.status or 'no answer'} {self.fault}".rstrip()
