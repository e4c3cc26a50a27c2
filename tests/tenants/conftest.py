from __future__ import annotations

from django.conf import settings

# A database backend of their own, so these run with settings of their own.
collect_ignore_glob = [] if "django_tenants" in settings.INSTALLED_APPS else ["*.py"]
