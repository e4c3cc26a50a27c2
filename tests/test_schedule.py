from __future__ import annotations

from celery import current_app

from django_twocheckout import tasks
from django_twocheckout.schedule import BEAT_SCHEDULE


def test_names_tasks_that_exist_and_do_not_pile_up():
    sweep, verify = BEAT_SCHEDULE["twocheckout.push_pending"], BEAT_SCHEDULE["twocheckout.verify"]
    assert current_app.tasks[sweep["task"]].name == tasks.push_pending.name
    assert sweep["options"]["expires"] < sweep["schedule"]
    assert current_app.tasks[verify["task"]].name == tasks.verify.name
    assert (verify["schedule"].hour, len(BEAT_SCHEDULE)) == ({3}, 2)
