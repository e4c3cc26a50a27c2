"""The rules of the settings' values, one for each kind of value: asked before any module gets one.

Each takes any object and raises nothing. It returns "" for a valid value, otherwise the words for what to use instead.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Any, Protocol, TypeGuard
from urllib.parse import urlsplit

from django.utils.module_loading import import_string

#: In seconds. A longer one overflows the timers of the operating system or of the database.
LONGEST_TIMEOUT = 24 * 60 * 60
#: A larger number overflows a database's integers.
LARGEST_COUNT = 1_000_000_000


Rule = Callable[[object], str]


def flag(value: object) -> str:
    return "" if isinstance(value, bool) else "True or False"


def whole_number(least: int, most: int) -> Rule:
    def rule(value: object) -> str:
        right = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
        return "" if right else f"a whole number from {least} to {most:,}"

    return rule


count = whole_number(1, LARGEST_COUNT)


def choice(*values: str) -> Rule:
    def rule(value: object) -> str:
        right = isinstance(value, str) and value in values
        return "" if right else " or ".join(f'"{one}"' for one in values)

    return rule


def choices(*values: str) -> Rule:
    def rule(value: object) -> str:
        right = isinstance(value, tuple | list) and value and all(one in values for one in value)
        return "" if right else f"a tuple of one or more of {', '.join(map(repr, values))}"

    return rule


def merchant_code(value: object) -> str:
    # It stands in a header between quotes, and in a column of the account.
    right = isinstance(value, str) and re.fullmatch(r"[!#-~]{1,128}", value)
    return "" if right else "a text of 1 to 128 ASCII characters without blanks and quotes"


def secret_key(value: object) -> str:
    return "" if _is_name(value) else "a text of printable characters without a blank at either end"


def prefix(value: object) -> str:
    right = _is_name(value) and len(value) <= 200 and not value[0].isdigit()
    return "" if right else "a text of 1 to 200 printable characters, with no digit in front and no blank at either end"


def queue(value: object) -> str:
    right = value is None or (_is_name(value) and len(value.encode()) <= 255)
    return "" if right else "a queue's name, or None"


def timeout(value: object) -> str:
    pair = value if isinstance(value, tuple | list) else (value, value)
    right = len(pair) == 2 and all(map(_is_seconds, pair))
    return "" if right else f"seconds above 0, {LONGEST_TIMEOUT:,} at the most, or a pair of them such as (5, 30)"


def rate(value: object) -> str:
    right = value is None or (isinstance(value, str) and _RATE.fullmatch(value))
    return "" if right else 'a number of requests per second, minute, hour or day, such as "10/s" or "300/min", or None'


def client_class(value: object) -> str:
    base = import_string("django_twocheckout.client.TwoCheckoutClient")
    try:
        right = isinstance(value, str) and issubclass(import_string(value), base)
    except Exception:  # a project's module may raise anything
        right = False
    return "" if right else "a dotted path to TwoCheckoutClient or a subclass, such as myshop.twocheckout.Client"


def dispatcher(value: object) -> str:
    """A shipped way to wake workers, or the project's own function."""
    advice = '"celery", "none", or the dotted path of a function, such as "myshop.queues.wake"'
    if value in ("celery", "none"):
        return ""
    if not isinstance(value, str) or "." not in value:
        return advice
    try:
        found = import_string(value)
    except Exception as error:  # a project's module may raise anything
        return f"{advice}; importing this one raises {type(error).__name__}"
    return "" if callable(found) else f"{advice}; this one is no function"


def excluded_fields(value: object) -> str:
    """Each name is a field that 2Checkout does not require, and that the row may do without."""
    if not isinstance(value, tuple | list) or not all(isinstance(name, str) for name in value):
        return 'a tuple of names of fields, such as ("phone", "fax")'
    if not value:
        return ""
    model = import_string("django_twocheckout.models.Customer")  # not at import: the models are not ready then
    for name in value:
        if name in model.REQUIRED_FIELDS:
            return f"other fields: 2Checkout requires {name!r}"
        if name == "external_customer_reference":
            return f"other fields: {name!r} is what a customer is found by at 2Checkout"
        if name not in model.EXCLUDABLE_FIELDS:
            close = difflib.get_close_matches(name, model.EXCLUDABLE_FIELDS, n=1)
            words = f"fields that are exchanged with 2Checkout; {name!r} is none"
            return words + (f": did you mean {close[0]!r}?" if close else "")
    if "company" in value and "fiscal_code" not in value:
        return "'fiscal_code' beside 'company': 2Checkout takes no fiscal code without a company"
    return ""


