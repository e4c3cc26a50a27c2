"""The states of a customer's row, for the model, its querysets and everything above."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class SyncState(models.TextChoices):
    PENDING = "pending", _("Pending")
    SYNCED = "synced", _("Synced")
    FAILED = "failed", _("Failed")


class Presence(models.TextChoices):
    """Whether 2Checkout has the customer, as far as it told."""

    THERE = "there", _("There")
    GONE = "gone", _("Gone")
