"""The whole engine under random orders of events: saves, stale saves, edits at the vendor, faults, workers that die.

Hypothesis chooses; whatever it chooses, no customer is there twice, no row is stuck, and no newest value is lost.
"""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from django_twocheckout import sync
from django_twocheckout.engine import claims, reconcile
from django_twocheckout.engine.batch import finish
from django_twocheckout.engine.clients import current_client
from django_twocheckout.engine.guard import run_guarded
from django_twocheckout.exceptions import TwoCheckoutError
from django_twocheckout.merge import normalise
from django_twocheckout.models import Account, Customer, Verb
from django_twocheckout.wire import to_wire

from ..clock import overdue, retries_come_due
from ..customers import ADA, claim_of

WIRE = {"city": "City", "fax": "Fax", "phone": "Phone"}


FAULTS = ["500", "500-after-commit", "reset", "reset-after-commit", "not-json", "false", "html-404", "401", "429"]


row_numbers = st.integers(0, 1)


fields = st.sampled_from(sorted(WIRE))


faults = st.sampled_from([None, None, *FAULTS])


methods = st.sampled_from([None, "PUT"])


class Machine(RuleBasedStateMachine):
    """Two rows and the vendor, with a model of which values may stand in a field once all is quiet."""

    vendor = None

    def __init__(self):
        super().__init__()
        for customer in self.vendor.customers:
            self.vendor.forget(customer["CustomerReference"])
        Customer.objects.all().delete()
        Account.objects.all().delete()
        self.made = 0
        self.kept: list[Customer] = []
        self.flying: dict = {}
        self.keys: list = []
        #: What may stand in the field when all is quiet.
        self.admissible: dict = {}
        #: Whether we, or a colleague there, changed the field since the two sides were last known to be in step.
        self.changed_here: dict = {}
        self.changed_there: dict = {}

    @initialize()
    def sign_up(self):
        for number in range(2):
            customer = Customer.objects.create(**ADA, address2=f"row {number}")
            self.keys.append(customer.pk)
            self.kept.append(customer)
            for name in WIRE:
                self.admissible[customer.pk, name] = {getattr(customer, name)}
                self.changed_here[customer.pk, name] = self.changed_there[customer.pk, name] = False

    # What a project does.

    def value(self, prefix=""):
        self.made += 1
        return f"{prefix}{self.made}"

    def note(self, pk, name, value):
        self.admissible[pk, name] = {value}
        self.changed_here[pk, name] = True

    def note_nothing_new(self, pk, name):
        """For us nothing has changed where what was written is what was acknowledged, so their edit may live."""
        row, theirs = Customer.objects.get(pk=pk), self.theirs(pk)
        if self.changed_there[pk, name] and theirs and row.acknowledged.get(name) == getattr(row, name):
            self.admissible[pk, name].add(theirs[WIRE[name]])

    @rule(number=row_numbers, name=fields, keep=st.booleans())
    def save(self, number, name, keep):
        customer = Customer.objects.get(pk=self.keys[number])
        setattr(customer, name, self.value())
        customer.save()
        self.note(customer.pk, name, getattr(customer, name))
        if keep:
            self.kept.append(customer)

    @rule(number=row_numbers, name=fields)
    def save_the_acknowledged_value_again(self, number, name):
        customer = Customer.objects.get(pk=self.keys[number])
        if name not in customer.acknowledged:
            return
        setattr(customer, name, customer.acknowledged[name])
        customer.save()
        self.note(customer.pk, name, getattr(customer, name))
        self.note_nothing_new(customer.pk, name)

    @rule(number=st.integers(0, 5), name=fields, touch=st.booleans(), named=st.booleans())
    def save_stale_instance(self, number, name, touch, named):
        customer = self.kept[number % len(self.kept)]
        if touch:
            setattr(customer, name, self.value())
        if touch or named:  # what is named is written, however old it is
            self.note(customer.pk, name, getattr(customer, name))
        customer.save(**({"update_fields": [name]} if named else {}))
        if named and not touch:
            self.note_nothing_new(customer.pk, name)

    @rule(number=row_numbers, name=fields)
    def update_in_bulk(self, number, name):
        value = self.value()
        Customer.objects.filter(pk=self.keys[number]).update(**{name: value})
        self.note(self.keys[number], name, value)

    @rule(number=row_numbers)
    def change_reference(self, number):
        customer = Customer.objects.get(pk=self.keys[number])
        customer.external_customer_reference = self.value("dj-x")
        customer.save()

    @rule(number=row_numbers, refused=st.booleans())
    def change_fiscal_code(self, number, refused):
        customer = Customer.objects.get(pk=self.keys[number])
        customer.company, customer.fiscal_code = "Engines", "INVALID" if refused else self.value("RO")
        customer.save()

    # What a colleague at the vendor does.

    @rule(number=row_numbers, name=fields)
    def edit_there(self, number, name):
        pk = self.keys[number]
        theirs = self.theirs(pk)
        if theirs is None:
            return
        value = self.value("there ")
        self.changed_there[pk, name] = True
        self.vendor.edit(theirs["CustomerReference"], **{WIRE[name]: value})
        if self.changed_here[pk, name]:
            self.admissible[pk, name] |= {value, getattr(Customer.objects.get(pk=pk), name)}  # a conflict, or not yet
        else:
            self.admissible[pk, name] = {value}

    # What workers do, and what befalls them.

    @rule(number=row_numbers, fault=faults, method=methods)
    def push(self, number, fault, method):
        self.with_fault(fault, method, sync.push, Customer.objects.get(pk=self.keys[number]))

    @rule(number=row_numbers, fault=faults)
    def pull(self, number, fault):
        with contextlib.suppress(TwoCheckoutError):
            self.with_fault(fault, None, sync.pull, Customer.objects.get(pk=self.keys[number]))

    @rule(fault=faults)
    def sweep(self, fault):
        self.time_passes()
        self.with_fault(fault, None, sync.push_pending)

    @rule(number=row_numbers, fault=faults, method=methods, act=st.sampled_from(["push", "pull", None]))
    def take_off(self, number, fault, method, act):
        pk = self.keys[number]
        if pk in self.flying:
            return
        claim = claim_of(Customer.objects.get(pk=pk), Verb.PULL if act == "pull" else Verb.PUSH)
        act_on = act and getattr(reconcile, act)
        outcome = self.with_fault(fault, method, run_guarded, act_on, claim, current_client("default")) if act else None
        self.flying[pk] = (act, claim, outcome)

    @precondition(lambda self: self.flying)
    @rule(number=row_numbers, dies=st.booleans())
    def land(self, number, dies):
        pk = sorted(self.flying)[number % len(self.flying)]
        act, claim, outcome = self.flying.pop(pk)
        if dies:
            Customer.objects.filter(pk=pk).update_unmarked(lease_expires_at=overdue())
        elif act is None:
            claims.release([claim])
        else:
            finish([(claim, outcome)])

    def with_fault(self, fault, method, act, *arguments):
        if fault:
            self.vendor.fail(fault, method=method)
        try:
            return act(*arguments)
        finally:
            self.vendor.heal()

    # What must hold.

    def theirs(self, pk):
        tag = f"row {self.keys.index(pk)}"
        found = [customer for customer in self.vendor.customers if customer["Address2"] == tag]
        assert len(found) <= 1, "a customer is there twice"
        return found[0] if found else None

    @invariant()
    def each_row_tells_the_truth(self):
        for pk in self.keys:
            row, theirs = Customer.objects.get(pk=pk), self.theirs(pk)
            assert row.sync_state != "failed" or row.sync_error
            assert row.sync_state != "synced" or theirs
            if row.sync_state == "synced" and not row.in_doubt and pk not in self.flying:
                for name in WIRE:
                    self.changed_here[pk, name] = False
                    if (theirs[WIRE[name]] or "") == getattr(row, name):
                        assert getattr(row, name) in self.admissible[pk, name], f"{name} is lost"
                        self.admissible[pk, name] = {getattr(row, name)}
                        self.changed_there[pk, name] = False
                    else:
                        assert self.changed_there[pk, name], f"{name} differs, and is not known to"

    def teardown(self):
        """All faults end, all leases run out, and the sweep comes by."""
        self.vendor.heal()
        Customer.objects.exclude(lease_expires_at=None).update_unmarked(lease_expires_at=overdue())
        self.sweeps()
        assert not Customer.objects.filter(sync_state="pending").exists()
        assert not Customer.objects.filter(sync_state="failed", sync_error="").exists()
        for customer in Customer.objects.filter(sync_state="failed"):
            customer.fiscal_code = ""
            customer.save()
        self.sweeps()
        for pk in self.keys:
            row = sync.push(sync.pull(Customer.objects.get(pk=pk)))
            theirs = self.theirs(pk)
            assert (row.sync_state, row.in_doubt, row.lease_expires_at) == ("synced", [], None)
            assert row.customer_reference == theirs["CustomerReference"]
            for name, ours in to_wire(vars(row)).items():
                assert normalise(name, ours) == normalise(name, theirs[name])
            for name in WIRE:
                assert getattr(row, name) in self.admissible[pk, name], f"{name} is lost"

    def sweeps(self):
        for _ in range(3):
            self.time_passes()
            sync.push_pending()

    def time_passes(self):
        """Every retry comes due, and every pause of the account is over."""
        retries_come_due()
        Account.objects.exclude(open_until=None).update(open_until=overdue())


@pytest.mark.timeout(300)
@pytest.mark.django_db(transaction=True)
def test_machine(twocheckout, configure):
    configure(PUSH_ON_SAVE=False, TIMEOUT=5)
    Machine.vendor = twocheckout
    run_state_machine_as_test(Machine, settings=hypothesis_settings(max_examples=20, stateful_step_count=30))
