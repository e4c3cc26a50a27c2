"""The history: one row for each time that 2Checkout was talked to about a customer. Names of fields, never values.

At the end of every push and pull; written in bulk, purged by the sweep.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .customer import Customer


class Verb(models.TextChoices):
    PUSH = "push", _("Push")
    PULL = "pull", _("Re-fetch")
    DELETE = "delete", _("Delete card")


class Outcome(models.TextChoices):
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
    WEBHOOK = "webhook", _("A webhook")


def _names(label: Any) -> models.TextField[str, str]:
    # Not JSON: PostgreSQL inserts many rows of plain columns at half the cost.
    return models.TextField(label, blank=True, default="", help_text=_("CustomerInformation's names."))


class Attempt(models.Model):
    """One exchange about one customer, and how it ended."""

    # No constraint: a row deleted meanwhile must not keep the others' history from being written.
    customer = models.ForeignKey(
        Customer,
        verbose_name=_("customer"),
        on_delete=models.CASCADE,
        related_name="attempts",
        db_constraint=False,
        db_index=False,
    )
    at = models.DateTimeField(_("when"), default=timezone.now)
    verb = models.CharField(_("what"), max_length=10, choices=Verb.choices)
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome.choices)
    created = models.BooleanField(_("created"), default=False, help_text=_("Created at 2Checkout by this push."))
    status = models.PositiveSmallIntegerField(
        _("HTTP status"), null=True, blank=True, help_text=_("Of the last answer; none if nothing came or was asked.")
    )
    error_code = models.CharField(_("code"), max_length=64, blank=True, default="")
    requests = models.PositiveSmallIntegerField(_("requests"), default=0)
    milliseconds = models.PositiveIntegerField(_("milliseconds"), default=0)
    tries = models.PositiveIntegerField(_("tries"), default=0)
    sent = _names(_("fields sent"))
    adopted = _names(_("fields adopted"))
    conflicts = _names(_("conflicts"))
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

    def __str__(self) -> str:
        return f"{self.get_verb_display()}: {self.get_outcome_display()}"

    @property
    def likeness(self) -> str:
        """The customers' state that this outcome is akin to, for its colour."""
        return {Outcome.FAILED: "failed", Outcome.RETRY: "pending"}.get(Outcome(self.outcome), "synced")
