"""Jobs on many customers, made by the admin. The customers of a job are its rows in the queue of :mod:`.ask`."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..redaction import redacted_repr
from .attempt import Verb


class Job(models.Model):
    """One request of a person for many customers."""

    verb = models.CharField(_("what"), max_length=10, choices=Verb.choices)
    user = models.CharField(_("asked by"), max_length=64, blank=True, default="", help_text=_("A user's primary key."))
    asked_at = models.DateTimeField(_("asked"), default=timezone.now)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    stopped = models.BooleanField(_("stopped"), default=False, help_text=_("By a person, before all was done."))
    total = models.PositiveIntegerField(_("customers"), default=0)

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        default_permissions = ("view",)
        indexes = [models.Index(fields=["ended_at"], name="twocheckout_job_ended")]

    __repr__ = redacted_repr

    def __str__(self) -> str:
        return f"{self.get_verb_display()} · {self.total}"
