"""The common base of the commands that push and pull: the rows, a progress bar, a summary, and the exit code."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sized
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser, OutputWrapper
from django.db import DEFAULT_DB_ALIAS, connections

from .. import sync
from ..conf import DEFAULT_ACCOUNT, ConfigurationError, conf
from ..dispatch import Key
from ..exceptions import AnotherMerchantCode, SendingDisabled
from ..flows.account import chosen_accounts, current_accounts
from ..flows.references import keys_of
from ..models import AccountState, Customer, CustomerQuerySet

#: Keys are read in portions: a million need no memory, and no cursor stays open.
PORTION = 1000
MOST = 10**9
#: The exit code after Ctrl-C, as shells have it: 128 and the number of SIGINT.
INTERRUPTED = 130


class RowsCommand(BaseCommand):
    """A command over many rows, with a summary at its end."""

    #: The summary's words for the rows done.
    done = ""
    failed = ""
    keys_help = "Only these customers, by primary key or by either reference."
    #: What Ctrl-C leaves, in words.
    stopped = "What was done stays done."

    def add_arguments(self, parser: CommandParser) -> None:
        if self.keys_help:
            parser.add_argument("pks", nargs="*", metavar="customer", help=self.keys_help)
        parser.add_argument("--limit", type=int, help="At most so many customers.")
        parser.add_argument("--dry-run", action="store_true", help="Say what would be done, and do nothing.")
        parser.add_argument("--json", action="store_true", help="Print the result as JSON.")
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="The database's alias.")
        add_account_argument(parser)

    def handle(self, *args: object, **options: Any) -> None:
        if options["limit"] is not None and not 0 < options["limit"] <= MOST:
            raise CommandError("--limit must be above 0, and no more than a billion.")
        if options["database"] not in connections:
            raise CommandError(f"There is no database {options['database']!r}.")
        if options["account"] is not None:
            check_account(options["account"])
        if not options["dry_run"] and not conf.ENABLED:
            raise CommandError(SendingDisabled().words)
        self.options = options
        #: More of the result, for --json.
        self.facts: dict[str, object] = {}
        #: Lines of a file that were left out.
        self.refused = 0
        self.database: str = options["database"]
        #: None for all.
        self.account: str | None = options["account"]
        customers = Customer.objects.using(self.database)
        try:
            self.run(customers if self.account is None else customers.filter(account=self.account))
        except KeyboardInterrupt:
            if self.shows_progress:
                self.stderr.write("\n", ending="")  # the bar's line ends here
            raise CommandError(f"Stopped. {self.stopped}", returncode=INTERRUPTED) from None

    def run(self, customers: CustomerQuerySet) -> None:
        raise NotImplementedError

    def named(self, customers: CustomerQuerySet) -> list[Key]:
        """The keys of the given customers: each by its primary key, or else by either reference.

        Raises CommandError for one that is not there.
        """
        given = [str(one) for one in self.options["pks"]]
        pks = {one: pk for one in given if (pk := _as_key(one)) is not None}
        existing = set(customers.filter(pk__in=pks.values()).values_list("pk", flat=True))
        found: dict[str, list[Key]] = {one: [pk] for one, pk in pks.items() if pk in existing}
        found |= keys_of(customers, [one for one in given if one not in found])
        if missing := [one for one in given if one not in found]:
            where = "" if self.account is None else f" of the account {self.account!r}"
            raise CommandError(f"There is no customer {', '.join(missing)}{where}.")
        return [pk for one in given for pk in found[one]]

    def work(self, customers: CustomerQuerySet, act: Callable[..., sync.Summary]) -> None:
        """Let *act* work on the customers, with a progress bar on a terminal, and print the result."""
        limit: int | None = self.options["limit"]
        advance: Callable[[list[object]], None] = lambda settled: None  # noqa: E731
        if self.shows_progress:
            count = customers.count()
            advance = Progress(self.stderr, min(count, limit or count)).advance

        total = sync.Summary()
        while True:
            left = None if limit is None else limit - total.tried
            some = act(limit=left, on_settled=advance)
            total += some
            total.more = some.more
            stopped = self._stopped()
            waits = [one.wait for name, one in some.by_account.items() if one.wait is not None and name not in stopped]
            if not waits or left == 0:
                break
            total.wait = None
            time.sleep(min(waits))  # for RATE_LIMIT; only this command waits
        self._report(total)

    @property
    def shows_progress(self) -> bool:
        """Whether a person looks at a terminal."""
        return self.stderr.isatty() and not self.options["json"] and bool(self.options["verbosity"])

    def say(self, words: str) -> None:
        """Print this for people: not with --json, nor with -v 0."""
        if not self.options["json"] and self.options["verbosity"]:
            self.stdout.write(words)

    def tell(self, words: str, facts: dict[str, object]) -> None:
        """Print these words for people, or the facts with --json."""
        if self.options["json"]:
            self.stdout.write(json.dumps(facts))
        self.say(words)

    def refuse(self, number: int, problem: str) -> None:
        """Tell a line of a file that is left out."""
        self.refused += 1
        if self.options["verbosity"]:
            self.stderr.write(f"Line {number}: {problem}.")

    def _stopped(self) -> dict[str, AccountState]:
        """The accounts that are paused right now, or wait for a person."""
        states = current_accounts(self.database, None if self.account is None else [self.account])
        return {state.alias: state for state in states if state.is_open or state.code_differs}

    def _report(self, total: sync.Summary) -> None:
        stopped, failures = self._stopped(), dict(sorted(total.codes.items()))
        reasons = map(_reason, stopped.values())
        if self.options["json"]:
            result = {"done": total.pushed, "failed": total.failed, "waiting": total.waiting, "failures": failures}
            self.stdout.write(json.dumps({**self.facts, **result, "paused": next(reasons, None)}))
        else:
            self.say(f"{self.done} {total.pushed}. Failed: {total.failed}. To be retried: {total.waiting}.")
            for code, count in failures.items():
                self.say(f"  {code}: {count}")
        if stopped:
            raise CommandError("\n".join(map(_stopped_words, stopped.values())))
        if total.failed:
            raise CommandError(f"{counted(total.failed, 'customer')} {self.failed}")
        if self.refused:
            raise CommandError(f"Left out: {counted(self.refused, 'line')}.")
        if total.more and self.options["limit"] is None:
            raise CommandError("Not all was done: 2Checkout does not answer. Try again later.")


def _as_key(text: str) -> Key | None:
    """The primary key that the text stands for. None if it cannot be one."""
    try:
        key: Key = Customer._meta.pk.clean(text, None)
    except ValidationError:
        return None
    return key


class Progress:
    """One line on a terminal: how many are done, how many in a second, and the time left."""

    def __init__(self, terminal: OutputWrapper, total: int) -> None:
        self.terminal, self.total, self.done, self.began = terminal, total, 0, time.monotonic()

    def advance(self, settled: Sized) -> None:
        self.done += len(settled)
        rate = self.done / max(time.monotonic() - self.began, 0.001)
        left = timedelta(seconds=round(max(self.total - self.done, 0) / rate)) if rate else "?"
        end = "\n" if self.done >= self.total else ""
        self.terminal.write(f"\r{self.done}/{self.total}  {rate:.0f}/s  {left} left   ", ending=end)
        self.terminal.flush()


def counted(count: int, noun: str) -> str:
    """The number with its noun: 1 customer, 2 customers."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def add_account_argument(parser: CommandParser) -> None:
    parser.add_argument("--account", metavar="NAME", help="Only this merchant account, by its name in the settings.")


