"""Finds mistakes in the ``TWOCHECKOUT`` setting before 2Checkout does. Never prints a value that may be a secret."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from typing import Any

from celery import current_app
from django.core import checks
from django.core.checks import CheckMessage, Error

from .client import HASH_ALGORITHMS, Signature, checked_base_url, checked_timeout
from .conf import KNOWN, REQUIRED, conf, given, parsed_rate

DOCS = "See “Settings” in the README of django-twocheckout."


def check_settings(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """E001 to E006: the setting as a whole, its keys, and its values."""
    values = given()
    if not isinstance(values, dict):
        return [
            Error(
                "TWOCHECKOUT is not set." if values is None else "TWOCHECKOUT must be a dictionary.",
                hint='Set TWOCHECKOUT = {"MERCHANT_CODE": …, "SECRET_KEY": …}. ' + DOCS,
                id="twocheckout.E001",
            )
        ]
    return [*_unknown_keys(values), *_missing_keys(values), *_wrong_values(values)]


def _unknown_keys(values: dict[Any, Any]) -> Iterator[CheckMessage]:
    for key in values:
        if key not in KNOWN:
            close = difflib.get_close_matches(str(key).upper(), KNOWN, n=1)
            hint = f"Did you mean {close[0]!r}?" if close else f"Known keys are {', '.join(KNOWN)}."
            yield Error(f"TWOCHECKOUT has an unknown key {key!r}.", hint=hint, id="twocheckout.E002")


def _missing_keys(values: dict[Any, Any]) -> Iterator[CheckMessage]:
    for key in REQUIRED:
        if not values.get(key):
            hint = "Control Panel, Integrations, Webhooks & API; read it from the environment. " + DOCS
            yield Error(f"TWOCHECKOUT[{key!r}] is missing or blank.", hint=hint, id="twocheckout.E003")


def _wrong_values(values: dict[Any, Any]) -> Iterator[CheckMessage]:
    if all(map(values.get, REQUIRED)):
        try:
            Signature(conf.MERCHANT_CODE, conf.SECRET_KEY, next(iter(HASH_ALGORITHMS)))
        except ValueError as error:
            key = "MERCHANT_CODE" if "merchant_code" in str(error) else "SECRET_KEY"
            yield Error(f"TWOCHECKOUT[{key!r}] is wrong: {error}", hint="Copy it once more.", id="twocheckout.E006")
    try:
        checked_base_url(conf.BASE_URL)
    except (ValueError, TypeError, AttributeError) as error:
        hint = "Leave it out for https://api.2checkout.com/rest/6.0/."
        yield Error(f"TWOCHECKOUT['BASE_URL'] is wrong: {_named(error)}", hint=hint, id="twocheckout.E004")
    if conf.HASH_ALGORITHM not in tuple(HASH_ALGORITHMS):
        hint = f"Use one of {', '.join(map(repr, HASH_ALGORITHMS))}; 2Checkout no longer supports MD5."
        yield Error("TWOCHECKOUT['HASH_ALGORITHM'] is unknown.", hint=hint, id="twocheckout.E005")
    try:
        checked_timeout(conf.TIMEOUT)
    except (ValueError, TypeError) as error:
        hint = "For example 30, or (5, 30)."
        yield Error(f"TWOCHECKOUT['TIMEOUT'] is wrong: {_named(error)}", hint=hint, id="twocheckout.E006")
    for key, valid, hint in _RULES:
        if not valid(getattr(conf, key)):
            yield Error(f"TWOCHECKOUT[{key!r}] is wrong.", hint=hint, id="twocheckout.E006")


def _named(error: Exception) -> str:
    return str(error) if isinstance(error, ValueError) and "must" in str(error) else "it cannot be read."


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_rate(value: Any) -> bool:
    try:
        return value is None or bool(parsed_rate(value))
    except ValueError:
        return False


def _is_prefix(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 200 and value == value.strip() and not value[:1].isdigit()


_RULES: tuple[tuple[str, Callable[[Any], Any], str], ...] = (
    (
        "REFERENCE_PREFIX",
        _is_prefix,
        "Begin it with a letter: 2Checkout looks up its own numeric references and ours in the same place, so a "
        "reference that looks like a number could name somebody else's customer.",
    ),
    ("CONFLICT", lambda value: value in ("local", "remote"), 'Use "local" or "remote".'),
    ("READ_BEFORE_WRITE", _is_flag, "Use True or False."),
    ("END_USER_UPDATE", _is_flag, "Use True or False."),
    ("CARDS_BY_SSO", _is_flag, "Use True or False."),
    ("PUSH_ON_SAVE", _is_flag, "Use True or False."),
    ("BATCH_SIZE", _is_count, "Use a whole number above 0."),
    ("CONCURRENCY", _is_count, "Use a whole number above 0."),
    ("RATE_LIMIT", _is_rate, 'Use a number of requests per second, minute or hour, such as "10/s", or None.'),
    ("MAX_ATTEMPTS", _is_count, "Use a whole number above 0."),
    ("HISTORY_DAYS", lambda value: value == 0 or _is_count(value), "Use a number of days, or 0 to keep no history."),
    ("CONFIRM_ROWS", _is_count, "Use a whole number above 0."),
    ("QUEUE", lambda value: value is None or (isinstance(value, str) and value), "Use a queue's name, or None."),
)


def check_worker(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """W001 and W002, with ``check --deploy``: a Celery that no worker can reach, or that pushes inside the request."""
    messages: list[CheckMessage] = []
    if str(current_app.conf.broker_url or "").startswith("memory:"):
        messages.append(
            checks.Warning(
                "Celery's broker lives in this process's memory, where no worker can see it.",
                hint="Set CELERY_BROKER_URL to a Redis or RabbitMQ server.",
                id="twocheckout.W001",
            )
        )
    if current_app.conf.task_always_eager:
        messages.append(
            checks.Warning(
                "Celery runs tasks at once, so every save talks to 2Checkout inside the request.",
                hint="Leave CELERY_TASK_ALWAYS_EAGER to tests.",
                id="twocheckout.W002",
            )
        )
    return messages
