"""How a worker ends in the middle of its work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import requests
from django.db import connections
from requests.adapters import HTTPAdapter


class Killed(BaseException):
    """As by a signal: no ``except Exception`` of the app stops it."""


class Steps:
    """Counts the steps of the work: each statement and each request, once before it and once after it."""

    def __init__(self, last: int | None) -> None:
        self.taken, self.last = 0, last

    @property
    def is_dead(self) -> bool:
        return self.last is not None and self.taken > self.last

    def step(self) -> None:
        self.taken += 1
        if self.is_dead:
            raise Killed

    def execute(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("ROLLBACK") and self.is_dead:
            return execute(sql, params, many, context)  # the database itself does that for a killed client
        self.step()
        result = execute(sql, params, many, context)
        if sql != "BEGIN":  # Django does not know of it yet, and would leave it open
            self.step()
        return result


@contextmanager
def killed_after(last: int | None, monkeypatch: Any) -> Iterator[Steps]:
    """Within the block, everything ends after this many steps, and no clean-up of the app reaches anything any more.

    None: nothing ends, and the steps are counted.
    """
    steps, send = Steps(last), HTTPAdapter.send

    def counted(adapter: HTTPAdapter, prepared: requests.PreparedRequest, **options: Any) -> requests.Response:
        steps.step()
        response = send(adapter, prepared, **options)
        try:
            steps.step()
        except Killed:
            response.close()  # as the system closes what a process held
            adapter.close()
            raise
        return response

    with ExitStack() as stack, monkeypatch.context() as patch:
        patch.setattr(HTTPAdapter, "send", counted)
        stack.enter_context(connections["default"].execute_wrapper(steps.execute))
        yield steps
