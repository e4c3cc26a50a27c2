"""With django-celery-beat the schedule stands in the database, and only ``check --database`` looks there.

Version 2.9 takes no Django above 6.0, so the package is not in the extra ``compat``.
"""

from __future__ import annotations

import pytest
from django.conf import settings
from django.core.checks import run_checks

from django_twocheckout.schedule import BEAT_SCHEDULE

if "django_celery_beat" not in settings.INSTALLED_APPS:
    pytest.skip("django-celery-beat is not installed", allow_module_level=True)

from django_celery_beat.models import IntervalSchedule, PeriodicTask


def ids(databases=None):
    return [message.id for message in run_checks(tags=["twocheckout"], databases=databases)]


@pytest.fixture
def schedule(db):
    def add(**values):
        every, _created = IntervalSchedule.objects.get_or_create(every=1, period="minutes")
        PeriodicTask.objects.create(interval=every, **values)

    return add


def test_without_database__nothing_is_asked(django_assert_num_queries, db):
    with django_assert_num_queries(0):
        assert ids() == []


def test_no_sweep(schedule):
    schedule(name="a", task="shop.tasks.clean")
    schedule(name="b", task="twocheckout.push_pending", enabled=False)
    assert ids(["default"]) == ["twocheckout.W004"]


def test_a_sweep(schedule):
    schedule(name="a", task="twocheckout.push_pending")
    assert ids(["default"]) == []


def test_a_sweep_in_the_settings__beat_copies_it(db, other_broker):
    other_broker("memory://", beat_schedule=BEAT_SCHEDULE)
    assert ids(["default"]) == []


def test_not_migrated_yet(db, monkeypatch):
    monkeypatch.setattr(PeriodicTask._meta, "db_table", "not_there")
    assert ids(["default"]) == []
