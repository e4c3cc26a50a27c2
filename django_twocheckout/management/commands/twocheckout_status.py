"""``manage.py twocheckout_status``: prints ``sync.status`` for people and for monitors."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, connections

from ... import sync
from ...conf import ConfigurationError
from ...dispatch import uses_celery
from ...exceptions import AnotherMerchantCode, SendingDisabled
from ...flows.notifications_overview import Notifications, overview
from ...flows.status import failed_keys
from ...mirrors.overview import Overview
from ...mirrors.overview import overview as mirrors_overview
from ...models import SyncState
from ...spans import span
from ..base import add_account_argument, check_account, counted, how_to_confirm, paused_words, tried_words

#: Keys of failed customers in the JSON.
MOST_KEYS = 1000


class Command(BaseCommand):
    help = (
        "Show how many customers are in step with 2Checkout, what holds the others up, and whether the sweep runs. "
        "Ends with 1 while an account is paused, or while something waits and no worker was seen for long."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print it as JSON.")
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="The database's alias.")
        add_account_argument(parser)
        parser.add_argument("--resume", action="store_true", help="First end the pause.")
        parser.add_argument(
            "--confirm",
            metavar="CODE",
            help="With --resume: the merchant code in the settings, to say that these customers belong to it although "
            "2Checkout acknowledged them under another one.",
        )
        parser.add_argument(
            "--max-age", type=float, metavar="SECONDS", help="End with 1 if a customer has been pending for longer."
        )
        parser.add_argument("--max-failed", type=int, metavar="N", help="End with 1 if more customers have failed.")

    def handle(self, *args: object, **options: Any) -> None:
        if options["database"] not in connections:
            raise CommandError(f"There is no database {options['database']!r}.")
        if options["max_age"] is not None and not 0 <= options["max_age"] < float("inf"):
            raise CommandError("--max-age must be a number of seconds.")
        if options["max_failed"] is not None and options["max_failed"] < 0:
            raise CommandError("--max-failed must be 0 or more.")
        if options["account"] is not None:
            check_account(options["account"])
        if options["confirm"] is not None and not options["resume"]:
            raise CommandError("--confirm goes with --resume.")
        if options["resume"]:
            try:
                sync.resume(options["account"], confirm=options["confirm"], database=options["database"])
            except (AnotherMerchantCode, ConfigurationError) as error:
                raise CommandError(error.words if isinstance(error, AnotherMerchantCode) else str(error)) from error
        status = sync.status(options["account"], database=options["database"])
        if options["json"]:
            facts = {
                **status.as_dict(),
                "failed_keys": list(failed_keys(MOST_KEYS, options["account"], database=options["database"])),
                "notifications": [asdict(one) for one in self._notified(options)],
                "mirrors": asdict(mirrors_overview(options["database"])),
            }
            self.stdout.write(json.dumps(facts, default=_as_json))
        elif options["verbosity"]:
            self._show(status)
            for one in self._notified(options):
                last = f"{span(one.last, status.now)} ago" if one.last else "never"
                self.stdout.write(f"Last notification ({one.account}): {last}. Forged in the last day: {one.forged}.")
            self._show_mirrors(mirrors_overview(options["database"]))
        if wrong := _wrong(status, options["max_age"], options["max_failed"]):
            raise CommandError(" ".join(wrong))

    def _notified(self, options: dict[str, Any]) -> list[Notifications]:
        try:
            every = overview(options["account"], database=options["database"])
        except ConfigurationError:
            return []
        return [one for one in every if one.are_expected]

    def _show_mirrors(self, mirrors: Overview) -> None:
        if mirrors.waiting:
            self.stdout.write(f"Objects to be mirrored by the sweep: {mirrors.waiting}.")
        for one in mirrors.failures:
            words = f"Not mirrored when last tried: {one.count} of {one.mirror} ({', '.join(one.examples)})."
            self.stdout.write(self.style.WARNING(f"{words} {one.reason}"))

    def _show(self, status: sync.Status) -> None:
        write = self.stdout.write
        for state, count in status.counts.items():
            write(f"{state:<10}{count}")
        if status.gone:
            write(f"{'gone':<10}{status.gone}")
        write(f"{'due now':<10}{status.due}")
        write(f"{'in flight':<10}{status.in_flight}")
        if status.oldest_pending:
            write(f"The oldest pending one has been so for {span(status.oldest_pending, status.now)}.")
        for code, count in status.failures.items():
            write(f"Failed with {code}: {count}")
        if not status.enabled:
            write(self.style.WARNING(SendingDisabled().words))
        for account, count in status.unknown_accounts.items():
            waiting = counted(count, "customer")
            write(self.style.WARNING(f"The settings have no account {account!r}: {waiting}, and nothing is sent."))
        if status.to_confirm:
            write(self.style.WARNING(AnotherMerchantCode().words))
            for account in status.to_confirm:
                write(f"  {how_to_confirm(account)}")
        for one in status.accounts:
            if one.paused_until and not one.to_confirm:
                paused = paused_words(one.alias, one.paused_until) if one.paused_now else tried_words(one.alias)
                write(self.style.WARNING(paused))
                write(f"  {one.reason}")
        swept = f"{span(status.swept_at, status.now)} ago" if status.swept_at else "never"
        write(f"Last sweep: {swept}.")
        seen = f"{span(status.worked_at, status.now)} ago" if status.worked_at else "never"
        write(f"A worker was last seen: {seen}.")
        if len(status.accounts) > 1:
            for one in status.accounts:
                counts = ", ".join(f"{count} {state}" for state, count in one.counts.items())
                write(f"Account {one.alias!r}: {counts}{f', {one.gone} gone' if one.gone else ''}.")
        if status.sweep_is_late:
            asked = "celery beat run" if uses_celery() else "cron run “manage.py twocheckout_push”"
            write(self.style.WARNING(f"Does {asked}? See “Install” in the README of django-twocheckout."))


def _wrong(status: sync.Status, max_age: float | None, max_failed: int | None) -> list[str]:
    """What a monitor has to tell somebody, in sentences."""
    wrong, age, failed = [], status.oldest_pending_seconds, status.counts[SyncState.FAILED]
    if status.to_confirm:
        wrong.append("A person must confirm the merchant code.")
    wrong += [f"The account {one.alias!r} is paused." for one in status.accounts if one.paused_now]
    if status.standstill:
        seen = f"seen for {span(status.worked_at, status.now)}" if status.worked_at else "ever seen"
        wrong.append(f"No worker was {seen}: is a worker running? Is beat or cron running?")
    if max_age is not None and age is not None and age > max_age:
        wrong.append(f"A customer has been pending for {age:.0f} seconds.")
    if max_failed is not None and failed > max_failed:
        wrong.append(f"{counted(failed, 'customer')} failed.")
    return wrong


def _as_json(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
