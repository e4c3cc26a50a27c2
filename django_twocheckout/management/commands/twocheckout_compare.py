"""``manage.py twocheckout_compare``: how far rows and 2Checkout differ. Writes no row."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from django.core.management.base import CommandError, CommandParser

from ...conf import conf
from ...exceptions import NotFound, SendingStopped, TwoCheckoutError
from ...flows.compare import Difference, compare_each
from ...flows.unknown import UNKNOWN_ACCOUNT
from ...models import CustomerQuerySet
from ..base import Progress, RowsCommand, counted, keys, paused_words

#: Customers of a sample.
SAMPLE = 100


class Command(RowsCommand):
    help = (
        "Compare customers with 2Checkout field by field, and write nothing. Ends with 1 if any differs or could not "
        f"be compared. Without customers: a random sample of {SAMPLE}, or of --limit."
    )

    stopped = "Nothing was written."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--all", action="store_true", help="All that 2Checkout is known to have.")

    def run(self, customers: CustomerQuerySet) -> None:
        named, limit = self.options["pks"], self.options["limit"]
        if named and self.options["all"]:
            raise CommandError("Give single customers, or --all, not both.")
        wanted = customers.exclude(customer_reference=None)
        if named:
            wanted = customers.filter(pk__in=self.named(customers))
        elif not self.options["all"]:
            sample = list(wanted.order_by("?").values_list("pk", flat=True)[: limit or SAMPLE])
            wanted = customers.filter(pk__in=sample)
        known = conf.aliases()
        left_out = wanted.exclude(account__in=known).count()
        wanted = wanted.filter(account__in=known)
        count = min(wanted.count(), limit or wanted.count())
        if self.options["dry_run"]:
            return self.tell(f"Would compare: {count}.", {"would_compare": count})
        return self._compare(wanted, count, left_out)

    def _compare(self, wanted: CustomerQuerySet, count: int, left_out: int) -> None:
        #: By the side of the change, and by field.
        sides: dict[str, Counter[str]] = {"here": Counter(), "there": Counter(), "both": Counter()}
        differing, gone, compared = 0, 0, 0
        failures = Counter({UNKNOWN_ACCOUNT: left_out} if left_out else {})
        progress = Progress(self.stderr, count) if self.shows_progress else None
        for result in self._results(wanted, count):
            if isinstance(result, NotFound):
                gone += 1
            elif isinstance(result, TwoCheckoutError):
                failures[type(result).__name__] += 1
            else:
                changed = [one for one in result if one.changed]
                compared += 1
                differing += bool(changed)
                for one in changed:
                    sides[one.changed][one.name] += 1
            if progress:
                progress.advance([result])
        self._show(sides, {"compared": compared, "differing": differing, "gone": gone}, failures)
        left = count - compared - gone
        for paused in self._stopped().values():
            if left and paused.open_until:
                raise CommandError(f"{paused_words(paused.alias, paused.open_until)} {paused.reason}")
        if differing or gone or failures:
            not_the_same = counted(differing + gone + failures.total(), "customer")
            raise CommandError(f"Differing, or not compared: {not_the_same}.")

    def _results(self, wanted: CustomerQuerySet, count: int) -> Iterator[list[Difference] | TwoCheckoutError]:
        """What came of each customer, account by account, *count* at the most."""
        left = count
        for account in conf.aliases() if self.account is None else [self.account]:
            pks = islice(keys(wanted.filter(account=account)), left)
            try:
                for _pk, result in compare_each(pks, account, database=self.database):
                    left -= 1
                    yield result
            except SendingStopped as error:
                raise CommandError(error.words) from None

    def _show(self, sides: dict[str, Counter[str]], counts: dict[str, int], failures: Counter[str]) -> None:
        if self.options["json"]:
            self.stdout.write(json.dumps({**counts, "changed": sides, "failures": failures}))
            return
        self.say("Compared: {compared}. Differing: {differing}. Not at 2Checkout: {gone}.".format(**counts))
        for side, words in (("here", "Changed here"), ("there", "Changed at 2Checkout"), ("both", "Changed on both")):
            for name, number in sorted(sides[side].items()):
                self.say(f"  {words}: {name} {number}")
        for code, number in sorted(failures.items()):
            self.say(f"  {code}: {number}")
