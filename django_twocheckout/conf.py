"""Reads the project's ``TWOCHECKOUT`` setting, afresh each time it is asked; the only room that does."""

from __future__ import annotations

from typing import Any, Literal, get_type_hints

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


class ConfigurationError(ImproperlyConfigured):
    """A setting is missing or wrong. No TwoCheckoutError: a mistake at home must not look like trouble on the way."""


def given() -> Any:
    """The setting as the project has it, None if it has none."""
    return getattr(settings, "TWOCHECKOUT", None)


class Conf:
    """The settings with their defaults. What has no default is required."""

    MERCHANT_CODE: str
    """The merchant code: Control Panel, Integrations, Webhooks & API."""
    SECRET_KEY: str
    """The secret key of the same page; not one of the secret words of buy links or INS."""
    BASE_URL: str = "https://api.2checkout.com/rest/6.0/"
    """Where the API is; HTTPS unless it is this very machine."""
    HASH_ALGORITHM: str = "sha3-256"
    """The signature's hash: ``"sha3-256"`` or ``"sha256"``."""
    TIMEOUT: float | tuple[float, float] = (5, 30)
    """Seconds, or a pair: seconds to connect, seconds to wait for the answer."""
    REFERENCE_PREFIX: str = "dj-"
    """What new external references begin with; keeps two sites on one account apart, and references from looking like
    numbers."""
    READ_BEFORE_WRITE: bool = True
    """Fetch and merge before an update, so that what changed at 2Checkout lives. False: one request, our row as it
    is."""
    CONFLICT: Literal["local", "remote"] = "local"
    """Who wins in a field that changed on both sides: ``"local"`` or ``"remote"``."""
    END_USER_UPDATE: bool = False
    """Let updates reach the end-user details of all the customer's subscriptions too."""
    CARDS_BY_SSO: bool = True
    """Where 2Checkout lists a customer's cards without tokens, ask once more by a single sign-on token, which is where
    it documents them. False: such cards are shown, and cannot be deleted from here."""
    PUSH_ON_SAVE: bool = True
    """Wake a worker after each save. False: saves only mark the row; the sweep, the command or the admin push it."""
    BATCH_SIZE: int = 100
    """How many due rows a worker process takes at a time, and settles together at the most. More saves little, and a
    worker that is killed leaves so many to be looked up."""
    CONCURRENCY: int = 4
    """How many customers a worker process pushes side by side. 2Checkout documents no limit, so the default is a polite
    one: about what a browser would open."""
    RATE_LIMIT: str | None = None
    """The most requests over all workers, such as ``"10/s"`` or ``"300/m"``; None for no limit of ours."""
    MAX_ATTEMPTS: int = 14
    """After so many unsuccessful tries a row is failed. With 14, after about two hours."""
    HISTORY_DAYS: int = 90
    """How many days the history of attempts is kept; 0 keeps none."""
    CONFIRM_ROWS: int = 50
    """An action of the admin on more customers than that asks once more."""
    QUEUE: str | None = None
    """The Celery queue for our tasks; None leaves it to the project's routing."""

    def __getattribute__(self, name: str) -> Any:
        if not name.isupper():
            return super().__getattribute__(name)
        values = given()
        if isinstance(values, dict) and name in values:
            return values[name]
        try:
            return super().__getattribute__(name)
        except AttributeError:
            raise ConfigurationError(f"TWOCHECKOUT[{name!r}] is not set.") from None


_PERIODS = {"s": 1, "m": 60, "h": 3600}


def parsed_rate(rate: str) -> tuple[int, int]:
    """``"10/s"`` as (10, 1): so many requests in so many seconds; ValueError for anything else."""
    count, _, period = rate.partition("/") if isinstance(rate, str) else ("", "", "")
    if not (count.isdecimal() and int(count) and period in _PERIODS):
        raise ValueError('The rate must be a number of requests per second, minute or hour, such as "10/s" or "300/m".')
    return int(count), _PERIODS[period]


KNOWN: tuple[str, ...] = tuple(get_type_hints(Conf))
REQUIRED: tuple[str, ...] = tuple(name for name in KNOWN if name not in vars(Conf))

conf = Conf()
