"""Makes one schedule happen, in a process of its own: starts everybody, commits the faults, heals, and verifies."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from . import constants, services
from .schedule import ALL, Event, Plan, plan

VENDOR_FAULT_SECONDS = {"hang": constants.HANG_SECONDS, "hang-after-commit": constants.HANG_SECONDS}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.run", description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument("--broker", required=True)
    parser.add_argument("--home", type=Path, required=True, help="a directory; brokers that run there are used")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    chosen = plan(options.seed, options.database, options.broker)
    work = options.home / f"seed-{chosen.seed}-{chosen.database}-{chosen.broker}"
    work.mkdir(parents=True, exist_ok=True)
    for old in work.iterdir():
        old.unlink()
    result = Run(chosen, options.home, work).run()
    (work / "result.json").write_text(json.dumps(result))
    return 0 if result["ok"] else 1


def _further(chosen: Plan) -> dict[str, dict[str, str]]:
    """The settings of the accounts but the default one."""
    return {
        name: {"MERCHANT_CODE": constants.CODES[name], "SECRET_KEY": constants.SECRET_KEY}
        for name in chosen.accounts[1:]
    }


class Run:
    def __init__(self, chosen: Plan, home: Path, work: Path) -> None:
        self.plan, self.work = chosen, work
        self.broker = services.BROKERS[chosen.broker](home)
        self.broker.start()
        self.queue = f"faults-{chosen.seed}"
        name = f"faults_{os.getpid()}_{chosen.seed}"
        self.vendor_port = services.free_port()
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
            "FAULTS_BROKER_URL": self.broker.url,
            "FAULTS_QUEUE": self.queue,
            "FAULTS_VENDOR_URL": f"http://127.0.0.1:{self.vendor_port}/rest/6.0/",
            "FAULTS_TWOCHECKOUT": json.dumps({"BATCH_SIZE": chosen.batch_size, "ACCOUNTS": _further(chosen)}),
            **services.database_urls(chosen.database, name, work),
        }
        self.database = services.Database(chosen.database, name)
        self.errors: list[str] = []
        self.workers: list[Any] = []
        self.over = threading.Event()

    def run(self) -> dict[str, Any]:
        from . import app  # noqa: F401  # from here on Django is set up
        from .vendor import WatchedVendor, listening

        self.database.create()
        writers = self._fork_writers()  # before there is any thread
        self.vendor = WatchedVendor(
            constants.CODES["default"], constants.SECRET_KEY, codes=constants.CODES.values(), **self.plan.switches
        )
        try:
            with listening(self.vendor, self.vendor_port):
                return self._run(writers)
        finally:
            for process in writers:
                process.kill()
            for worker in self.workers:
                worker.kill()
            self.broker.start()
            self.broker.forget(self.queue)
            self.database.drop()

    def _run(self, writers: list[Any]) -> dict[str, Any]:
        from .outsiders import Colleague, Person

        self._start_workers()
        for worker in self.workers:
            services.wait_until(worker.is_ready, f"worker {worker.name}")
        began = time.monotonic()
        self.go.set()
        sweep = self._thread(self._sweep)
        threads = [self._thread(self._commit, event, began) for event in self.plan.events]
        self.colleague, self.person = Colleague(self.plan, self.vendor), Person(self.plan, self.vendor)
        threads += [self._thread(self.colleague.run, began), self._thread(self.person.run, began)]
        for thread in [*threads, *writers]:
            thread.join()
        self.errors += [f"a writer ended with {process.exitcode}" for process in writers if process.exitcode]
        self.errors += self.colleague.errors + self.person.errors
        healed = self._heal()
        self.over.set()
        sweep.join()
        self._end_workers()
        return self._verify(healed)

    # Everybody.

    def _fork_writers(self) -> list[Any]:
        from django.db import connections

        connections.close_all()
        fork = multiprocessing.get_context("fork")
        self.go = fork.Event()
        processes = [fork.Process(target=self._write, args=(number,)) for number in range(self.plan.writers)]
        for process in processes:
            process.start()
        return processes

    def _write(self, number: int) -> None:
        from .patrons import MIRRORED, PatronWriter
        from .writers import Writer

        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        log = os.open(self.work / f"writer{number}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        self.go.wait()
        kind = PatronWriter if self.plan.mirrored and number in MIRRORED else Writer
        kind(self.plan, number, self._journal(number)).run()

    def _journal(self, number: int) -> Path:
        return self.work / f"journal{number}"

    def _start_workers(self) -> None:
        for (pool, size), clock in zip(self.plan.pools, self.plan.clocks, strict=True):
            self._start_worker(pool, size, clock)

    def _start_worker(self, pool: str, size: int, clock: int) -> None:
        from .workers import Worker

        name = f"worker{len(self.workers)}"
        worker = Worker(name, pool, size, clock, self.work / f"{name}.log")
        worker.start()
        self.workers.append(worker)

    def _sweep(self) -> None:
        """What beat does."""
        from .app import publish

        while not self.over.wait(constants.SWEEP_SECONDS):
            publish(("twocheckout.push_pending", []))

    def _keys(self, **which: Any) -> list[int]:
        from django.db import DatabaseError, InterfaceError, connection

        from django_twocheckout.models import Customer

        try:
            return list(Customer.objects.filter(**which).order_by("pk").values_list("pk", flat=True))
        except (DatabaseError, InterfaceError):
            return []
        finally:
            connection.close()

    # Faults.

    def _commit(self, event: Event, began: float) -> None:
        time.sleep(max(began + event.at - time.monotonic(), 0))
        committed: dict[str, Callable[[Event], None]] = {
            "worker-killed": self._kill_worker,
            "worker-frozen": self._freeze_worker,
            "broker-stopped": self._stop_broker,
            "broker-flushed": lambda event: self.broker.flush(self.queue),
            "database-cut": lambda event: self.database.cut(),
            "database-locked": lambda event: self.database.lock(event.seconds),
            "delivered-twice": self._deliver_twice,
            "account-refused": self._refuse_account,
        }
        committed.get(event.fault, self._trouble_at_the_vendor)(event)

    def _kill_worker(self, event: Event) -> None:
        victims = self._in_the_middle(event.which)
        for worker in victims:
            worker.kill()
        for worker in victims:
            self._start_worker(worker.pool, worker.size, worker.clock)

    def _freeze_worker(self, event: Event) -> None:
        victims = self._in_the_middle(event.which)
        for worker in victims:
            worker.freeze()
        time.sleep(event.seconds)
        for worker in victims:
            worker.thaw()

    def _in_the_middle(self, which: int) -> list[Any]:
        """Wait for a moment at which a customer is being created; the workers that are meant, newest first."""
        until = time.monotonic() + 1
        while not self.vendor.in_flight("POST") and time.monotonic() < until:
            time.sleep(0.002)
        alive = [worker for worker in reversed(self.workers) if worker.is_alive()]
        return alive if which == ALL else alive[which : which + 1]

    def _stop_broker(self, event: Event) -> None:
        self.broker.stop()
        time.sleep(event.seconds)
        self.broker.start()
        # Whether Celery finds its broker again is not tested here: a worker on Redis may stay deaf for ever.
        self._start_workers()

    def _deliver_twice(self, event: Event) -> None:
        from .app import publish

        keys = self._keys()[event.which :: 3]
        pushes = [("twocheckout.push_customer", [key]) for key in keys for _ in range(3)]
        publish(*pushes, ("twocheckout.push_pending", []), ("twocheckout.push_pending", []))

    def _refuse_account(self, event: Event) -> None:
        self.vendor.refused_code = constants.CODES[self.plan.accounts[event.which]]
        time.sleep(event.seconds)
        self.vendor.refused_code = ""

    def _trouble_at_the_vendor(self, event: Event) -> None:
        from django_twocheckout.testing import FAULTS

        if event.seconds:
            with self.vendor.outage(event.fault):
                time.sleep(event.seconds)
            return
        fault: Any = event.fault
        if fault in VENDOR_FAULT_SECONDS:
            fault = replace(FAULTS[fault], delay=VENDOR_FAULT_SECONDS[fault])
        elif fault == "429-retry-after":
            fault = replace(FAULTS[fault], headers={**FAULTS[fault].headers, "Retry-After": "1"})
        self.vendor.fail(fault, event.times, event.method)

    # Healing.

    def _heal(self) -> float:
        """End all faults; return the seconds until all was quiet."""
        self.vendor.heal()
        self.broker.start()
        began = time.monotonic()
        # What a clock that is fast put off, may be put off for so much longer.
        longest = constants.LONGEST_HEALING + (constants.CLOCKS_APART if any(self.plan.clocks) else 0)
        if not any(worker.is_alive() for worker in self.workers):
            self._start_workers()
        try:
            services.wait_until(self._is_quiet, "all quiet", longest)
        except TimeoutError as error:
            self.errors.append(str(error))
        return time.monotonic() - began

    def _end_workers(self) -> None:
        """A pull that still waited at the broker may be going on, so let them finish.

        What such a pull has asked for in turn is worked off here.
        """
        for worker in self.workers:
            worker.end()
        with contextlib.suppress(TimeoutError):
            services.wait_until(lambda: not any(worker.is_alive() for worker in self.workers), "workers ended", 5)
        for worker in self.workers:
            worker.kill()
        try:
            services.wait_until(self._work_off, "quiet without workers", constants.LONGEST_HEALING)
        except TimeoutError as error:
            self.errors.append(str(error))

    def _work_off(self) -> bool:
        from django_twocheckout import sync

        sync.push_pending()
        return self._is_quiet()

    def _is_quiet(self) -> bool:
        from django_twocheckout.models import Ask, Job, MirrorMark, Notification

        waiting = [
            Notification.objects.filter(outcome=""),
            Ask.objects.filter(outcome=""),
            Job.objects.filter(ended_at=None),
            MirrorMark.objects.all(),
        ]
        return self._rows_are_quiet() and not any(rows.exists() for rows in waiting)

    def _rows_are_quiet(self) -> bool:
        from django.db import connection

        from django_twocheckout.models import Customer, database_now

        connection.close()
        busy = Customer.objects.filter(sync_state="pending") | Customer.objects.filter(
            lease_expires_at__gt=database_now()
        )
        time.sleep(0.15)
        return not busy.exists() and not self.vendor.in_flight()

    def _verify(self, healed: float) -> dict[str, Any]:
        from .verify import Journals, Verification

        journals = Journals(self._journal(number) for number in range(self.plan.writers))
        logging.disable(logging.WARNING)  # what the engine tells of its work for us is of no interest
        verification = Verification(
            self.plan, self.vendor, journals, self.colleague.edits, self.colleague.asked + self.person.asked
        )
        requests = len(self.vendor.log)
        findings = verification.check(self.work.glob("*.log"), self.colleague.forged)
        findings.other += self.errors
        if findings:
            self._tell(verification)
        return {
            "seed": self.plan.seed,
            "database": self.plan.database,
            "broker": self.plan.broker,
            "faults": sorted(self.plan.faults),
            "rows": self.plan.rows,
            "requests": requests,
            "faulted": sum(bool(request.fault) for request in self.vendor.requests),
            "edits": len(self.colleague.edits),
            "bursts": self.colleague.bursts,
            "notified": self.colleague.notified,
            "asked": len(self.colleague.asked),
            "jobs": verification.jobs,
            "heal": round(healed, 2),
            "slowest_write": round(journals.slowest, 2),
            "ok": not findings,
            **asdict(findings),
        }

    def _tell(self, verification: Any) -> None:
        """Print the whole run as far as it matters: the schedule, and the way of each row in question."""
        lines = [str(self.plan), f"  again with: {self.plan.command}", f"  logs: {self.work}"]
        for kind, found in asdict(verification.findings).items():
            lines += [f"{kind}: {words}" for words in found]
        for row in sorted(verification.suspects):
            lines.append(f"{row}:")
            lines += [f"  {line}" for line in verification.history(row)]
        sys.stdout.write("\n".join([*lines, ""]))
        sys.stdout.flush()

    def _thread(self, target: Callable[..., None], *arguments: Any) -> threading.Thread:
        def guarded() -> None:
            try:
                target(*arguments)
            except Exception as error:
                self.errors.append(f"the tests' own {target.__name__}: {type(error).__name__}: {error}")
            finally:
                with contextlib.suppress(Exception):
                    from django.db import connections

                    connections.close_all()

        thread = threading.Thread(target=guarded, daemon=True)
        thread.start()
        return thread


if __name__ == "__main__":
    sys.exit(main())
