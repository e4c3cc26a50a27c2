"""``manage.py twocheckout_import``: takes over the customers that an account has at 2Checkout."""

from __future__ import annotations

from datetime import date
from functools import partial
from itertools import islice

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _

from ... import dispatch, sync, tasks
from ...conf import DEFAULT_ACCOUNT, ConfigurationError, conf
from ...exceptions import TwoCheckoutError
from ...flows.imports import Import
from ...flows.pull import asked_pulls, pull_asked
from ...models import CustomerQuerySet, Source
from ..base import PORTION, RowsCommand
from ..files import references_in

UNSEEN = (
    "Customers without a subscription cannot be found: 2Checkout has no list of customers. Give these by --from-file."
)


class Command(RowsCommand):
    help = (
        "Take over the customers that 2Checkout has: find them by their subscriptions, link or add their rows, and "
        "re-fetch them. The next run goes on where this one ended. Nothing is sent to 2Checkout. " + UNSEEN
    )
    keys_help = ""
    done = "Re-fetched:"
    stopped = "What was found is stored; run it again, and it goes on there."
    failed = "could not be re-fetched; the history says why."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(account=DEFAULT_ACCOUNT)
        parser.add_argument("--modified-after", metavar="YYYY-MM-DD", help="Only what is new or changed since then.")
        parser.add_argument("--from-file", metavar="FILE", help="The references in this file, instead of a search.")
        parser.add_argument("--column", help="With --from-file: the column's name, unless it is the first.")
        parser.add_argument(
            "--no-pull", action="store_true", help="Leave the re-fetching to the workers. They begin at once."
        )

    def run(self, customers: CustomerQuerySet) -> None:
        options = self.options
        if options["from_file"] and options["modified_after"]:
            raise CommandError("Give --from-file or --modified-after, not both.")
        since = _day(options["modified_after"])
        trouble = ""
        try:
            run = Import(options["account"], database=self.database, dry_run=options["dry_run"])
        except (TwoCheckoutError, ConfigurationError) as error:
            raise CommandError(str(error)) from None
        try:
            if options["from_file"]:
                self._take_file(run)
            else:
                for _counts in run.walk(since, options["limit"]):
                    self._wake()
        except TwoCheckoutError as error:
            trouble = error.words
        self._tell(run)
        if trouble:
            raise CommandError(f"{trouble.rstrip('.')}. What was found is stored; run it again, and it goes on there.")
        if not options["dry_run"] and not options["no_pull"]:
            act = partial(pull_asked, Source.COMMAND, database=self.database, account=self.account)
            return self.work(asked_pulls(Source.COMMAND, customers), act)
        return self._report(sync.Summary())

    def _take_file(self, run: Import) -> None:
        lines = islice(references_in(self.options["from_file"], self.options["column"]), self.options["limit"])
        while portion := list(islice(lines, PORTION)):
            found = []
            for line in portion:
                if line.problem:
                    self.refuse(line.number, line.problem)
                else:
                    found.append((str(line.number), line.reference))
            run.take_either(found)
            self._wake()

    def _wake(self) -> None:
        """With --no-pull: let a worker begin with what was found so far."""
        if self.options["no_pull"] and not self.options["dry_run"] and conf.PUSH_ON_SAVE:
            dispatch.wake(tasks.push_pending, database=self.database)

    def _tell(self, run: Import) -> None:
        result = run.result
        for place, why in result.refused:
            if self.options["verbosity"]:
                kind = _("Line") if self.options["from_file"] else _("Subscription")
                self.stderr.write(f"{kind} {place}: {why}.")
        self.refused += len(result.refused)
        self.facts = {
            "linked": result.linked, "new": result.new, "unchanged": result.unchanged, "refused": self.refused,
            "erased": result.erased, "note": UNSEEN,
        }  # fmt: skip
        self.say(
            f"Linked: {result.linked}. New: {result.new}. Unchanged: {result.unchanged}. Refused: {self.refused}."
            f"{f' Erased here before, and left out: {result.erased}.' if result.erased else ''}\n"
            f"{UNSEEN}"
        )


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise CommandError("--modified-after must be a day, such as 2026-01-31.") from None