def base_url(value: object) -> str:
    return "" if _is_base_url(value) else "an address with https:// and a host, without credentials, query and fragment"


def _is_name(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value != "" and value.isprintable() and value == value.strip()


def _is_seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= LONGEST_TIMEOUT


def _is_base_url(value: object) -> bool:
    # urlsplit() hides an empty query, an empty fragment and empty credentials.
    if not isinstance(value, str) or not re.fullmatch(r"[!-~]+", value) or re.search(r"[@?#\\]", value):
        return False
    try:
        parts = urlsplit(value)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if port == 0 or parts.netloc.endswith(":") or not _is_host(host):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_this_machine(host))


def _is_host(host: str) -> bool:
    try:
        return bool(ip_address(host))
    except ValueError:
        labels = host.split(".")
        return len(host) <= 253 and not labels[-1].isdigit() and all(map(_LABEL.fullmatch, labels))


_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


_PERIODS = {"s": 1, "m": 60, "h": 60 * 60, "d": 24 * 60 * 60}
#: As in Django REST framework, the first letter names the period. But a month is no minute, and neither is a
#: millisecond.
_RATE = re.compile(r"([1-9][0-9]{0,8})/(?!mo|ms|mil)([smhd])[a-z]*")


def parsed_rate(text: str) -> tuple[int, int]:
    """``"10/s"`` as (10, 1): the number of requests, and the seconds for them. Raises ValueError for anything else."""
    match = _RATE.fullmatch(text)
    if match is None:
        raise ValueError("This is no rate.")
    return int(match[1]), _PERIODS[match[2]]


class Key(Protocol):
    """What the rule of ``ACCOUNTS`` asks about a setting."""

    own: bool
    rule: Rule

    def is_missing(self, value: object) -> bool: ...
    def raw(self) -> Any: ...


def account_settings(value: object, known: Mapping[str, Key], default: str) -> str:
    """The rule of ``ACCOUNTS``. It names accounts and keys, never a value. *default*: the account outside it."""
    if not isinstance(value, dict):
        return 'a dictionary such as {"us": {"MERCHANT_CODE": …, "SECRET_KEY": …}}'
    for alias, own in value.items():
        if not isinstance(alias, str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", alias) or alias == default:
            return (
                "names of 1 to 64 letters, digits, hyphens and underscores. "
                f"{default!r} is the name of the account outside ACCOUNTS"
            )
        if advice := _own_settings(alias, own, known):
            return advice
    owners = {str(known["MERCHANT_CODE"].raw()): default}
    for alias, own in value.items():
        owner = owners.setdefault(own["MERCHANT_CODE"], alias)
        if owner != alias:
            return f"another MERCHANT_CODE in each account: {owner!r} and {alias!r} have the same"
    return ""


def _own_settings(alias: str, own: object, known: Mapping[str, Key]) -> str:
    """What to use instead of this account's own settings."""
    if not isinstance(own, dict):
        return f"a dictionary of settings for {alias!r}"
    possible = [name for name, setting in known.items() if setting.own]
    for key in own:
        if key in known and key not in possible:
            return f"{key!r} outside ACCOUNTS, because all accounts share it; {alias!r} has it"
        if key not in possible:
            close = difflib.get_close_matches(str(key).upper(), possible, n=1)
            return f"known keys; {alias!r} has {key!r}" + (f": did you mean {close[0]!r}?" if close else "")
    for name in possible:
        setting = known[name]
        if setting.is_missing(own.get(name)):
            return f"a {name} of its own for {alias!r}"
        if name in own and (advice := setting.rule(own[name])):
            return f"another {name} for {alias!r}: {advice}"
    return ""
