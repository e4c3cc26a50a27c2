"""``manage.py twocheckout_status``: whether customers flow to 2Checkout, for people and for monitors."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, connections
from django.utils.timesince import timesince

from ... import sync
from ..terminal import paused_words


class Command(BaseCommand):
    help = "Show how many customers are in step with 2Checkout, what holds the others up, and whether the sweep runs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print it as JSON.")
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="The database's alias.")
        parser.add_argument(
            "--max-age", type=float, metavar="SECONDS", help="End with 1 if a customer has been pending for longer."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["database"] not in connections:
            raise CommandError(f"There is no database {options['database']!r}.")
        if options["max_age"] is not None and not 0 <= options["max_age"] < float("inf"):
            raise CommandError("--max-age must be a number of seconds.")
        status = sync.status(options["database"])
        if options["json"]:
            self.stdout.write(json.dumps(status.as_dict(), default=str))
        else:
            self._show(status)
        age = status.oldest_pending_seconds
        if options["max_age"] is not None and age is not None and age > options["max_age"]:
            raise CommandError(f"A customer has been pending for {age:.0f} seconds.")

    def _show(self, status: sync.Status) -> None:
        write = self.stdout.write
        for state, count in status.counts.items():
            write(f"{state:<10}{count}")
        write(f"{'due now':<10}{status.due}")
        write(f"{'in flight':<10}{status.in_flight}")
        if status.oldest_pending:
            write(f"The oldest pending one has been so for {timesince(status.oldest_pending, status.now)}.")
        for code, count in status.failures.items():
            write(f"Failed with {code}: {count}")
        if status.paused_until:
            tried = "The account is to be tried again after:"
            write(self.style.WARNING(paused_words(status.paused_until) if status.paused_now else tried))
            write(f"  {status.pause_reason}")
        swept = f"{timesince(status.swept_at, status.now)} ago" if status.swept_at else "never"
        write(f"Last sweep: {swept}.")
        if status.sweep_is_late:
            write(self.style.WARNING("Does celery beat run? See “Install” in the README of django-twocheckout."))
