"""A real Celery worker: started on an idle queue, let loose on the backlog, its CPU and memory read from outside."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

#: Given to every process of a run, so that two runs at a time do not work off each other's queues.
RUN = os.environ.setdefault("BENCHMARK_RUN", str(os.getpid()))
QUEUE = f"twocheckout-benchmarks-{RUN}"
IDLE_QUEUE = f"{QUEUE}-idle"
NODE = f"benchmarks@{RUN}"


class Worker:
    """``celery worker`` with this pool and so many processes.

    It begins on a queue in which nothing ever is, so that its start counts neither as time nor as CPU of a push.
    """

    def __init__(self, environment: Mapping[str, str], *, pool: str = "prefork", processes: int = 8) -> None:
        ready = Path(tempfile.mktemp(prefix="benchmark-ready-"))  # the worker makes it
        command = [sys.executable, "-m", "celery", "-A", "benchmarks.celery", "worker", "-P", pool]
        command += ["-c", str(processes), "-l", "WARNING", "-Q", IDLE_QUEUE, "-n", NODE]
        command += ["--without-gossip", "--without-mingle"]
        self.process = subprocess.Popen(
            command,
            # Celery warns root, at length and each time.
            env={**environment, "BENCHMARK_READY": str(ready), "PYTHONWARNINGS": "ignore"},
            stdout=subprocess.DEVNULL,
        )
        self.tree = psutil.Process(self.process.pid)
        try:
            for _ in range(600):
                if ready.exists():
                    return
                if self.process.poll() is not None:
                    break
                time.sleep(0.1)
            raise RuntimeError("the worker did not start")
        finally:
            ready.unlink(missing_ok=True)

    def cpu(self) -> float:
        """CPU seconds of the whole tree so far, of processes that ended too."""
        total = sum(self.tree.cpu_times()[:4])
        return total + sum(sum(child.cpu_times()[:2]) for child in self.tree.children(recursive=True))

    def memory(self) -> float:
        """The highest resident memory of each process of the tree so far, added up, in MB."""
        return sum(map(peak_memory, [self.process.pid, *(child.pid for child in self.tree.children(recursive=True))]))

    def stop(self) -> None:
        """Let it end what it has begun, and itself; by force, with its children, if that takes long."""
        try:
            family = [*self.tree.children(recursive=True), self.tree]
            self.process.terminate()
        except psutil.NoSuchProcess:
            family = []
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            for process in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            self.process.wait()


def peak_memory(pid: int) -> float:
    """The highest resident memory of a process so far, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0
