"""What 2Checkout notified us of: one row for each request, written by the endpoint and applied by the sweep.

A notification is only a hint to pull its customer. Nothing else of it is believed, so nothing else is stored.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from ..redaction import redacted_repr
from .clock import UTCDateTimeField, utc_now
from .customer import Customer


class NotificationKind(models.TextChoices):
    IPN = "ipn", _("Order (IPN)")
    LCN = "lcn", _("Subscription (LCN)")


class NotificationOutcome(models.TextChoices):
    NEW = "", _("Waits for the sweep")
    ASKED = "asked", _("Asked for a re-fetch")
    #: No row has the customer. IMPORT_UNKNOWN asks for one.
    TO_ADD = "to_add", _("To be added")
    ADDED = "added", _("Added")
    UNKNOWN = "unknown", _("No such customer here")
    ERASED = "erased", _("Of an erased customer, left aside")
    UNNAMED = "unnamed", _("Names no customer")
    TEST = "test", _("A test order, left aside")
    FORGED = "forged", _("Forged")


class Notification(models.Model):
    """One request to an address of ours. A forged one is only counted: it has no references."""

    account = models.CharField(_("account"), max_length=64, default="default")
    received_at = UTCDateTimeField(_("when"), default=utc_now)
    kind = models.CharField(_("kind"), max_length=3, choices=NotificationKind.choices)
    outcome = models.CharField(
        _("outcome"), max_length=10, choices=NotificationOutcome.choices, blank=True, default=NotificationOutcome.NEW
    )
    customer_reference = models.CharField(_("2Checkout's reference"), max_length=255, blank=True, default="")
    external_customer_reference = models.CharField(_("our reference"), max_length=255, blank=True, default="")
    # Without a constraint, so that applying it locks no customer.
    customer = models.ForeignKey(
        Customer,
        verbose_name=_("customer"),
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="notifications",
        db_constraint=False,
        db_index=False,
    )

    class Meta:
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        default_permissions = ()
        indexes = [
            models.Index(fields=["outcome", "received_at"], name="twocheckout_notified"),
            models.Index(fields=["customer", "received_at"], name="twocheckout_notified_of"),
        ]

    __repr__ = redacted_repr

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.get_outcome_display()}"