def check_account(account: str) -> None:
    """Raise CommandError for an account that the settings do not have."""
    try:
        chosen_accounts(account)
    except ConfigurationError as error:
        raise CommandError(str(error)) from None


def _reason(state: AccountState) -> str:
    return AnotherMerchantCode().words if state.code_differs else state.reason


def _stopped_words(state: AccountState) -> str:
    if state.code_differs or not state.open_until:
        return f"{_reason(state)} {how_to_confirm(state.alias)}"
    return f"{paused_words(state.alias, state.open_until)} {state.reason}"


def how_to_confirm(account: str) -> str:
    """The words of the commands for an account with another merchant code. Those of the error come first."""
    return f"If they belong to it: manage.py twocheckout_status --account {account} --resume --confirm CODE"


def paused_words(account: str, until: datetime) -> str:
    """The words of the commands for a pause. The reason follows."""
    return f"The account{_name(account)} is paused until {f'{until:%Y-%m-%d %H:%M:%S %Z}'.strip()}:"


def tried_words(account: str) -> str:
    """The words of the commands for a pause that is over, until a worker has tried. The reason follows."""
    return f"The account{_name(account)} is to be tried again after:"


def _name(account: str) -> str:
    """The account's name after a word, where there are several."""
    return "" if conf.aliases() == [DEFAULT_ACCOUNT] else f" {account!r}"


def keys(customers: CustomerQuerySet) -> Iterator[Key]:
    """The rows' keys, in their order."""
    last = None
    while True:
        rest = customers.order_by("pk") if last is None else customers.order_by("pk").filter(pk__gt=last)
        portion = list(rest.values_list("pk", flat=True)[:PORTION])
        yield from portion
        if len(portion) < PORTION:
            return
        last = portion[-1]
