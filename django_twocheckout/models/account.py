"""What all workers share about our account at 2Checkout: whether it is paused, and what was asked lately.

Beside the way of a save: looked at before rows are taken, written by :mod:`django_twocheckout.sync.gate` alone.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from ..managers import clock_of


class Account(models.Model):
    """One row for each merchant code that the project has used."""

    merchant_code = models.CharField(_("merchant code"), max_length=128, unique=True)
    paused_since = models.DateTimeField(_("paused since"), null=True, blank=True)
    paused_until = models.DateTimeField(
        _("paused until"), null=True, blank=True, help_text=_("Then one customer is tried, and if that works, all.")
    )
    reason = models.TextField(_("reason"), blank=True, default="")
    error_code = models.CharField(_("code"), max_length=64, blank=True, default="")
    pauses = models.PositiveIntegerField(default=0, help_text=_("How often in a row it was paused."))
    strikes = models.PositiveIntegerField(
        default=0, help_text=_("Customers that got no answer since 2Checkout last answered.")
    )
    blamed = models.CharField(
        max_length=64, blank=True, default="", help_text=_("The customer at whom 2Checkout refused the account.")
    )
    window = models.JSONField(default=list, blank=True, help_text=_("Requests of late, by slice of time."))
    version = models.PositiveBigIntegerField(default=0)
    wake_at = models.DateTimeField(null=True, blank=True, help_text=_("A worker has been asked to come back then."))
    swept_at = models.DateTimeField(_("last sweep"), null=True, blank=True)

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        default_permissions = ()

    def __str__(self) -> str:
        return self.merchant_code

    @property
    def paused_now(self) -> bool:
        """Whether 2Checkout is asked nothing right now; once ``paused_until`` has passed, one customer is tried."""
        return self.paused_until is not None and self.paused_until > clock_of(self)
