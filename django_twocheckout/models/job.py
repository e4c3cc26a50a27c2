"""Work on many customers that a person asked for in the admin: what is left of it, and what came of the rest.

Beside the way of a save: made by the admin, worked off by :mod:`django_twocheckout.sync.jobs`, shown while it lasts.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .attempt import Verb


class Job(models.Model):
    """One thing that a person asked to be done with many customers."""

    verb = models.CharField(_("what"), max_length=10, choices=Verb.choices)
    user = models.CharField(_("asked by"), max_length=64, blank=True, default="", help_text=_("A user's primary key."))
    asked_at = models.DateTimeField(_("asked"), default=timezone.now)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    stopped = models.BooleanField(_("stopped"), default=False, help_text=_("By a person, before all was done."))
    total = models.PositiveIntegerField(_("customers"), default=0)
    wake_at = models.DateTimeField(null=True, blank=True, help_text=_("A worker has been asked to go on then."))

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        default_permissions = ("view",)
        indexes = [models.Index(fields=["ended_at"], name="twocheckout_job_ended")]

    def __str__(self) -> str:
        return f"{self.get_verb_display()} · {self.total}"


class Portion(models.Model):
    """A part of a job that one worker takes into its hands at a time."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="portions")
    left: models.JSONField[Any, Any] = models.JSONField(
        default=list, help_text=_("Primary keys of customers still to be dealt with.")
    )
    done = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    failures: models.JSONField[Any, Any] = models.JSONField(
        default=list, help_text=_("Of each that failed: the customer's primary key, and the reason.")
    )
    lease = models.CharField(max_length=32, blank=True, default="")
    lease_until = models.DateTimeField(null=True, blank=True)
    ended = models.BooleanField(default=False)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.job_id}/{self.pk}"
