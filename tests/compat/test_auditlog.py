"""Beside django-auditlog: its log has what the project changed, and nothing of what the engine writes."""

from __future__ import annotations

import pytest
from auditlog.models import LogEntry

from django_twocheckout import sync
from django_twocheckout.models import Customer

from ..customers import ADA, change

pytestmark = pytest.mark.django_db(transaction=True)


def entries():
    """The log's lines, oldest first: what was done, and to which fields."""
    return [(entry.action, set(entry.changes)) for entry in LogEntry.objects.order_by("pk")]


def test_a_save_is_logged_with_its_fields(twocheckout):
    ada = Customer.objects.create(**ADA)
    change(ada, city="Paris", phone="555")
    [(created, _fields), (updated, fields)] = entries()
    assert (created, updated) == (LogEntry.Action.CREATE, LogEntry.Action.UPDATE)
    assert fields - {"saved_at"} == {"city", "phone"}


def test_a_push_and_a_pull_leave_no_line(twocheckout):
    ada = Customer.objects.create(**ADA)
    before = entries()
    sync.push(ada)
    twocheckout.edit(ada.customer_reference, City="Rome")
    sync.pull(ada)
    assert ada.city == "Rome"
    assert entries() == before


def test_no_line_has_a_column_of_the_engine(twocheckout):
    ada = sync.push(Customer.objects.create(**ADA))
    change(ada, city="Rome")
    ada.delete()
    assert [fields & Customer.ENGINE_FIELDS for _action, fields in entries()] == [set()] * 3
