"""Routers of a project."""

from __future__ import annotations


class Elsewhere:
    """Our tables are in the default database alone."""

    def allow_migrate(self, db, app_label, **hints):
        return db == "default" or app_label != "twocheckout"
