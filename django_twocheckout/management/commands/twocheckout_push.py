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
from ...flows.verify import verify
from ...mirrors.portions import apply_all, count, preview
from ...models import CustomerQuerySet, Presence, Source, SyncState
from ..base import Progress, RowsCommand, keys


class Command(RowsCommand):
    help = (
        "Push customers to 2Checkout: those that are due, or the given ones whatever their state. Ends with 1 if any "
        "customer failed or the account is paused, and with 130 after Ctrl-C. What could not be pushed now is retried "
        "by itself."
    )
    done = "Pushed:"
    failed = "failed; the rows say why."
    stopped = "What was done stays done. What is due is pushed by the next sweep."
    #: Objects whose mirror failed.
    not_mirrored = 0

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--all", action="store_true", help="Also the failed ones, and those whose next try is still to come."
        )
        parser.add_argument(
            "--verify",
            action="store_true",
            help="First look through the synced ones for values that 2Checkout never got, as raw SQL leaves them, and "
            "through the objects of mirrored models for values that their customers never got.",
        )
        parser.add_argument(
            "--mirrors",
            action="store_true",
            help="First make and change the customers of all objects of mirrored models, whatever --limit says. Run it "
            "again if it was stopped: what is done already is only compared.",
        )

    def run(self, customers: CustomerQuerySet) -> None:
        named, every = self.options["pks"], self.options["all"]
        if named and (every or self.options["verify"] or self.options["mirrors"]):
            raise CommandError("Give primary keys, or --all, --verify or --mirrors, not both.")
        asked: dict[str, Any] = {"database": self.database, "source": Source.COMMAND}
        if not self.options["dry_run"]:
            self._before()
        if named:
            wanted = customers.filter(pk__in=self.named(customers))
        elif every:
            wanted = customers.exclude(sync_state=SyncState.SYNCED).filter(presence=Presence.THERE)
        else:
            wanted = customers.due()
        if self.options["dry_run"]:
            self._plan(customers, wanted)
        elif named or every:
            self.work(wanted, partial(sync.push_each, KeySource(keys(wanted)), **asked))
        else:
            self.work(wanted, partial(sync.push_pending, account=self.account, **asked))
        if self.not_mirrored:
            raise CommandError(f"{self.not_mirrored} objects have no customer as they should: see twocheckout_status.")

    def _before(self) -> None:
        """Mirror all objects, and look for what has no mark."""
        if self.options["mirrors"]:
            bar = Progress(self.stderr, count(self.database)).advance if self.shows_progress else None
            applied = apply_all(self.database, on_portion=bar)
            self.not_mirrored = len(applied.failed) + len(applied.busy)
            self.facts["mirrors"] = {"made": applied.made, "changed": applied.changed, "failed": self.not_mirrored}
            self.say(f"Customers made: {applied.made}. Changed: {applied.changed}. Not mirrored: {self.not_mirrored}.")
        if self.options["verify"]:
            found = verify(database=self.database, account=self.account, limit=self.options["limit"])
            self.not_mirrored = max(found.failed, self.not_mirrored)
            self.say(f"Found changed without a mark: {found.customers}.")
            if found.mirrored or found.failed:
                self.say(f"Found changed past a mirror: {found.mirrored}. Not mirrored: {found.failed}.")

    def _plan_mirrors(self) -> None:
        """Print what the mirrors would do, in numbers. Customers that are not made yet are in no plan of pushes."""
        make = change = failed = 0
        for decided in preview(self.database):
            make, change = make + len(decided.to_make), change + len(decided.to_change)
            failed += len(decided.failed)
        if self.options["mirrors"] or make or change or failed:
            self.say(f"Would make customers: {make}. Would change: {change}. Would fail: {failed}.")

    def _plan(self, customers: CustomerQuerySet, wanted: CustomerQuerySet) -> None:
        """Print the plan line by line: there may be a million rows."""
        if self.options["mirrors"] or self.options["verify"]:
            self._plan_mirrors()
        pks = keys(wanted.order_by())
        if self.options["verify"]:
            pks = chain(unmarked_changes(customers), pks)
        count, as_json = 0, self.options["json"]
        for plan in islice(plans(pks, database=self.database), self.options["limit"]):
            if as_json:
                self.stdout.write(f"{',' if count else '['}{json.dumps(vars(plan), default=str)}")
            self.say(str(plan))
            count += 1
        if as_json:
            self.stdout.write("]" if count else "[]")
        self.say(f"Would push: {count}.")
