"""The history: one row for each attempt, written at the end of a push, pull or deletion. Names of fields, never values.

Lines are written in bulk, and the sweep purges them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _

from ..redaction import redacted_repr
from .clock import UTCDateTimeField, utc_now
from .customer import Customer

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


#: Characters kept of a deleted card's type and last digits.
CARD_LENGTH = 64


class Verb(models.TextChoices):
    PUSH = "push", _("Push")
    PULL = "pull", _("Re-fetch")
    DELETE = "delete", _("Delete card")
    ERASE = "erase", _("Erase")


class AttemptOutcome(models.TextChoices):
    DONE = "done", _("Done")
    AGREED = "agreed", _("Nothing to do")
    RETRY = "retry", _("Will be tried again")
    FAILED = "failed", _("Failed")


class Source(models.TextChoices):
    """Who asked."""

    SAVE = "save", _("A save")
    RETRY = "retry", _("A retry")
    SWEEP = "sweep", _("The sweep")
    USER = "user", _("A person")
    CODE = "code", _("The project's code")
    COMMAND = "command", _("A command")
    NOTIFIED = "notified", _("A notification")


def _names(label: StrOrPromise) -> models.TextField[str, str]:
    # Not JSON: PostgreSQL inserts plain columns at half the cost.
    return models.TextField(label, blank=True, default="", help_text=_("CustomerInformation's names."))


class Attempt(models.Model):
    """One attempt with one customer, and its result."""

    # No constraint: a deleted row must not block the history of other rows.
    customer = models.ForeignKey(
        Customer,
        verbose_name=_("customer"),
        on_delete=models.CASCADE,
        related_name="attempts",
        db_constraint=False,
        db_index=False,
    )
    account = models.CharField(_("account"), max_length=64, default="default")
    at = UTCDateTimeField(_("when"), default=utc_now)
    verb = models.CharField(_("what"), max_length=10, choices=Verb.choices)
    outcome = models.CharField(_("outcome"), max_length=10, choices=AttemptOutcome.choices)
    created = models.BooleanField(_("created"), default=False, help_text=_("Created at 2Checkout by this push."))
    http_status = models.PositiveSmallIntegerField(
        _("HTTP status"), null=True, blank=True, help_text=_("Of the last answer; none if nothing came or was asked.")
    )
    error_code = models.CharField(_("code"), max_length=64, blank=True, default="")
    requests = models.PositiveSmallIntegerField(_("requests"), default=0)
    milliseconds = models.PositiveIntegerField(_("milliseconds"), default=0)
    failed_attempts = models.PositiveIntegerField(_("tries"), default=0)
    sent = _names(_("fields sent"))
    adopted = _names(_("fields adopted"))
    conflicts = _names(_("conflicts"))
    unreadable = _names(_("unreadable"))
    card = models.CharField(
        _("card"),
        max_length=CARD_LENGTH,
        blank=True,
        default="",
        help_text=_("Type and last digits of the card to be deleted."),
    )
    source = models.CharField(_("asked by"), max_length=10, choices=Source.choices)
    user = models.CharField(_("user"), max_length=64, blank=True, default="", help_text=_("The person's primary key."))

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["customer", "at"], name="twocheckout_history"),
            models.Index(fields=["at"], name="twocheckout_attempted"),
        ]

    __repr__ = redacted_repr

    def __str__(self) -> str:
        return f"{self.get_verb_display()}: {self.get_outcome_display()}"
