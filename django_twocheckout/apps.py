"""Where Django meets the app: connects the receivers and registers the checks, and does nothing else."""

from __future__ import annotations

from celery.signals import worker_ready
from django.apps import AppConfig
from django.core.checks import register
from django.db.models.signals import post_save
from django.utils.translation import gettext_lazy as _


class TwoCheckoutConfig(AppConfig):
    name = "django_twocheckout"
    label = "twocheckout"
    verbose_name = _("2Checkout")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks, receivers, signals

        register(checks.check_settings, "twocheckout")
        register(checks.check_worker, "twocheckout", deploy=True)
        post_save.connect(receivers.push_saved_customer, dispatch_uid="twocheckout.push_saved")
        signals.customers_marked.connect(receivers.push_marked_customers, dispatch_uid="twocheckout.push_marked")
        worker_ready.connect(receivers.push_what_waited, dispatch_uid="twocheckout.push_what_waited")
