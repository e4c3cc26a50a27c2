"""Reads an answer's body, bounded in size and in time, however slowly it comes."""

from __future__ import annotations

import time
from collections.abc import Callable
from http.client import HTTPException
from typing import TypeAlias

import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

from ..exceptions import ConnectionFailed, UnreadableAnswer

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"

MAX_ANSWER_BYTES = 1024 * 1024
READ_BYTES = 64 * 1024


def read_body(route: str, response: requests.Response, deadline: float) -> bytes:
    """The whole body. *deadline*: a time of the monotonic clock.

    Raises ConnectionFailed if the body does not end in time, UnreadableAnswer if it is cut, garbled or too large.
    """
    if response.raw is None:  # a response that a test made by hand
        return response.content
    read_some = getattr(response.raw, "read1", response.raw.read)  # read() would wait for READ_BYTES
    body = bytearray()
    while some := _next_part(route, read_some):
        body += some
        if len(body) > MAX_ANSWER_BYTES:
            raise UnreadableAnswer(f"{route}: the answer is larger than {MAX_ANSWER_BYTES} bytes")
        if time.monotonic() > deadline:
            raise ConnectionFailed(f"{route}: the answer did not end in time")
    return bytes(body)


def _next_part(route: str, read_some: Callable[..., bytes]) -> bytes:
    try:
        return read_some(READ_BYTES, decode_content=True)
    except (ReadTimeoutError, TimeoutError):
        raise ConnectionFailed(f"{route}: the answer did not end in time") from None
    except (HTTPError, HTTPException, OSError, ValueError):
        raise UnreadableAnswer(f"{route}: the answer is cut or garbled") from None
