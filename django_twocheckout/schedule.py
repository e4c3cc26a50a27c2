"""The beat entry of the sweep, for the project's own schedule. Importing it needs no settings and no apps.

CELERY_BEAT_SCHEDULE = {**django_twocheckout.schedule.BEAT_SCHEDULE, ...}
"""

from __future__ import annotations

from typing import Any

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "twocheckout.push_pending": {
        "task": "twocheckout.push_pending",
        "schedule": 60.0,
        # A sweep that waited for a minute is useless: the next one is there.
        "options": {"expires": 55.0},
    },
}
