"""A ready schedule for Celery beat, to be merged into the project's own. Needs no settings and no apps to be imported.

CELERY_BEAT_SCHEDULE = {**django_twocheckout.schedule.BEAT_SCHEDULE, ...}
"""

from __future__ import annotations

from typing import Any

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "twocheckout.push_pending": {
        "task": "twocheckout.push_pending",
        "schedule": 60.0,
        # A sweep that no worker took before the next one comes is not needed any more.
        "options": {"expires": 55.0},
    },
}
