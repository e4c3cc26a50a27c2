"""Runs functions in a Django process of their own: one process per database and broker, asked line by line.

``Child`` is this side's end; ``main`` the other one, which knows the settings. Several children can be asked in turns,
so that what has to be compared across settings is measured in turns too.
"""

from __future__ import annotations

import importlib
import json
import select
import subprocess
import sys
import traceback
from collections.abc import Mapping
from typing import Any


class ChildFailed(Exception):
    """The function raised, or the process is gone; the text is its traceback."""


class Child:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.child"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def call(self, function: str, timeout: float = 600, **arguments: Any) -> Any:
        """Call ``module.function`` of :mod:`benchmarks.inside`; TimeoutError leaves the child unusable."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps([function, arguments]) + "\n")
        if not select.select([self.process.stdout], [], [], timeout)[0]:
            self.process.kill()
            raise TimeoutError(function)
        line = self.process.stdout.readline()
        if not line:
            raise ChildFailed(f"{function}: the process ended")
        answer = json.loads(line)
        if "error" in answer:
            raise ChildFailed(answer["error"])
        return answer["result"]

    def close(self) -> None:
        if self.process.poll() is None:
            assert self.process.stdin
            self.process.stdin.close()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()


def main() -> None:
    import django

    from .celery import app

    app.set_default()
    django.setup()
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever else prints must not look like an answer
    for line in sys.stdin:
        name, arguments = json.loads(line)
        module, _, function = name.rpartition(".")
        try:
            result = getattr(importlib.import_module(f"benchmarks.inside.{module}"), function)(**arguments)
            answer = {"result": result}
        except Exception:
            answer = {"error": traceback.format_exc()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
