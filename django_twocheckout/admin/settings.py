"""The settings in force as a person may see them: what each means, whether it was touched, and never a secret."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.core import checks
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..conf import KNOWN, REQUIRED, Conf, ConfigurationError, conf

#: Always as long, so that it does not even tell a length.
HIDDEN = "••••••••"

MEANINGS = {
    "MERCHANT_CODE": gettext_lazy("Who we are at 2Checkout."),
    "SECRET_KEY": gettext_lazy("The key that signs each request."),
    "BASE_URL": gettext_lazy("Where 2Checkout's API is."),
    "HASH_ALGORITHM": gettext_lazy("The hash of the signature."),
    "TIMEOUT": gettext_lazy("Seconds to connect, and seconds to wait for an answer."),
    "REFERENCE_PREFIX": gettext_lazy("What our references of new customers begin with."),
    "READ_BEFORE_WRITE": gettext_lazy("Whether 2Checkout's customer is fetched and merged before each update."),
    "CONFLICT": gettext_lazy("Who wins in a field that changed on both sides."),
    "END_USER_UPDATE": gettext_lazy("Whether updates reach the customer's subscriptions too."),
    "CARDS_BY_SSO": gettext_lazy("Whether cards without tokens are asked for once more by single sign-on."),
    "PUSH_ON_SAVE": gettext_lazy("Whether each save wakes a worker."),
    "BATCH_SIZE": gettext_lazy("How many customers a worker process takes at a time."),
    "CONCURRENCY": gettext_lazy("How many customers a worker process pushes side by side."),
    "RATE_LIMIT": gettext_lazy("The most requests of all workers together."),
    "MAX_ATTEMPTS": gettext_lazy("After so many unsuccessful tries a customer is failed."),
    "HISTORY_DAYS": gettext_lazy("How many days the history is kept."),
    "CONFIRM_ROWS": gettext_lazy("Actions of the admin on more customers than that ask once more."),
    "QUEUE": gettext_lazy("The Celery queue of our tasks."),
}


@dataclass(frozen=True)
class Setting:
    name: str
    value: str
    is_default: bool
    meaning: str


def in_force() -> Iterator[Setting]:
    """Each setting that there is, also where the project's own are missing or wrong."""
    secret = _value("SECRET_KEY")
    for name in KNOWN:
        value = _value(name)
        at_default = name not in REQUIRED and value == vars(Conf)[name]
        yield Setting(name, _shown(name, value, secret), at_default, str(MEANINGS[name]))


def mistakes() -> list[checks.CheckMessage]:
    """What the app's own system checks say of the settings, those for production included."""
    found = checks.run_checks(tags=["twocheckout"], include_deployment_checks=True)
    return [message for message in found if not message.is_silenced()]


def _value(name: str) -> Any:
    try:
        return getattr(conf, name)
    except ConfigurationError:
        return None


def _shown(name: str, value: Any, secret: Any) -> str:
    if value in (None, "") and name in REQUIRED:
        return _("not set")
    if name == "SECRET_KEY":
        return HIDDEN
    text = _without_credentials(value) if name == "BASE_URL" else repr(value)
    # A key pasted under a second name is no less secret there.
    return HIDDEN if secret and (str(secret) in text or str(secret) in str(value)) else text


def _without_credentials(url: Any) -> str:
    """The address as far as it can hold no user, password or token."""
    try:
        parts = urlsplit(url)
        if not isinstance(url, str) or not parts.hostname:
            return HIDDEN
    except (ValueError, TypeError, AttributeError):
        return HIDDEN
    user, at, host = parts.netloc.rpartition("@")
    query = f"?{HIDDEN}" if parts.query or parts.fragment else ""
    return repr(f"{parts.scheme}://{HIDDEN if user else ''}{at}{host}{parts.path}{query}")
