"""The settings in force, for the status page: their meanings, values and defaults. Never a secret."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.core import checks
from django.utils.translation import gettext as _

from ...conf import SETTINGS, Conf, Setting
from ...redaction import redacted_repr

#: Always as long, so that it does not even show a length.
HIDDEN = "••••••••"


@dataclass(frozen=True)
class InForce:
    name: str
    value: str
    is_default: bool
    meaning: str

    __repr__ = redacted_repr


def in_force() -> Iterator[InForce]:
    """Each setting, even if the project's own are missing or wrong."""
    for name, setting in SETTINGS.items():
        value = setting.raw()
        at_default = not setting.required and value == setting.default
        yield InForce(name, _shown(setting, value), at_default, str(setting.meaning))


def mistakes() -> list[checks.CheckMessage]:
    """The messages of the app's own system checks, including those for production."""
    found = checks.run_checks(tags=["twocheckout"], include_deployment_checks=True)
    return [message for message in found if not message.is_silenced()]


def _shown(setting: Setting[object], value: object) -> str:
    if setting.is_missing(value):
        return _("not set")
    if setting.secret:
        return HIDDEN
    if setting.name == "ACCOUNTS":
        value = _names(value)  # each has a secret key
    text = _without_credentials(value) if setting.name == "BASE_URL" else repr(value)
    # A key pasted under a second name is no less secret there.
    aliases = _names(Conf.ACCOUNTS.raw())
    keys = [Conf.SECRET_KEY.raw(), *(Conf.SECRET_KEY.raw(alias) for alias in aliases)]
    secrets = [str(key) for key in keys if key]
    return HIDDEN if any(secret in text or secret in str(value) for secret in secrets) else text


def _names(accounts: object) -> list[str]:
    return sorted(map(str, accounts)) if isinstance(accounts, dict) else []


def _without_credentials(url: object) -> str:
    """The address without user, password and token."""
    if not isinstance(url, str):
        return HIDDEN
    try:
        parts = urlsplit(url)
        if not parts.hostname:
            return HIDDEN
    except ValueError:
        return HIDDEN
    user, at, host = parts.netloc.rpartition("@")
    query = f"?{HIDDEN}" if parts.query or parts.fragment else ""
    return repr(f"{parts.scheme}://{HIDDEN if user else ''}{at}{host}{parts.path}{query}")
