"""Connects the app to Django: it registers the receivers and the system checks, before anything is saved."""

from __future__ import annotations

from collections.abc import Iterator

from celery.signals import worker_ready
from django.apps import AppConfig
from django.core.checks import Tags, register
from django.db.models import Model
from django.db.models.signals import post_save, pre_delete, pre_save
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


def _subclasses(model: type[Model]) -> Iterator[type[Model]]:
    for subclass in model.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


class TwoCheckoutConfig(AppConfig):
    name = "django_twocheckout"
    label = "twocheckout"
    verbose_name = _("2Checkout")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Imported here: before ready() Django has not loaded the models.
        from . import checks, receivers
        from .models import Customer, customers_marked

        register(checks.check_settings, "twocheckout")
        register(checks.check_sweep, "twocheckout")
        register(checks.check_managers, "twocheckout")
        register(checks.check_caches, "twocheckout")
        register(checks.check_algorithms, "twocheckout")
        register(checks.check_mirrors, "twocheckout")
        register(checks.check_sweep_in_database, "twocheckout", Tags.database)
        register(checks.check_worker, "twocheckout", deploy=True)
        register(checks.check_addresses, "twocheckout", deploy=True)
        register(checks.check_broker, "twocheckout", deploy=True)
        post_save.connect(receivers.push_saved_customer, dispatch_uid="twocheckout.push_saved")
        customers_marked.connect(receivers.push_marked_customers, dispatch_uid="twocheckout.push_marked")
        # Each by its model: a receiver for all models would make the deletion of any row slower.
        models: list[type[Model]] = [Customer, *_subclasses(Customer)]
        for model in models:
            pre_delete.connect(receivers.keep_row_while_erased, model, dispatch_uid="twocheckout.keep_row_while_erased")
        pre_save.connect(receivers.prepare_mirrored_object, dispatch_uid="twocheckout.prepare_mirrored")
        post_save.connect(receivers.mirror_saved_object, dispatch_uid="twocheckout.mirror_saved")
        worker_ready.connect(receivers.push_what_waited, dispatch_uid="twocheckout.push_what_waited")
        autodiscover_modules("twocheckout")  # the project's mirrors
