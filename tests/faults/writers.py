"""Our side under fault: processes that save the same rows in every way there is, and keep a journal of what they wrote.

Each pushed field has one owner among the writers, while the rows are everybody's: a stale instance of one writer meets
what the others and the engine wrote. Half of the writers are strangers: half of their writes are those of tools that
write whole rows, see :mod:`.strangers`. The journal has the moments between which each write was committed, so the last
one is known.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db import DatabaseError, InterfaceError, connection, transaction

from django_twocheckout.models import Customer

from . import constants
from .schedule import Plan
from .strangers import Strangers, values_of

#: In every value, so that a log that has one of them gives itself away.
MARK = "zqxv"
OWNED = [("city", "phone"), ("fax", "state"), ("zip", "last_name"), ("company", "first_name")]
#: Writers that also write as other tools do.
STRANGERS = (1, 3)
#: May be erased; the others are required over there.
OPTIONAL = frozenset({"phone", "fax", "state"})
#: No writer changes these after the row was created, but tools bring back what was there earlier.
UNTOUCHED = ("address1", "email")

REFUSED = "INVALID"


def tag(number: int) -> str:
    """Stands in ``address2``, here and over there, and never changes: by it a row is known."""
    return f"row {number:03}"


def account_of(plan: Plan, number: int) -> str:
    """The account of this row."""
    return plan.accounts[number // 4 % len(plan.accounts)]


def kept_from_tools(row: str) -> bool:
    """Whether no tool writes this row. What a colleague changes over there must be found in such rows."""
    return int(row.split()[1]) % 3 == 0


class RolledBack(Exception):
    pass


class Writer:
    """One process. Survives what an application survives: a write that the database did not take is tried again."""

    def __init__(self, plan: Plan, number: int, journal: Path) -> None:
        self.plan, self.number = plan, number
        self.chance = random.Random(f"{plan.seed} {number}")
        self.owned = OWNED[number]
        self.made = 0
        self.kept: list[Customer] = []
        # A tool brings back whole customers, and a mirror what its object changed: neither is the last for sure.
        self.tools = Strangers(self.chance) if number in STRANGERS and not plan.mirrored else None
        self.journal = journal.open("w")
        self.began = time.monotonic()

    def run(self) -> None:
        mine = [number for number in range(self.plan.rows) if number % self.plan.writers == self.number]
        self.create(mine[: len(mine) // 3], at_once=True)
        later = mine[len(mine) // 3 :]
        until = self.began + constants.FAULT_SECONDS
        repaired = spoilt = self.number != 2
        pace = constants.FAULT_SECONDS * 0.9 / len(later)
        while (now := time.monotonic()) < until or later:
            if later and now > until - pace * len(later):
                fresh = later.pop()
                self.create([fresh], at_once=False)
                time.sleep(self.chance.uniform(0, 0.2))
                self.change_reference(self.key(fresh))
            elif not repaired and now > until - constants.FAULT_SECONDS * 0.4:
                repaired = self.set_fiscal_code(self.plan.refused[1], f"RO{MARK}")
            elif not spoilt and now > until - constants.FAULT_SECONDS * 0.5:
                spoilt = self.set_fiscal_code(self.plan.refused[2], REFUSED)
            else:
                self.write_something()
            # Calmer towards the end, so that what comes last finds rows at rest, and has to wake somebody by itself.
            slower = 4 if now > until - constants.FAULT_SECONDS * 0.25 else 1
            time.sleep(self.chance.uniform(0.02, 0.12) * slower)
        while not (repaired and spoilt):  # the rows may have come late
            repaired = repaired or self.set_fiscal_code(self.plan.refused[1], f"RO{MARK}")
            spoilt = spoilt or self.set_fiscal_code(self.plan.refused[2], REFUSED)
            time.sleep(0.1)
        self.journal.close()

    # Ways to write.

    def create(self, numbers: list[int], *, at_once: bool) -> None:
        new = [self.new_customer(number) for number in numbers]
        tags = [customer.address2 for customer in new]

        def write() -> None:
            # Asked first, for a try that ended in an error may have been committed.
            if Customer.objects.filter(address2__in=tags).exists():
                return
            if at_once:
                Customer.objects.bulk_create(new)
            else:
                new[0].save(force_insert=True)

        self.insist(write, [value for customer in new for value in values_of(customer)], "created")

    def new_customer(self, number: int) -> Customer:
        refused = number in self.plan.refused[:2]
        return Customer(
            account=account_of(self.plan, number),
            first_name=self.value(),
            last_name=self.value(),
            company=self.value() if number in self.plan.refused else "",
            fiscal_code=REFUSED if refused else "",
            address1=self.value(),
            address2=tag(number),
            city=self.value(),
            zip=self.value(),
            country_code=self.chance.choice(["GB", "RO", "de"]),
            phone=self.value(),
            email=f"{self.value()}@example.org",
            language="en",
        )

    def write_something(self) -> None:
        keys = self.keys()
        if not keys:
            return
        if self.tools and self.chance.random() < 0.5:
            self.write_as_a_tool(self.tools, self.chance.choice(keys))
            return
        ways = [self.save, self.save_stale, self.update, self.update_in_bulk, self.save_twice, self.burst]
        ways += [self.roll_back, self.change_reference]
        way = self.chance.choices(ways, [30, 25, 15, 5, 8, 6, 6, 3])[0]
        way(self.chance.choice(keys))

    def write_as_a_tool(self, tools: Strangers, pk: int) -> None:
        """Bring back another row as it was, or save an old value, or claim that a change was pushed already."""
        customer = self.load(pk)
        if customer is None:
            return
        if not kept_from_tools(customer.address2):
            tools.keep(customer)
        way = self.chance.choices([self.bring_back, self.revert_field, self.lie], [3, 1, 1])[0]
        way(tools, customer)

    def bring_back(self, tools: Strangers, customer: Customer) -> None:
        if found := tools.write():
            write, values = found
            self.insist(write, values)

    def lie(self, tools: Strangers, customer: Customer) -> None:
        name, value = self.owned[0], self.value()
        lies = {"sync_state": "synced", "acknowledged": {}, "in_doubt": [], "lease_expires_at": None, name: value}
        rows = Customer.objects.filter(pk=customer.pk)
        self.insist(lambda: rows.update(**lies), [(customer.address2, name, value)])

    def revert_field(self, tools: Strangers, customer: Customer) -> None:
        name = self.chance.choice(self.owned)
        earlier = [getattr(old, name) for old in tools.stale if old.pk == customer.pk]
        value = self.chance.choice(earlier or [""])
        if not value or value == getattr(customer, name):
            return  # save() writes only what was changed
        setattr(customer, name, value)
        self.insist(customer.save, [(customer.address2, name, value)])

    def save(self, pk: int) -> None:
        customer = self.load(pk)
        if customer:
            self.change_and_save(customer, self.chance.choice(self.owned))

    def save_stale(self, pk: int) -> None:
        """Save an instance that was loaded long ago, or read a while ago and kept."""
        if self.kept:
            self.change_and_save(self.chance.choice(self.kept), self.chance.choice(self.owned))

    def burst(self, pk: int) -> None:
        customer = self.load(pk)
        for _ in range(5 if customer else 0):
            self.change_and_save(customer, self.owned[0])

    def change_and_save(self, customer: Any, name: str) -> None:
        setattr(customer, name, self.value())
        named = {"update_fields": [name]} if self.chance.random() < 0.2 else {}
        self.insist(lambda: customer.save(**named), [(customer.address2, name, getattr(customer, name))])

    def save_twice(self, pk: int) -> None:
        customer = self.load(pk)
        if not customer:
            return

        def write() -> None:
            with transaction.atomic():
                for name in self.owned:
                    setattr(customer, name, values[name])
                    customer.save()

        values = {name: self.value() for name in self.owned}
        self.insist(write, [(customer.address2, name, value) for name, value in values.items()])

    def update(self, pk: int) -> None:
        customer, name = self.load(pk), self.chance.choice(self.owned)
        if not customer:
            return
        # Only here is a field erased: a stale instance with a blank would not see that blank again is a change.
        value = "" if name in OPTIONAL and self.chance.random() < 0.2 else self.value()
        self.insist(lambda: Customer.objects.filter(pk=pk).update(**{name: value}), [(customer.address2, name, value)])

    def update_in_bulk(self, pk: int) -> None:
        customers, name = [c for c in map(self.load, {pk, *self.keys()[:2]}) if c], self.owned[1]
        for customer in customers:
            setattr(customer, name, self.value())
        written = [(customer.address2, name, getattr(customer, name)) for customer in customers]
        self.insist(lambda: Customer.objects.bulk_update(customers, [name]), written)

    def roll_back(self, pk: int) -> None:
        customer, name = self.load(pk), self.owned[0]
        if not customer:
            return
        setattr(customer, name, self.value())
        self.note("rolled back", [(customer.address2, name, getattr(customer, name))])
        try:
            with transaction.atomic():
                customer.save()
                raise RolledBack
        except (RolledBack, DatabaseError, InterfaceError):
            connection.close()
        self.kept = [kept for kept in self.kept if kept is not customer]

    def change_reference(self, pk: int | None) -> None:
        """Our own reference may change too, perhaps while it is unknown whether 2Checkout has the customer already."""
        customer = self.load(pk)
        if not customer or self.number != 0 or self.chance.random() < 0.5:
            return
        name = "external_customer_reference"
        value = f"dj-{self.value()}"
        self.insist(lambda: Customer.objects.filter(pk=pk).update(**{name: value}), [(customer.address2, name, value)])

    def set_fiscal_code(self, number: int, value: str) -> bool:
        try:
            customer = Customer.objects.filter(address2=tag(number)).first()
        except (DatabaseError, InterfaceError):
            customer = connection.close()
        if customer is None:
            return False
        customer.fiscal_code = value
        self.insist(customer.save, [(customer.address2, "fiscal_code", value)])
        return True

    # What they share.

    def value(self) -> str:
        self.made += 1
        return f"{MARK}{self.number}x{self.made}"

    def keys(self) -> list[int]:
        try:
            return list(Customer.objects.values_list("pk", flat=True))
        except (DatabaseError, InterfaceError):
            connection.close()
            return []

    def key(self, number: int) -> int | None:
        try:
            return Customer.objects.values_list("pk", flat=True).get(address2=tag(number))
        except (DatabaseError, InterfaceError):
            return connection.close()

    def read(self, pk: int | None) -> Customer | None:
        try:
            return Customer.objects.filter(pk=pk).first()
        except (DatabaseError, InterfaceError):
            return connection.close()

    def load(self, pk: int | None) -> Customer | None:
        customer = self.read(pk)
        if customer is None:
            return None
        if self.chance.random() < 0.5:
            self.kept = [*self.kept[-19:], customer]
        return customer

    def insist(self, write: Callable[[], Any], values: list[tuple[str, str, str]], state: str = "committed") -> None:
        """Write until the database has taken it, as an application would; then it is certain what was committed."""
        first = time.monotonic()
        while True:
            began = time.monotonic()
            try:
                write()
            except (DatabaseError, InterfaceError) as error:
                connection.close()
                if time.monotonic() > first + 60:
                    return self.note("uncertain", values, began=first, error=str(error))
                time.sleep(0.05)
            else:
                ended = time.monotonic()
                return self.note(state, values, began=first, ended=ended, seconds=ended - began)

    def note(self, state: str, values: list[tuple[str, str, str]], **more: Any) -> None:
        self.journal.write(json.dumps({"state": state, "values": values, **more}) + "\n")
        self.journal.flush()
