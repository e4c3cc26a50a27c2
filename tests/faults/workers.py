"""Real Celery workers, each a tree of processes of its own that can be killed as a whole."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import time_machine

ROOT = Path(__file__).resolve().parents[2]

# Starting a worker costs seconds of importing, and where many start on few cores nothing else would happen. So a server
# imports once, and each worker is forked from it: from there on it is what ``celery worker`` makes.
_forks: Any = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["tests.faults.app"])


def _be_worker(options: list[str], clock: int, log: str) -> None:
    os.setsid()
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    if clock:
        # Only what is read from a clock is wrong; what is measured (the monotonic clock) is right, as on any machine.
        time_machine.travel(datetime.now(UTC) + timedelta(seconds=clock), tick=True).start()
    from .app import app

    sys.argv = ["celery", *options]
    app.worker_main(options)


class Worker:
    def __init__(self, name: str, pool: str, size: int, clock: int, log: Path) -> None:
        self.name, self.pool, self.size, self.clock, self.log = name, pool, size, clock, log
        options = ["worker", "--hostname", f"{name}@faults", "--pool", pool, "--concurrency", str(size)]
        options += ["--loglevel", "INFO", "--without-gossip", "--without-mingle", "--without-heartbeat"]
        self._process = _forks.Process(target=_be_worker, args=(options, clock, str(log)))

    def start(self) -> None:
        """Start it; it is ready a moment later."""
        self._process.start()

    def is_alive(self) -> bool:
        return bool(self._process.is_alive())

    def is_ready(self) -> bool:
        if not self.is_alive():
            raise RuntimeError(f"worker {self.name} ended; see {self.log}")
        return self.log.exists() and b" ready." in self.log.read_bytes()

    def freeze(self) -> None:
        """Stop the whole tree in the middle of what it does; it goes on at :meth:`thaw` as if nothing had been."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def end(self) -> None:
        """Ask it to finish what it is at and end; :meth:`kill` is for those that do not hear."""
        if self.is_alive():
            self._process.terminate()

    def kill(self) -> None:
        """Kill the whole tree; no process in it is warned."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            self._process.kill()  # gone, or so young that it has no group of its own yet, nor any children
        self._process.join()
