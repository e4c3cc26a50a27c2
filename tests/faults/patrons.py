"""Writers who save the project's own objects, whose customers are mirrored: half of the writers in half of the seeds.

They write their fields into the objects, while the others write theirs into the same rows' customers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import DatabaseError, InterfaceError, connection, transaction

from django_twocheckout.models import Customer

from ..shop.models import Patron
from .strangers import PUSHED, Values, values_of
from .writers import RolledBack, Writer

#: The numbers of the writers.
MIRRORED = (0, 2)


class PatronWriter(Writer):
    """Saves patrons. Rows that another writer made as customers have no patron, and are written as customers."""

    def create(self, numbers: list[int], *, at_once: bool) -> None:
        new = [self.new_patron(number) for number in numbers]
        tags = [patron.address2 for patron in new]

        def write() -> None:
            if Patron.objects.filter(address2__in=tags).exists():
                return
            if at_once:
                Patron.objects.bulk_create(new)  # the sweep makes the customers
            else:
                new[0].customer = new[0].pk = None  # what a try that failed has left
                new[0].save(force_insert=True)

        values = [value for patron in new for value in values_of_patron(patron)]
        self.insist(write, values, "created")

    def new_patron(self, number: int) -> Patron:
        values = vars(super().new_customer(number))
        names = {field.name for field in Patron._meta.concrete_fields} & Customer.PUSHED_FIELDS
        return Patron(merchant=values["account"], **{name: values[name] for name in names})

    def load(self, pk: int | None) -> Any:
        try:
            patron = Patron.objects.filter(customer_id=pk).first()
        except (DatabaseError, InterfaceError):
            return connection.close()
        if patron is None:
            return super().load(pk)
        if self.chance.random() < 0.5:
            self.kept = [*self.kept[-19:], patron]
        return patron

    def change_and_save(self, customer: Any, name: str) -> None:
        if not isinstance(customer, Patron):
            return super().change_and_save(customer, name)
        setattr(customer, name, self.value())
        write = saving(customer, [name])  # another writer's fields may be old in this instance
        return self.insist(write, [(customer.address2, name, getattr(customer, name))])

    def save_twice(self, pk: int) -> None:
        patron = self.load(pk)
        if not isinstance(patron, Patron):
            return
        values = {name: self.value() for name in self.owned}

        def write() -> None:
            with transaction.atomic():
                for name in self.owned:
                    setattr(patron, name, values[name])
                    patron.save(update_fields=[name])

        self.insist(write, [(patron.address2, name, value) for name, value in values.items()])

    def update(self, pk: int) -> None:
        patron, name, value = self.load(pk), self.chance.choice(self.owned), self.value()
        if patron is not None:
            rows = type(patron)._default_manager.filter(pk=patron.pk)
            self.insist(lambda: rows.update(**{name: value}), [(patron.address2, name, value)])

    def update_in_bulk(self, pk: int) -> None:
        patrons, name = [p for p in map(self.load, {pk, *self.keys()[:2]}) if isinstance(p, Patron)], self.owned[1]
        for patron in patrons:
            setattr(patron, name, self.value())
        written = [(patron.address2, name, getattr(patron, name)) for patron in patrons]
        self.insist(lambda: Patron.objects.bulk_update(patrons, [name]), written)

    def roll_back(self, pk: int) -> None:
        patron, name = self.load(pk), self.owned[0]
        if not isinstance(patron, Patron):
            return
        setattr(patron, name, self.value())
        self.note("rolled back", [(patron.address2, name, getattr(patron, name))])
        try:
            with transaction.atomic():
                patron.save(update_fields=[name])
                raise RolledBack
        except (RolledBack, DatabaseError, InterfaceError):
            connection.close()
        self.kept = [kept for kept in self.kept if kept is not patron]

    def change_reference(self, pk: int | None) -> None:
        """The mirror does not say it, so it is the customer's alone."""
        if self.number == 0 and self.chance.random() < 0.5:
            customer = self.read(pk)  # not kept: saved later, it would race with what the mirror has yet to write
            if customer is not None:
                self.set_reference(customer)

    def set_reference(self, customer: Customer) -> None:
        name, value = "external_customer_reference", f"dj-{self.value()}"
        self.note("known", [(customer.address2, name, str(customer.external_customer_reference))])
        rows = Customer.objects.filter(pk=customer.pk)
        self.insist(lambda: rows.update(**{name: value}), [(customer.address2, name, value)])


def saving(patron: Patron, names: list[str]) -> Callable[[], None]:
    return lambda: patron.save(update_fields=names)


def values_of_patron(patron: Patron) -> Values:
    """What the patron's customer will have."""
    names = [name for name in PUSHED if hasattr(patron, name)]
    customer = Customer(**{name: getattr(patron, name) for name in names})
    return [value for value in values_of(customer) if value[1] in names]
