"""Reads the settings of the project, for all modules: no other one knows Django's."""

from __future__ import annotations

from django.conf import settings


def public_host() -> str:
    """The first of the project's hosts that is no pattern. Blank without one."""
    hosts = (host for host in settings.ALLOWED_HOSTS if "*" not in host and not host.startswith("."))
    return next(hosts, "")


def signing_keys() -> list[str | bytes]:
    """The project's SECRET_KEY, and then those of SECRET_KEY_FALLBACKS."""
    return [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]


def given() -> object:
    """The project's whole ``TWOCHECKOUT``, valid or not. None without one."""
    return getattr(settings, "TWOCHECKOUT", None)
