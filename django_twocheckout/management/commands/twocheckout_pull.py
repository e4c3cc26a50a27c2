"""``manage.py twocheckout_pull``: re-fetches many customers."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import Q
from django.utils import timezone

from ... import sync
from ...managers import CustomerQuerySet
from ...models import Source
from ..terminal import RowsCommand, keys

MOST_DAYS = 36500


class Command(RowsCommand):
    help = (
        "Re-fetch customers from 2Checkout into their rows; what changed only here stays. Ends with 1 if any customer "
        "could not be re-fetched."
    )
    done = "Re-fetched:"
    failed = "customers could not be re-fetched; their history says why."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--all", action="store_true", help="All that 2Checkout is known to have.")
        parser.add_argument("--older-than", type=int, metavar="DAYS", help="Those not re-fetched for so many days.")

    def run(self, customers: CustomerQuerySet) -> None:
        days: int | None = self.options["older_than"]
        if sum(map(bool, (self.options["pks"], self.options["all"], days is not None))) != 1:
            raise CommandError("Give primary keys, or --all, or --older-than DAYS.")
        if days is not None and not 0 <= days <= MOST_DAYS:
            raise CommandError(f"--older-than must be a number of days between 0 and {MOST_DAYS}.")
        if self.options["pks"]:
            wanted = customers.filter(pk__in=self.named(customers))
        else:
            wanted = customers.exclude(customer_reference=None)
        if days is not None:
            wanted = wanted.filter(Q(pulled_at=None) | Q(pulled_at__lt=timezone.now() - timedelta(days=days)))
        if self.options["dry_run"]:
            count = wanted.count()
            count = min(count, self.options["limit"] or count)
            told = json.dumps({"would_pull": count}) if self.options["json"] else f"Would re-fetch: {count}."
            return self.stdout.write(told)
        asked: dict[str, Any] = {"database": self.database, "source": Source.COMMAND}
        return self.work(wanted, partial(sync.pull_each, sync.Keys(keys(wanted)), **asked))
