"""What can go wrong on the way, on demand: faults that the fake vendor commits at a request, by name."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .answers import Answer
from .names import no_such


class ConnectionCut(Exception):
    """Asks the server to send these bytes and to close the connection; the server of this package obeys."""

    def __init__(self, sent: bytes) -> None:
        super().__init__("connection cut")
        self.sent = sent


@dataclass(frozen=True)
class Fault:
    """One way in which a request goes wrong."""

    status: int = 500
    body: str = field(default='{"error_code": "SIM_FAULT", "message": "Internal error"}', repr=False)
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"}, repr=False)
    commit: bool = False
    """Carry the request out before it fails: the case in which a client cannot know."""
    delay: float = 0
    """Seconds to wait before the answer."""
    cut: Literal["reset", "half"] | None = None
    """Instead of a whole answer, close the connection without one, or in the middle of it."""
    meaning: str = ""
    """What happens, in words."""

    def __post_init__(self) -> None:
        if self.cut not in (None, "reset", "half"):
            raise ValueError(f'A fault cannot cut by {self.cut!r}. There are: "reset", "half".')
        if not 100 <= self.status <= 599 or self.delay < 0:
            raise ValueError("A fault has a status from 100 to 599 and a delay of no less than 0 seconds.")

    def answer(self, method: str) -> Answer:
        """Wait, then return the fault's answer; ConnectionCut where there is no whole one."""
        time.sleep(self.delay)
        if self.cut == "reset" or (self.cut and method == "HEAD"):  # an answer to HEAD has no body to cut
            raise ConnectionCut(b"")
        if self.cut == "half":
            promised = len(self.body) + 100
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {promised}\r\n\r\n"
            raise ConnectionCut(head.encode() + self.body.encode())
        return Answer(self.status, self.body.encode(), self.headers)


_HTML = {"Content-Type": "text/html"}

#: The names of the faults. An editor completes them, and a type checker finds a wrong one.
FaultName = Literal[
    "500",
    "500-after-commit",
    "503",
    "html-502",
    "html-404",
    "429",
    "429-retry-after",
    "401",
    "hang",
    "hang-after-commit",
    "reset",
    "reset-after-commit",
    "half-body",
    "not-json",
    "false",
    "redirect",
    "huge",
]

FAULTS: Mapping[FaultName, Fault] = {
    "500": Fault(meaning="An internal error. Nothing was done."),
    "500-after-commit": Fault(commit=True, meaning="An internal error, and yet the request was carried out."),
    "503": Fault(
        503, '{"error_code": "SIM_MAINTENANCE", "message": "Down for maintenance"}', meaning="Down for maintenance."
    ),
    "html-502": Fault(
        502, "<html><body><h1>502 Bad Gateway</h1></body></html>", _HTML, meaning="A proxy's page: bad gateway."
    ),
    "html-404": Fault(
        404, "<html><body><h1>404 Not Found</h1></body></html>", _HTML, meaning="A proxy's page: not found."
    ),
    "429": Fault(429, '{"error_code": "SIM_RATE_LIMIT", "message": "Too many requests"}', meaning="Too many requests."),
    "429-retry-after": Fault(
        429,
        "{}",
        {"Content-Type": "application/json", "Retry-After": "7"},
        meaning="Too many requests; try again after 7 seconds.",
    ),
    "401": Fault(
        401,
        '{"error_code": "AUTHENTICATION_ERROR", "message": "Authentication needed for this resource"}',
        meaning="The credentials are refused.",
    ),
    "hang": Fault(delay=60, meaning="No answer for a minute."),
    "hang-after-commit": Fault(
        delay=60, commit=True, meaning="No answer for a minute, and yet the request was carried out."
    ),
    "reset": Fault(cut="reset", meaning="The connection is closed without an answer."),
    "reset-after-commit": Fault(
        cut="reset",
        commit=True,
        meaning="The connection is closed without an answer, and yet the request was carried out.",
    ),
    "half-body": Fault(
        200,
        '{"CustomerReference": "6019',
        cut="half",
        commit=True,
        meaning="The request was carried out, and the connection is closed in the middle of the answer.",
    ),
    "not-json": Fault(
        200,
        "<!doctype html><title>Welcome</title>",
        _HTML,
        commit=True,
        meaning="The request was carried out, and the answer is a page.",
    ),
    "false": Fault(200, "false", meaning="The answer is false, with status 200. Nothing was done."),
    "redirect": Fault(
        302, "", {"Location": "http://127.0.0.1:9/elsewhere/"}, meaning="The answer leads to another address."
    ),
    "huge": Fault(
        200,
        '"' + "x" * (2 * 1024 * 1024) + '"',
        commit=True,
        meaning="The request was carried out, and the answer has 2 MiB.",
    ),
}


def named(fault: FaultName | Fault) -> tuple[str, Fault]:
    """The fault with its name, which is ``"custom"`` for one that a test has made.

    Raises ValueError for an unknown name.
    """
    if isinstance(fault, Fault):
        return "custom", fault
    if fault not in FAULTS:
        raise no_such("fault", fault, FAULTS)
    return fault, FAULTS[fault]
