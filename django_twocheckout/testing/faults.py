"""What can go wrong on the way, on demand: faults that the fake vendor commits at a request, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Fault:
    """One way in which a request goes wrong."""

    status: int = 500
    body: str = '{"error_code": "SIM_FAULT", "message": "Internal error"}'
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    #: Carry the request out before failing: the case in which a client cannot know.
    commit: bool = False
    #: Seconds to wait before the answer.
    delay: float = 0
    #: Instead of a whole answer: close the connection without one, or in the middle of it.
    cut: Literal["reset", "half"] | None = None


_HTML = {"Content-Type": "text/html"}

FAULTS: Mapping[str, Fault] = {
    "500": Fault(),
    "500-after-commit": Fault(commit=True),
    "503": Fault(503, '{"error_code": "SIM_MAINTENANCE", "message": "Down for maintenance"}'),
    "html-502": Fault(502, "<html><body><h1>502 Bad Gateway</h1></body></html>", _HTML),
    "html-404": Fault(404, "<html><body><h1>404 Not Found</h1></body></html>", _HTML),
    "429": Fault(429, '{"error_code": "SIM_RATE_LIMIT", "message": "Too many requests"}'),
    "429-retry-after": Fault(429, "{}", {"Content-Type": "application/json", "Retry-After": "7"}),
    "401": Fault(401, '{"error_code": "AUTHENTICATION_ERROR", "message": "Authentication needed for this resource"}'),
    "hang": Fault(delay=60),
    "hang-after-commit": Fault(delay=60, commit=True),
    "reset": Fault(cut="reset"),
    "reset-after-commit": Fault(cut="reset", commit=True),
    "half-body": Fault(200, '{"CustomerReference": "6019', cut="half", commit=True),
    "not-json": Fault(200, "<!doctype html><title>Welcome</title>", _HTML, commit=True),
    "false": Fault(200, "false"),
    "redirect": Fault(302, "", {"Location": "http://127.0.0.1:9/elsewhere/"}),
    "huge": Fault(200, '"' + "x" * (2 * 1024 * 1024) + '"', commit=True),
}
