"""``manage.py twocheckout_compare``: how far rows and 2Checkout differ, by ``sync.compare``. Writes nothing."""

from __future__ import annotations

import json
from collections import Counter

from django.core.management.base import CommandError, CommandParser

from ... import sync
from ...conf import conf
from ...exceptions import NotFound, TwoCheckoutError
from ...flows.unknown import UNKNOWN_ACCOUNT
from ...models import Customer, CustomerQuerySet
from ..base import Progress, RowsCommand, keys

#: Customers of a sample.
SAMPLE = 100


class Command(RowsCommand):
    help = (
        "Compare customers with 2Checkout field by field, and write nothing. Ends with 1 if any differs or could not "
        f"be compared. Without keys: a random sample of {SAMPLE}, or of --limit."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--all", action="store_true", help="All that 2Checkout is known to have.")

    def run(self, customers: CustomerQuerySet) -> None:
        named, limit = self.options["pks"], self.options["limit"]
        if named and self.options["all"]:
            raise CommandError("Give primary keys, or --all, not both.")
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
            line = json.dumps({"would_compare": count}) if self.options["json"] else f"Would compare: {count}."
            return self.stdout.write(line)
        return self._compare(wanted, count, left_out)

    def _compare(self, wanted: CustomerQuerySet, count: int, left_out: int) -> None:
        #: By the side of the change, and by field.
        sides: dict[str, Counter[str]] = {"here": Counter(), "there": Counter(), "both": Counter()}
        differing, gone, compared = 0, 0, 0
        failures = Counter({UNKNOWN_ACCOUNT: left_out} if left_out else {})
        progress = Progress(self.stderr, count) if self.shows_progress else None
        for number, pk in enumerate(keys(wanted)):
            if number == count:
                break
            try:
                changed = [one for one in sync.compare(Customer.objects.using(self.database).get(pk=pk)) if one.changed]
                compared += 1
                differing += bool(changed)
                for one in changed:
                    sides[one.changed][one.name] += 1
            except Customer.DoesNotExist:
                continue  # deleted meanwhile
            except NotFound:
                gone += 1
            except TwoCheckoutError as error:
                failures[type(error).__name__] += 1
            if progress:
                progress.advance([pk])
        self._show(sides, {"compared": compared, "differing": differing, "gone": gone}, failures)
        if differing or gone or failures:
            raise CommandError(f"{differing + gone + sum(failures.values())} customers differ or were not compared.")

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
