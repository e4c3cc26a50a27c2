"""Keeps references and card tokens out of error reporters and tracers: they stand in the addresses at 2Checkout.

For Sentry and OpenTelemetry, neither of which is needed to import this module::

    sentry_sdk.init(
        before_breadcrumb=reporters.without_addresses,
        before_send=reporters.without_addresses,
        before_send_transaction=reporters.without_addresses,
    )
    RequestsInstrumentor().instrument(request_hook=reporters.hide_address)
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from .client import BASE_URL, checked_base_url
from .client.log_filter import address_pattern
from .conf import ConfigurationError, conf

#: The token of single sign-on. Sentry keeps the query apart from the address.
_SIGN_ON = re.compile(r"(ssotoken=)[^&\s\"')]*")


def without_addresses(report: Any, hint: object = None) -> Any:
    """A copy of the report with each address of a customer at 2Checkout cut after ``customers/``.

    *report*: a breadcrumb, an event or a transaction of Sentry, or any text.
    """
    if isinstance(report, str):
        for address in _addresses():
            report = address.sub(r"\1…", report)
        return _SIGN_ON.sub(r"\1…", report)
    if isinstance(report, dict):
        return {name: without_addresses(value) for name, value in report.items()}
    return list(map(without_addresses, report)) if isinstance(report, list) else report


def hide_address(span: Any, *request: object) -> None:
    """Cut the address in the span's attributes. A ``request_hook`` of OpenTelemetry for requests and for urllib3."""
    for name, value in (getattr(span, "attributes", None) or {}).items():
        if (shown := without_addresses(value)) != value:
            span.set_attribute(name, shown)


def _addresses() -> Iterable[re.Pattern[str]]:
    """How the addresses of each account begin."""
    try:
        urls = {checked_base_url(conf.of(account).BASE_URL) for account in conf.aliases()}
    except (ConfigurationError, ValueError):  # nothing is sent with a wrong setting
        urls = {BASE_URL}
    return map(_pattern, urls)


_pattern = lru_cache(maxsize=16)(address_pattern)
