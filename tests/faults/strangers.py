"""The ways in which tools of a project write our rows past ``save()``: dumps, imports, reverts, bulk writes.

They write whole rows, the engine's columns included, with values from some while ago. So each of them is the last to
have written every field of its row.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from copy import copy
from typing import Any

from django.core import serializers
from django.db import connection, transaction

from django_twocheckout.models import Customer

#: What a tool takes for the row's columns.
ALL = [field.name for field in Customer._meta.concrete_fields if not field.primary_key]
PUSHED = sorted(Customer.PUSHED_FIELDS)

Values = list[tuple[str, str, str]]
#: A write, and the values that it leaves in the rows.
Write = tuple[Callable[[], Any], Values]


class Strangers:
    """One writer's tools, with the versions of rows that they keep."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        #: Rows as they were once, as dumps and as instances. Nobody else has these instances, and nobody changes them.
        self.dumps: list[tuple[str, Values]] = []
        self.stale: list[Customer] = []

    def keep(self, customer: Customer) -> None:
        """Keep this version of the row, for :meth:`write` to bring it back later."""
        self.dumps = [*self.dumps[-29:], (serializers.serialize("json", [customer]), values_of(customer))]
        self.stale = [*self.stale[-29:], copy(customer)]

    def write(self) -> Write | None:
        """Bring back a version of a row, in one of the ways; None while none is kept."""
        if not self.stale:
            return None
        way = self.chance.choice([self.load_dump, self.revert, self.update_in_bulk, self.import_rows])
        return way()

    def load_dump(self) -> Write:
        """As a package that deserializes and saves, without a transaction."""
        dump, values = self.chance.choice(self.dumps)

        def write() -> None:
            for read in serializers.deserialize("json", dump):
                read.save()

        return write, values

    def revert(self) -> Write:
        """As ``loaddata`` and django-reversion do it, in a transaction."""
        dump, values = self.chance.choice(self.dumps)

        def write() -> None:
            with transaction.atomic():
                for read in serializers.deserialize("json", dump):
                    read.save()

        return write, values

    def update_in_bulk(self) -> Write:
        stale = self.chance.choice(self.stale)
        return lambda: Customer.objects.bulk_update([stale], ALL), values_of(stale)

    def import_rows(self) -> Write:
        """As an import does that creates or updates."""
        stale = self.chance.choice(self.stale)
        unique = ["pk"] if connection.features.supports_update_conflicts_with_target else None
        return (
            lambda: Customer.objects.bulk_create(
                [stale], update_conflicts=True, update_fields=ALL, unique_fields=unique
            ),
            values_of(stale),
        )


def values_of(customer: Customer) -> Values:
    """The values of the row's fields, in the one spelling that a row has."""
    return [(customer.address2, name, _spelt(name, getattr(customer, name))) for name in PUSHED]


def _spelt(name: str, value: str) -> Any:
    return Customer._meta.get_field(name).get_prep_value(value)
