"""The project's objects whose customers are to be made or changed by a sweep, beside the saves that do so at once.

Rows are only inserted, so no mark waits for another transaction: what is marked twice is two rows. The sweep
deletes the marks that it has read, and then applies the mirror.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from ..redaction import redacted_repr
from .clock import UTCDateTimeField
from .querysets import LONG_DUE


class MirrorMark(models.Model):
    """One object of a mirrored model."""

    mirror = models.CharField(max_length=255, help_text="The model's label, such as “shop.account”.")
    object_key = models.CharField(max_length=255, help_text="The object's primary key, as a text.")
    reason = models.TextField(blank=True, default="", help_text="Why the last try failed, without values. Or blank.")
    failed_attempts = models.PositiveIntegerField(default=0)
    due_at = UTCDateTimeField(default=LONG_DUE)

    class Meta:
        verbose_name = _("object to be mirrored")
        verbose_name_plural = _("objects to be mirrored")
        default_permissions = ()
        indexes = [models.Index(fields=["due_at", "id"], name="twocheckout_mirror_due")]

    __repr__ = redacted_repr

    def __str__(self) -> str:
        return f"{self.mirror} {self.object_key}"
