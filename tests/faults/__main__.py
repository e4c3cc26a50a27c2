"""The command: one seed, or many, each in a process of its own, on brokers that serve all seeds of a job."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from . import report, services
from .schedule import BROKERS, DATABASES, plan
from .workers import ROOT

#: After so many seconds something of the tests themselves is stuck.
LONGEST_RUN = 400

_running: list[subprocess.Popen[str]] = []


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, help="one schedule")
    parser.add_argument("--seeds", help="a range of them, such as 0-199")
    parser.add_argument("--database", choices=[*DATABASES, "all"], default="all", help="all: the seed chooses")
    parser.add_argument("--broker", choices=[*BROKERS, "all"], default="all", help="all: the seed chooses")
    parser.add_argument("--jobs", type=int, default=1, help="how many at once")
    parser.add_argument("--json", type=Path, help="append each result to this file")
    parser.add_argument("--table", type=Path, help="only print the table of the results in this file")
    parser.add_argument("--plan", action="store_true", help="only print what would happen")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    if options.table:
        _say(report.table(report.read(options.table)))
        return 0
    if options.seed is None and not options.seeds:
        parser.error("--seed or --seeds, please")
    first, _, last = (options.seeds or str(options.seed)).partition("-")
    plans = [plan(seed, options.database, options.broker) for seed in range(int(first), int(last or first) + 1)]
    if options.plan:
        _say("\n".join(map(str, plans)))
        return 0
    results = _run_all(plans, options.jobs, options.json)
    _say(report.table(results))
    return 0 if all(result["ok"] for result in results) else 1


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _run_all(plans: list[Any], jobs: int, file: Path | None) -> list[dict[str, Any]]:
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for each in plans:
        waiting.put(each)
    results: list[dict[str, Any]] = []
    lock = threading.Lock()

    def work() -> None:
        home = Path(tempfile.mkdtemp(prefix="faults-"))
        kept = False
        try:
            while not waiting.empty():
                try:
                    chosen = waiting.get_nowait()
                except queue.Empty:
                    break
                result, output = _run(chosen, home)
                kept = kept or not result["ok"]
                with lock:
                    results.append(result)
                    _say(output + report.line(result))
                    if file:
                        with file.open("a") as out:
                            out.write(json.dumps(result) + "\n")
        finally:
            for kind in services.BROKERS.values():
                kind(home).stop()
            if not kept:
                shutil.rmtree(home, ignore_errors=True)

    threads = [threading.Thread(target=work) for _ in range(min(jobs, len(plans)))]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except BaseException:  # interrupted: begin no other, and let those that run end their workers
        with contextlib.suppress(queue.Empty):
            while True:
                waiting.get_nowait()
        for process in list(_running):
            process.terminate()
        raise
    return sorted(results, key=lambda result: result["seed"])


def _run(chosen: Any, home: Path) -> tuple[dict[str, Any], str]:
    """Run one schedule; what came of it, and what was said if it failed."""
    began = time.monotonic()
    command = [sys.executable, "-m", "tests.faults.run", "--seed", str(chosen.seed), "--home", str(home)]
    command += ["--database", chosen.database, "--broker", chosen.broker]
    environ = os.environ | {"TMPDIR": str(home)}  # what a killed process leaves behind goes with it
    process = subprocess.Popen(
        command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    _running.append(process)
    try:
        output, _ = process.communicate(timeout=LONGEST_RUN)
    except subprocess.TimeoutExpired:
        process.terminate()  # it ends its own workers
        output, _ = process.communicate()
    _running.remove(process)
    work = home / f"seed-{chosen.seed}-{chosen.database}-{chosen.broker}"
    written = work / "result.json"
    if written.exists():
        result = json.loads(written.read_text())
    else:
        result = report.broken(chosen, f"the run itself broke off: {process.returncode}")
    result["seconds"] = round(time.monotonic() - began, 1)
    if result["ok"]:
        shutil.rmtree(work, ignore_errors=True)
        return result, ""
    return result, output


if __name__ == "__main__":
    sys.exit(main())
