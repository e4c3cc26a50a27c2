"""Those who ask for customers while everything fails: a colleague at 2Checkout's control panel, and a person here.

What the colleague changes is told by bursts. In half of the schedules these are signed notifications to the endpoint,
sent again until they are received, with forged ones among them. In the others each asks for a pull itself. The person
starts jobs on many customers, and stops some of them.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from django.db import DatabaseError, InterfaceError, connection
from django.test import Client
from django.urls import reverse

from django_twocheckout.engine import asks
from django_twocheckout.flows import jobs
from django_twocheckout.models import Customer, Job, Source, Verb

from . import constants
from .app import publish
from .schedule import Plan
from .vendor import WatchedVendor
from .verify import WIRE, Asked, Edit
from .writers import MARK, UNTOUCHED, account_of, tag

T = TypeVar("T")

#: The fewest bursts of notifications in a run, and how many at once tell of the same customers, how often each.
BURSTS, TELLERS, TIMES = 20, 3, 2
#: PostgreSQL's code, and MariaDB's, for a deadlock.
DEADLOCKS = ("40P01", 1213)


class Outsider:
    def __init__(self, plan: Plan, vendor: WatchedVendor) -> None:
        self.plan, self.vendor = plan, vendor
        self.chance = random.Random(f"{plan.seed} {type(self).__name__}")
        self.asked: list[Asked] = []
        self.errors: list[str] = []

    def insist(self, work: Callable[[], T]) -> T:
        """Do it until the database has taken it. Asking must wait for nobody, so a deadlock is an error."""
        until = time.monotonic() + 60
        while True:
            try:
                return work()
            except (DatabaseError, InterfaceError) as error:
                cause = error.__cause__
                if getattr(cause, "sqlstate", None) in DEADLOCKS or error.args[:1] == (DEADLOCKS[1],):
                    self.errors.append(f"{type(self).__name__}: a deadlock")
                connection.close()
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)

    def keys(self, rows: Sequence[str] | None = None) -> dict[int, str]:
        """The rows by their keys: these, or all."""
        customers = Customer.objects.order_by("pk") if rows is None else Customer.objects.filter(address2__in=rows)
        return dict(self.insist(lambda: list(customers.values_list("pk", "address2"))))


class NewClients:
    """A test client for several threads at once."""

    def post(self, path: str, **options: Any) -> Any:
        return Client().post(path, **options)


class Colleague(Outsider):
    """Edits customers at 2Checkout. Some edits are told by notifications, some rows are re-fetched by a task."""

    def __init__(self, plan: Plan, vendor: WatchedVendor) -> None:
        super().__init__(plan, vendor)
        self.edits: list[Edit] = []
        self.bursts = 0
        #: Notifications that got their receipts, and forged ones that were refused.
        self.notified = self.forged = 0
        self.counting = threading.Lock()
        vendor.project_client = NewClients()
        vendor.project_path = lambda kind, account: reverse(
            f"twocheckout:{kind}", args=[account] if account != "default" else []
        )

    def run(self, began: float) -> None:
        telling: list[Future[None]] = []
        with ThreadPoolExecutor(constants.NOTIFIERS) as tellers:
            while time.monotonic() < began + constants.FAULT_SECONDS or self.bursts < BURSTS:
                time.sleep(self.chance.uniform(0.05, 0.2))
                rows = [row for row in (self.edit() for _ in range(self.chance.choice([1, 1, 2, 4]))) if row]
                way = self.chance.random()
                if not rows or way > 0.7:
                    continue
                if way < 0.2:
                    publish(*(("twocheckout.pull_customer", [key]) for key in self.keys(rows)))
                    continue
                self.bursts += 1
                telling += [
                    tellers.submit(self.notify if self.plan.notified else self.tell, rows) for _ in range(TELLERS)
                ]
        for one in telling:
            one.result()

    def edit(self) -> str | None:
        """Change a field of a customer that is there; returns the row."""
        refused = {tag(number) for number in self.plan.refused}
        there = [theirs for theirs in self.vendor.customers if theirs["Address2"] not in refused]
        if not there:
            return None
        theirs = self.chance.choice(there)
        name = self.chance.choice([*UNTOUCHED, *UNTOUCHED, "phone", "state"])
        value = f"{MARK}there{len(self.edits)}" + ("@example.org" if name == "email" else "")
        before = time.monotonic()
        self.vendor.edit(theirs["CustomerReference"], **{WIRE[name]: value})
        self.edits.append(Edit(theirs["Address2"], name, value, before, time.monotonic()))
        return str(theirs["Address2"])

    def tell(self, rows: list[str]) -> None:
        """What the view for notifications does, in a thread of a web server."""
        try:
            for _ in range(TIMES):
                keys = self.keys(rows)
                began = time.monotonic()
                self.insist(partial(asks.ask, Verb.PULL, Customer.objects.all(), keys, source=Source.CODE))
                self.asked.append(Asked(list(keys.values()), began, time.monotonic()))
        finally:
            connection.close()

    def notify(self, rows: list[str]) -> None:
        """What 2Checkout does: one notification for each change, and again until it gets its receipt."""
        try:
            for number in range(TIMES):
                for row in rows:
                    self.notify_of(row, number)
        finally:
            connection.close()

    def notify_of(self, row: str, number: int) -> None:
        theirs = next((theirs for theirs in self.vendor.customers if theirs["Address2"] == row), None)
        if theirs is None:
            return
        account = account_of(self.plan, int(row.split()[1]))
        kind, reference = ("LCN" if number % 2 else "IPN"), theirs["CustomerReference"]
        forged = self.vendor.notify(kind, reference, account=account, wrong_signature=True)
        if forged.status != 400:
            self.errors.append(f"a forged notification was answered {forged.status}")
        began = time.monotonic()
        sent = self.vendor.notify(kind, reference, account=account)
        until = began + 60
        while not sent.received and time.monotonic() < until:
            if sent.status != 503:
                self.errors.append(f"a notification was answered {sent.status}")
            connection.close()
            time.sleep(0.05)
            began = time.monotonic()
            sent = self.vendor.notify_again(sent, account=account)
        if not sent.received:
            self.errors.append("a notification was not received within a minute")
        self.asked.append(Asked([row], began, time.monotonic(), notified=True))
        with self.counting:
            self.forged += 1
            self.notified += 1


class Person(Outsider):
    """Starts jobs: one that runs, one that is stopped and goes on, one that stays stopped, and one late."""

    #: When each job begins, as a part of the time of faults.
    MOMENTS = (0.2, 0.4, 0.6, 0.9)

    def run(self, began: float) -> None:
        plays = [self.let_run, self.stop_and_go_on, self.stop, self.let_run]
        for moment, play in zip(self.MOMENTS, plays, strict=True):
            time.sleep(max(began + moment * constants.FAULT_SECONDS - time.monotonic(), 0))
            play()

    def begin(self, verb: Verb, keys: dict[int, str]) -> Job:
        return self.insist(lambda: jobs.begin(verb, list(keys), user=7))

    def let_run(self) -> None:
        keys, began = self.keys(), time.monotonic()
        self.begin(Verb.PULL, keys)
        self.asked.append(Asked(list(keys.values()), began, time.monotonic()))

    def stop_and_go_on(self) -> None:
        keys, began = self.keys(), time.monotonic()
        verb = self.chance.choice([Verb.PUSH, Verb.PULL])
        job = self.begin(verb, keys)
        time.sleep(self.chance.uniform(0, 0.5))
        self.insist(lambda: jobs.stop(job))
        time.sleep(self.chance.uniform(0.2, 1))
        self.insist(lambda: jobs.go_on(job))
        if verb is Verb.PULL:
            self.asked.append(Asked(list(keys.values()), began, time.monotonic()))

    def stop(self) -> None:
        job = self.begin(self.chance.choice([Verb.PUSH, Verb.PULL]), self.keys())
        time.sleep(self.chance.uniform(0, 0.3))
        self.insist(lambda: jobs.stop(job))
