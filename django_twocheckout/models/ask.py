"""The queue of what was asked for about customers, beside the marks on their rows: pulls, and the customers of jobs.

One narrow row for each customer, so that asking for many locks no customer and copies no wide row. A push that a save
asks for is a mark on the customer's own row, and has no row here.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from ..redaction import redacted_repr
from .attempt import Source, Verb
from .clock import UTCDateTimeField
from .customer import Customer
from .job import Job
from .querysets import LONG_DUE

#: The key of no job, for an ask of its own. It is not NULL, so that it is unique with its customer. It is not 0, which
#: Django refuses on MariaDB and MySQL.
NO_JOB = -1


class AskOutcome(models.TextChoices):
    OPEN = "", _("Open")
    DONE = "done", _("Done")
    FAILED = "failed", _("Not done")
    STOPPED = "stopped", _("Stopped")


class Ask(models.Model):
    """One customer to be pulled or pushed. What is asked twice is one row.

    A done one without a job is deleted. A failed one stays for its reason, and is asked again by the next asker.
    """

    account = models.CharField(max_length=64, default="default")
    verb = models.CharField(max_length=10, choices=Verb.choices)
    # Without constraints, so that asking locks no customer, and a deleted customer stops nothing.
    customer = models.ForeignKey(
        Customer, on_delete=models.CASCADE, related_name="asks", db_constraint=False, db_index=False
    )
    job = models.ForeignKey(
        Job, on_delete=models.CASCADE, related_name="asks", default=NO_JOB, db_constraint=False, db_index=False
    )
    source = models.CharField(max_length=10, choices=Source.choices, default=Source.CODE)
    due_at = UTCDateTimeField(
        null=True,
        default=LONG_DUE,
        help_text="When a worker may claim it. None: it ended, or it follows its customer's own retries.",
    )
    lease = models.CharField(max_length=32, blank=True, default="")
    failed_attempts = models.PositiveIntegerField(default=0)
    outcome = models.CharField(max_length=10, choices=AskOutcome.choices, blank=True, default=AskOutcome.OPEN)
    reason = models.TextField(blank=True, default="")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("queued request")
        verbose_name_plural = _("queued requests")
        default_permissions = ()
        indexes = [
            models.Index(fields=["account", "due_at", "id"], name="twocheckout_asked"),
            models.Index(fields=["job", "outcome"], name="twocheckout_ask_job"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["customer", "verb", "job"], name="twocheckout_ask_once"),
        ]

    __repr__ = redacted_repr

    def __str__(self) -> str:
        return f"{self.get_verb_display()}: {self.customer_id}"
