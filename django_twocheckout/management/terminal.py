"""What the commands that push and pull have in common: which rows, a progress bar, a summary, and the exit code."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import IO, Any, cast

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.base import ProgressBar
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections

from .. import sync
from ..managers import CustomerQuerySet
from ..models import Customer

#: Keys are read in portions, so that a million rows need no memory and no cursor is held open.
PORTION = 1000
MOST = 10**9


class RowsCommand(BaseCommand):
    """A command that works on many rows and says at its end what came of them."""

    #: What was done, as the summary says it.
    done = ""
    failed = ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("pks", nargs="*", metavar="pk", help="Only these customers, by primary key.")
        parser.add_argument("--limit", type=int, help="At most so many customers.")
        parser.add_argument("--dry-run", action="store_true", help="Say what would be done, and do nothing.")
        parser.add_argument("--json", action="store_true", help="Print the result as JSON.")
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="The database's alias.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["limit"] is not None and not 0 < options["limit"] <= MOST:
            raise CommandError("--limit must be above 0, and no more than a billion.")
        if options["database"] not in connections:
            raise CommandError(f"There is no database {options['database']!r}.")
        self.options = options
        self.database: str = options["database"]
        self.run(Customer.objects.using(self.database))

    def run(self, customers: CustomerQuerySet) -> None:
        raise NotImplementedError

    def named(self, customers: CustomerQuerySet) -> list[Any]:
        """The keys that were given; CommandError unless each of them is a customer's."""
        key = Customer._meta.pk
        try:
            pks = [key.to_python(pk) for pk in self.options["pks"]]
            known = set(customers.filter(pk__in=pks).values_list("pk", flat=True))
        except (ValidationError, OverflowError, DatabaseError) as error:
            raise CommandError(f"Not a primary key: {', '.join(self.options['pks'])}.") from error
        if missing := [str(pk) for pk in pks if pk not in known]:
            raise CommandError(f"There is no customer {', '.join(missing)}.")
        return pks

    def work(self, customers: CustomerQuerySet, act: Callable[..., sync.Sweep]) -> None:
        """Let *act* go over the customers, with a progress bar on a terminal, and say what came of it."""
        limit: int | None = self.options["limit"]
        ended, bar = 0, None
        if self.stderr.isatty() and not self.options["json"]:
            count = customers.count()
            bar = ProgressBar(cast("IO[str]", self.stderr), min(count, limit or count))

        def advance(landed: list[Any]) -> None:
            nonlocal ended
            ended += len(landed)
            if bar:
                bar.update(min(ended, bar.total_count))

        total = sync.Sweep()
        while True:
            left = None if limit is None else limit - total.tried
            some = act(limit=left, on_ended=advance)
            total += some
            total.more = some.more
            if some.wait is None or left == 0 or self._pause() is not None:
                break
            total.wait = None
            time.sleep(some.wait)  # RATE_LIMIT; nobody but this command waits
        self._tell(total)

    def _pause(self) -> Any:
        """The account, if nothing is asked of 2Checkout right now."""
        account = sync.look(self.database)
        return account if account and account.paused_now else None

    def _tell(self, total: sync.Sweep) -> None:
        paused, failures = self._pause(), dict(sorted(total.codes.items()))
        if self.options["json"]:
            result = {"done": total.pushed, "failed": total.failed, "waiting": total.waiting, "failures": failures}
            self.stdout.write(json.dumps({**result, "paused": paused.reason if paused else None}))
        else:
            self.stdout.write(f"{self.done} {total.pushed}. Failed: {total.failed}. To be retried: {total.waiting}.")
            for code, count in failures.items():
                self.stdout.write(f"  {code}: {count}")
        if paused:
            raise CommandError(f"{paused_words(paused.paused_until)} {paused.reason}")
        if total.failed:
            raise CommandError(f"{total.failed} {self.failed}")
        if total.more and self.options["limit"] is None:
            raise CommandError("Not all was done: 2Checkout does not answer. Try again later.")


def paused_words(until: datetime) -> str:
    """How a command says that nothing flows; the reason follows."""
    return f"The account is paused until {f'{until:%Y-%m-%d %H:%M:%S %Z}'.strip()}:"


def keys(customers: CustomerQuerySet) -> Iterator[Any]:
    """The rows' keys, in their order."""
    last = None
    while True:
        rest = customers.order_by("pk") if last is None else customers.order_by("pk").filter(pk__gt=last)
        portion = list(rest.values_list("pk", flat=True)[:PORTION])
        yield from portion
        if len(portion) < PORTION:
            return
        last = portion[-1]
