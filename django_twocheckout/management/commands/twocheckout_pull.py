"""``manage.py twocheckout_pull``: asks for pulls of many customers, and does them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any

from django.core.management.base import CommandError, CommandParser

from ... import sync
from ...dispatch import Key
from ...flows.many import KeySource
from ...flows.pull import ask_pulls, asked_pulls, not_pulled, pull_asked, stale
from ...flows.references import keys_of
from ...models import CustomerQuerySet, Source
from ..base import PORTION, RowsCommand, keys
from ..files import references_in

MOST_DAYS = 36500


class Command(RowsCommand):
    help = (
        "Re-fetch customers from 2Checkout into their rows; what changed only here stays. Ends with 1 if any customer "
        "could not be re-fetched, and with 130 after Ctrl-C."
    )
    done = "Re-fetched:"
    stopped = "What was done stays done. What was asked for is re-fetched by the next sweep."
    failed = "could not be re-fetched; the history says why."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--all", action="store_true", help="All that 2Checkout is known to have.")
        parser.add_argument(
            "--restored",
            action="store_true",
            help="With --all, after an older backup was restored and before anything is pushed: also look for the "
            "customers that are not known to be at 2Checkout, and take 2Checkout's values where both sides changed.",
        )
        parser.add_argument("--older-than", type=int, metavar="DAYS", help="Those not re-fetched for so many days.")
        parser.add_argument("--stale", metavar="TIME", help="Those not re-fetched for so long: 90m, 24h, 7d.")
        parser.add_argument("--failed", action="store_true", help="Those whose last re-fetch failed for good.")
        parser.add_argument(
            "--from-file", metavar="FILE", help="Those with the references in this file, one a line or in a CSV column."
        )
        parser.add_argument("--column", help="With --from-file: the column's name, unless it is the first.")

    def run(self, customers: CustomerQuerySet) -> None:
        options = self.options
        days: int | None = options["older_than"]
        ways = [options[name] for name in ("pks", "all", "stale", "failed", "from_file")]
        if sum(map(bool, [*ways, days is not None])) != 1:
            raise CommandError(
                "Give primary keys or references, or --all, or one of --older-than, --stale, --failed and --from-file."
            )
        if days is not None and not 0 <= days <= MOST_DAYS:
            raise CommandError(f"--older-than must be a number of days between 0 and {MOST_DAYS}.")
        restored: bool = options["restored"]
        if restored and not options["all"]:
            raise CommandError("--restored goes with --all.")
        known = customers.exclude(customer_reference=None)
        pks: Iterable[Key] | None = None
        if options["pks"]:
            wanted = customers.filter(pk__in=self.named(customers))
        elif options["from_file"]:
            wanted, pks = customers, self._in_file(customers)
        elif options["failed"]:
            wanted = not_pulled(customers)
        elif options["stale"] or days is not None:
            wanted = stale(customers, _seconds(options["stale"]) if options["stale"] else (days or 0) * 86400)
        else:
            wanted = known
        if options["dry_run"]:
            count = wanted.count() if pks is None else sum(1 for _pk in pks)
            count = min(count, options["limit"] or count)
            return self.tell(f"Would re-fetch: {count}.", {"would_pull": count})
        if restored:
            asked: dict[str, Any] = {"database": self.database, "source": Source.COMMAND, "conflict": "remote"}
            self._look_for_others(customers.filter(customer_reference=None), asked)
            return self.work(wanted, partial(sync.pull_each, KeySource(keys(wanted)), **asked))
        # Asked for durably first. If this command is stopped, the workers and the sweep do the rest.
        some = islice(keys(wanted) if pks is None else pks, options["limit"])
        ask_pulls(some, database=self.database, source=Source.COMMAND)
        act = partial(pull_asked, Source.COMMAND, database=self.database, account=self.account)
        return self.work(asked_pulls(Source.COMMAND, customers), act)

    def _in_file(self, customers: CustomerQuerySet) -> Iterator[Key]:
        lines, seen = references_in(self.options["from_file"], self.options["column"]), set[Key]()
        while portion := list(islice(lines, PORTION)):
            found = keys_of(customers, [line.reference for line in portion if line.reference])
            for line in portion:
                pks = found.get(line.reference, [])
                if not pks:
                    self.refuse(line.number, line.problem or "no customer here has this reference")
                for pk in pks:
                    if pk not in seen:
                        seen.add(pk)
                        yield pk

    def _look_for_others(self, others: CustomerQuerySet, asked: dict[str, Any]) -> None:
        """Find the customers that were created at 2Checkout after the backup. A customer that is not
        found is looked up again before its create."""
        others.filter(untried=True).update_unmarked(untried=False)
        found = sync.pull_each(KeySource(keys(others)), **asked)
        if found.wait is not None or found.failed > found.codes["NotFound"]:
            raise CommandError("2Checkout did not answer for all customers. Nothing may be pushed yet: try again.")
        self.say(f"Found at 2Checkout, and not known to be there: {found.pushed}.")


def _seconds(text: str) -> float:
    """The seconds of ``90m``, ``24h`` or ``7d``. Raises CommandError."""
    match = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    if not match:
        raise CommandError("--stale must be a time, such as 90m, 24h or 7d.")
    return int(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]
