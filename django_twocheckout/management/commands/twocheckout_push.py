"""``manage.py twocheckout_push``: the sweep for cron or a shell, and a shell's door to retry, verify and preview."""

from __future__ import annotations

import json
from functools import partial
from itertools import chain, islice
from typing import Any

from django.core.management.base import CommandError, CommandParser

from ... import sync
from ...flows.many import KeySource
from ...flows.plan import plans
from ...flows.push import unmarked_changes
from ...models import CustomerQuerySet, Presence, Source, SyncState
from ..base import RowsCommand, keys


class Command(RowsCommand):
    help = (
        "Push customers to 2Checkout: those that are due, or the given ones whatever their state. Ends with 1 if any "
        "customer failed or the account is paused. What could not be pushed now is retried by itself."
    )
    done = "Pushed:"
    failed = "customers failed; their rows say why."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--all", action="store_true", help="Also the failed ones, and those whose next try is still to come."
        )
        parser.add_argument(
            "--verify",
            action="store_true",
            help="First look through the synced ones for values that 2Checkout never got, as raw SQL leaves them.",
        )

    def run(self, customers: CustomerQuerySet) -> None:
        named, every = self.options["pks"], self.options["all"]
        if named and (every or self.options["verify"]):
            raise CommandError("Give primary keys, or --all or --verify, not both.")
        asked: dict[str, Any] = {"database": self.database, "source": Source.COMMAND}
        if self.options["verify"] and not self.options["dry_run"]:
            unmarked = islice(unmarked_changes(customers), self.options["limit"])
            found = sum(customers.filter(pk=pk).mark_pending() for pk in unmarked)
            if not self.options["json"]:
                self.stdout.write(f"Found changed without a mark: {found}.")
        if named:
            wanted = customers.filter(pk__in=self.named(customers))
        elif every:
            wanted = customers.exclude(sync_state=SyncState.SYNCED).filter(presence=Presence.THERE)
        else:
            wanted = customers.due()
        if self.options["dry_run"]:
            return self._plan(customers, wanted)
        if named or every:
            return self.work(wanted, partial(sync.push_each, KeySource(keys(wanted)), **asked))
        return self.work(wanted, partial(sync.push_pending, account=self.account, **asked))

    def _plan(self, customers: CustomerQuerySet, wanted: CustomerQuerySet) -> None:
        """Print the plan line by line: there may be a million rows."""
        pks = keys(wanted.order_by())
        if self.options["verify"]:
            pks = chain(unmarked_changes(customers), pks)
        count, as_json = 0, self.options["json"]
        for plan in islice(plans(pks, database=self.database), self.options["limit"]):
            line = json.dumps(vars(plan), default=str) if as_json else str(plan)
            self.stdout.write(f"{',' if count else '['}{line}" if as_json else line)
            count += 1
        self.stdout.write(("]" if count else "[]") if as_json else f"Would push: {count}.")
