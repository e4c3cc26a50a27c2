"""What the page about other packages imports from them is there."""

from __future__ import annotations

from ..docs.pages import DOCS, check_names

PACKAGES = ["auditlog", "django_twocheckout", "opentelemetry", "reversion", "sentry_sdk"]


def test_each_name_of_another_package_exists():
    check_names(DOCS / "how-to" / "beside-other-packages.md", PACKAGES)
