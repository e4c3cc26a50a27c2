"""A project with packages that stand beside ours (extra ``compat``).

What a package changes for all other tests is turned off here, and on in its own tests.
"""

from __future__ import annotations

import os
from importlib.util import find_spec

from ..settings import *  # noqa: F403
from ..settings import INSTALLED_APPS as _APPS

INSTALLED_APPS = [
    *_APPS,
    "auditlog",
    "cachalot",
    "cacheops",
    "guardian",
    "import_export",
    "reversion",
    "simple_history",
    "tests.compat",
    *(["django_celery_beat"] if find_spec("django_celery_beat") else []),
]


class _NoMigrations(dict[str, str]):
    """Every app's tables are made from its models at once.

    Else those of the apps without migrations come first, and PostgreSQL refuses their references to what is not there.
    """

    def __contains__(self, label: object) -> bool:
        return True

    def __getitem__(self, label: str) -> None:  # type: ignore[override]
        return None


MIGRATION_MODULES = _NoMigrations()
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend", "guardian.backends.ObjectPermissionBackend"]
CACHALOT_ENABLED = False
CACHALOT_UNCACHABLE_APPS: tuple[str, ...] = ()
CACHEOPS: dict[str, object] = {}
CACHEOPS_REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/13")
