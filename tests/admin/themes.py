"""A small site whose admin wears a theme.

``python -m tests.admin.themes unfold`` prints its pages as JSON, and with ``worn`` those of an admin that is the
theme's own, too. A theme replaces the admin's templates for a whole process, so each has a process of its own.
"""

from __future__ import annotations

import json
import sys

import django
from django.conf import settings

from .. import settings as usual


def set_up(theme, **changes):
    """Django with this app before its admin, and an empty database."""
    names = {name: value for name, value in vars(usual).items() if name.isupper()}
    names |= {
        "INSTALLED_APPS": [theme, *usual.INSTALLED_APPS],
        "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        "ALLOWED_HOSTS": ["*"],
        "CELERY_BROKER_URL": "memory://",
        **changes,
    }
    settings.configure(**names)
    django.setup()

    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def customers(vendor):
    """A customer in each state, the synced one with a card; and one that exists at 2Checkout alone."""
    from django.contrib.auth.models import User

    from django_twocheckout import sync
    from django_twocheckout.models import Customer

    from ..customers import ADA

    User.objects.create_superuser("admin", "admin@example.org", "admin")
    synced, failed, pending = (
        Customer.objects.create(**{**ADA, "first_name": name}) for name in ("Ada", "Charles", "Grace")
    )
    sync.push(synced)
    vendor.add_card(synced.customer_reference)
    reason = "Not sent to 2Checkout: FiscalCode is refused: it is no VAT ID."
    Customer.objects.filter(pk=failed.pk).update_unmarked(sync_state="failed", sync_error=reason, failed_attempts=1)
    alone = vendor.add_customer(
        FirstName="Mary", LastName="Somerville", Address1="1 Burntisland", City="Jedburgh", Zip="TD8", CountryCode="GB",
        Email="mary@example.org", ExternalCustomerReference="shop-7",
    )  # fmt: skip
    return synced, failed, pending, alone


def pages(vendor):
    from django.contrib.auth.models import User
    from django.test import Client

    from .pages import LIST

    synced, failed, pending, alone = customers(vendor)
    client = Client()
    client.force_login(User.objects.get())
    asked = {
        "index": client.get("/admin/"),
        "list": client.get(LIST),
        "form": client.get(f"{LIST}{failed.pk}/change/"),
        "form of a pending one": client.get(f"{LIST}{pending.pk}/change/"),
        "add": client.get(f"{LIST}add/"),
        "add from 2Checkout": client.get(f"{LIST}add-from-2checkout/"),
        "preview": client.post(f"{LIST}add-from-2checkout/", {"reference": alone}),
        "cards": client.get(f"{LIST}cards/?customer={synced.pk}"),
        "history": client.get(f"{LIST}{synced.pk}/history/"),
        "status": client.get(f"{LIST}status/"),
        "delete": client.get(f"{LIST}{synced.pk}/delete/"),
        "delete several": client.post(
            LIST, {"action": "delete_selected", "_selected_action": [synced.pk, failed.pk, pending.pk]}
        ),
    }
    return {name: [response.status_code, response.content.decode()] for name, response in asked.items()}


def wear():
    """Register the customers once more, as unfold wants it of admins that are not its own."""
    from django.contrib import admin
    from unfold.admin import ModelAdmin

    from django_twocheckout.admin import CustomerAdmin
    from django_twocheckout.models import Customer

    admin.site.unregister(Customer)
    admin.site.register(Customer, type("Worn", (CustomerAdmin, ModelAdmin), {}))


def main(theme, *worn):
    from django_twocheckout.testing import FakeTwoCheckout

    with FakeTwoCheckout().serve() as vendor:
        set_up(theme, TWOCHECKOUT={**usual.TWOCHECKOUT, "BASE_URL": vendor.url, "PUSH_ON_SAVE": False})
        if worn:
            wear()
        sys.stdout.write(json.dumps(pages(vendor)))


if __name__ == "__main__":
    main(*sys.argv[1:])
