from __future__ import annotations

from celery import current_app

from django_twocheckout import tasks
from django_twocheckout.schedule import BEAT_SCHEDULE


def test_names_tasks_that_exist_and_do_not_pile_up():
    [entry] = BEAT_SCHEDULE.values()
    assert current_app.tasks[entry["task"]].name == tasks.push_pending.name
    assert entry["options"]["expires"] < entry["schedule"]
