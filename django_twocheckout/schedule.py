"""The beat entries of the sweep and of the nightly look, for the project's own schedule.

Importing it needs no settings and no apps.

CELERY_BEAT_SCHEDULE = {**django_twocheckout.schedule.BEAT_SCHEDULE, ...}
"""

from __future__ import annotations

from typing import Any

from celery.schedules import crontab

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "twocheckout.push_pending": {
        "task": "twocheckout.push_pending",
        "schedule": 60.0,
        # A sweep that waited for a minute is useless: the next one is there.
        "options": {"expires": 55.0},
    },
    "twocheckout.verify": {
        "task": "twocheckout.verify",
        # At night, by the timezone of the project's Celery app: it reads every customer.
        "schedule": crontab(hour=3, minute=17),
        "options": {"expires": 3600.0},
    },
}
