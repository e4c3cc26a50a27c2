"""Real workers of each kind that Celery has: saves are pushed, and a batch soon leaves no thread and no connection."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from django_twocheckout.testing import FakeTwoCheckout

ROOT = Path(__file__).resolve().parent.parent


def until(condition, seconds=40.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return False


def connections():
    """The fake vendor has a thread for each connection that is open."""
    return {thread for thread in threading.enumerate() if "process_request_thread" in thread.name}


def threads_of(pid):
    """How many threads the process and its children have."""
    count = len(os.listdir(f"/proc/{pid}/task"))
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return count + sum(map(threads_of, children))


@pytest.fixture
def start(tmp_path):
    with FakeTwoCheckout().serve() as vendor:
        environment = {
            **os.environ,
            "TEST_WORKER_FOLDER": str(tmp_path),
            "TEST_WORKER_VENDOR": vendor.url,
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "default",
        }
        environment.pop("DJANGO_SETTINGS_MODULE", None)

        def save(count):
            subprocess.run([sys.executable, "-m", "tests.worker", str(count)], env=environment, cwd=ROOT, check=True)

        workers, logs = [], []

        def work(pool):
            log = (tmp_path / "worker.log").open("w")
            logs.append(log)
            command = [
                sys.executable,
                "-m",
                "celery",
                "-A",
                "tests.worker",
                "worker",
                "-P",
                pool,
                "-c",
                "2",
                "-l",
                "info",
            ]
            workers.append(subprocess.Popen(command, env=environment, cwd=ROOT, stdout=log, stderr=log))
            return workers[0]

        yield vendor, save, work
        for worker in workers:
            worker.send_signal(signal.SIGTERM)
            try:
                worker.wait(20)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
        for log in logs:
            log.close()


def states(folder):
    with closing(sqlite3.connect(f"file:{folder / 'db.sqlite3'}?mode=ro", uri=True, timeout=20)) as database:
        return dict(database.execute("SELECT sync_state, count(*) FROM twocheckout_customer GROUP BY 1").fetchall())


@pytest.mark.timeout(150)
@pytest.mark.parametrize("pool", ["prefork", "threads", "gevent", "solo"])
def test_pool(tmp_path, start, pool):
    if pool == "gevent":
        pytest.importorskip("gevent")
    vendor, save, work = start
    others = connections()  # of vendors of other tests
    save(1)
    worker = work(pool)
    assert until(lambda: states(tmp_path) == {"synced": 1}), (tmp_path / "worker.log").read_text()
    threads = threads_of(worker.pid) if Path("/proc/self/task").exists() else None

    save(60)

    assert until(lambda: states(tmp_path) == {"synced": 61}), (tmp_path / "worker.log").read_text()
    assert len(vendor.customers) == len(vendor.requests) == 61
    # Each of the pool's two processes or threads may keep the connection of its own, and no more for long.
    assert until(lambda: len(connections() - others) <= 2, seconds=30), connections() - others
    if threads:
        assert until(lambda: threads_of(worker.pid) <= threads + 1, seconds=30)  # threads come up as they are needed
    assert "Traceback" not in (tmp_path / "worker.log").read_text()
