"""The real django-tenants on PostgreSQL: a wake-up for each schema, and a sweep in each, also where no tables are."""

from __future__ import annotations

import logging

import celery
import pytest
from django.db import connection
from django_tenants.utils import get_public_schema_name, schema_context
from tenant_schemas_celery.app import CeleryApp

from django_twocheckout import dispatch, tasks
from django_twocheckout.models import Customer

from ..customers import ADA
from .models import Tenant

pytestmark = [pytest.mark.service, pytest.mark.django_db(transaction=True)]

NAMES = ["north", "south", "east"]


@pytest.fixture
def tenants():
    for name in NAMES:
        Tenant.objects.create(schema_name=name)
    yield NAMES
    for tenant in Tenant.objects.all():
        tenant.delete(force_drop=True)


@pytest.fixture
def published():
    """The schemas whose messages reached the broker, as README's Celery app sends them."""
    app = CeleryApp("tenants", broker="memory://")
    before = celery.current_app._get_current_object()
    app.set_current()
    found = []

    def keep(sender, headers, **_rest):
        found.append(headers["_schema_name"])

    celery.signals.before_task_publish.connect(keep)
    yield found
    celery.signals.before_task_publish.disconnect(keep)
    before.set_current()


def test_each_schema_is_woken(tenants, published, twocheckout):
    for name in (*tenants, "north"):
        with schema_context(name):
            Customer.objects.create(**ADA)
    assert published[:3] == tenants


def test_each_schema_is_swept(tenants, twocheckout):
    for name in tenants:
        with schema_context(name):
            Customer.objects.create(**ADA)
    for number, name in enumerate(tenants, start=1):
        with schema_context(name):
            tasks.push_pending()
            assert Customer.objects.get().sync_state == "synced"
        assert len(twocheckout.customers) == number
    with schema_context("north"):
        tasks.push_pending()
    assert len(twocheckout.customers) == len(tenants)


def test_the_shared_schema_has_nothing_to_sweep(tenants, twocheckout, caplog):
    caplog.set_level(logging.WARNING, "twocheckout")
    assert connection.schema_name == get_public_schema_name()
    dispatch._logged.clear()
    for _ in range(2):
        tasks.push_pending()
    assert caplog.text.count("nothing to sweep in default / public") == 1
