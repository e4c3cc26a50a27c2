"""What the vendor sends back: an answer, or a refusal that is raised and becomes one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"


@dataclass(frozen=True)
class Answer:
    """An HTTP answer before it is sent."""

    status: int = 200
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def json_answer(value: JSON, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer with this value as its JSON body."""
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})


class HTTPRefusal(Exception):
    """The vendor refuses a request.

    *code* and *message* make the documented body, unless *body* is given.
    """

    def __init__(
        self, status: int, code: str, message: str, body: JSON = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(code)
        self.status = status
        self.body: JSON = {"error_code": code, "message": message} if body is None else body
        self.headers = dict(headers or {})

    @property
    def answer(self) -> Answer:
        """The answer that tells the client."""
        return json_answer(self.body, self.status, self.headers)


def not_found() -> HTTPRefusal:
    """The refusal for an address that does not exist."""
    return HTTPRefusal(404, "SIM_NO_SUCH_PATH", "Not found")
