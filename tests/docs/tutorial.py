"""Follows the tutorial to the letter: writes its files, types its commands, and reads what they print.

But for two things it does what a reader does: the ports are free ones, and where no wheel is given the first three
commands are left out, for this very interpreter has all that they install.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from .pages import DOCS, ROOT, Block, blocks

#: What the first block installs.
INSTALLING = ("python3 -m venv ", ". .venv/bin/activate", "pip install ")
PATIENCE = 60


class Reader:
    """One who follows the page in an empty folder."""

    def __init__(self, folder: Path, wheel: str = "") -> None:
        self.folder, self.wheel = folder, wheel
        self.ports = {"8600": _free_port(), "8000": _free_port()}
        kept = ("PYTEST_", "DJANGO_", "COV_", "TEST_", "TWOCHECKOUT_", "CELERY_", "PYTHON", "VIRTUAL_ENV")
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(kept)}
        self.environment["PYTHONUNBUFFERED"] = "1"
        if wheel:
            constraint = folder.parent / "constraint.txt"
            constraint.write_text(f"django-twocheckout @ {Path(wheel).resolve().as_uri()}\n")
            self.environment["PIP_CONSTRAINT"] = str(constraint)
            self.bin = folder / ".venv" / "bin"
        else:
            self.environment["PYTHONPATH"] = str(ROOT)
            self.bin = Path(sys.executable).parent
        self.environment["PATH"] = f"{self.bin}{os.pathsep}{os.environ['PATH']}"
        self.terminals: dict[str, subprocess.Popen[bytes]] = {}
        self.stack = ExitStack()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *error: object) -> None:
        for name in list(self.terminals):
            self.interrupt(name)

    def read(self) -> None:
        """Follow the whole page."""
        steps = [block for block in blocks(DOCS / "tutorial.md") if block.caption]
        for block, following in zip(steps, [*steps[1:], None], strict=True):
            prints = following.text.strip() if following and following.caption == "prints" else ""
            self.follow(block, self.with_ports(block.text), prints)

    def follow(self, block: Block, text: str, prints: str) -> None:
        """Do what one block says."""
        if block.caption == "prints":
            return
        if block.language == "console":
            self.type(block, text)
        elif block.caption.startswith("python manage.py shell"):
            self.shell(block, text, prints, patient="a moment later" in block.caption)
        else:
            name, _, place = block.caption.partition(", ")
            assert place in ("", "at the end"), block
            path = self.folder / name
            path.write_text(path.read_text() + "\n" + text if place else text)

    def type(self, block: Block, text: str) -> None:
        """Type the commands of a terminal. The last one of any other terminal than the first goes on."""
        terminal = block.caption
        for command, expected in _commands(text):
            if command == "^C":
                self.interrupt(terminal)
            elif terminal == "first terminal":
                self.run(block, command, expected)
            elif not command.startswith(INSTALLING):
                self.start(terminal, command, expected)

    def run(self, block: Block, command: str, expected: list[str]) -> None:
        if not self.wheel and command.startswith(INSTALLING):
            return
        done = subprocess.run(
            ["bash", "-ec", command], cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        said = done.stdout + done.stderr
        assert done.returncode == 0, f"{block}: {command}\n{said}"
        for line in expected:
            assert line in said, f"{block}: {command} does not print {line!r}, but\n{said}"

    def start(self, terminal: str, command: str, expected: list[str]) -> None:
        log = self.log(terminal)
        with log.open("wb") as output:
            self.terminals[terminal] = subprocess.Popen(
                ["bash", "-c", f"exec {command}"],
                cwd=self.folder,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        expected = expected or [{"worker": "ready.", "beat": "beat: Starting", "runserver": "Quit"}[_kind(command)]]
        for _attempt in _patiently():
            if all(line in log.read_text() for line in expected):
                return
        raise AssertionError(f"{terminal}: {command} does not print {expected}, but\n{log.read_text()}")

    def interrupt(self, terminal: str) -> None:
        process = self.terminals.pop(terminal)
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def shell(self, block: Block, text: str, prints: str, *, patient: bool) -> None:
        """Give the lines to Django's shell. With *patient*, again until it prints what the page says."""
        for _attempt in _patiently():
            done = subprocess.run(
                [str(self.bin / "python"), "manage.py", "shell"],
                cwd=self.folder, env=self.environment, input=text, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, f"{block}\n{done.stderr}"
            if prints in done.stdout:
                return
            if not patient:
                break
        logs = "\n".join(self.log(name).read_text() for name in self.terminals)
        raise AssertionError(f"{block} does not print {prints!r}, but\n{done.stdout}\n{logs}")

    def log(self, terminal: str) -> Path:
        return self.folder.parent / f"{terminal}.log"

    def with_ports(self, text: str) -> str:
        return re.sub(r"\b(8600|8000)\b", lambda found: str(self.ports[found[1]]), text)


def _commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each command with the lines that it prints."""
    lines = text.strip().splitlines()
    starts = [index for index, line in enumerate(lines) if line.startswith("$ ") or line == "^C"]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield lines[start].removeprefix("$ "), lines[start + 1 : end]


def _kind(command: str) -> str:
    return next(kind for kind in ("worker", "beat", "runserver") if kind in command)


def _patiently() -> Iterator[None]:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        yield
        time.sleep(0.5)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
