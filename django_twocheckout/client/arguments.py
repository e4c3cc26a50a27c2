"""Checks what a caller gives: the base URL, the timeout and the merchant code once, references and bodies per request.

A wrong argument of the client is a ValueError. A reference, a token or a body that cannot be sent is NotSent. No error
repeats a value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import quote, urlsplit

from ..exceptions import NotSent

BASE_URL = "https://api.2checkout.com/rest/6.0/"
#: The most characters of a reference or token in an address.
LONGEST_SEGMENT = 4000

#: The pages of a shopper's account at 2Checkout to which a single sign-on link may lead.
ACCOUNT_PAGES = ("payment_methods", "my_products", "user_data", "order_lookup")

Timeout = float | tuple[float, float]


def checked_base_url(base_url: str) -> str:
    """The base URL with a slash at its end. Raises ValueError unless it is HTTPS, or HTTP to this machine."""
    if not isinstance(base_url, str):
        raise ValueError("base_url must be a text.")
    try:
        parts = urlsplit(base_url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("base_url is not an address.") from None
    if parts.username or parts.password or parts.query or parts.fragment or not host:
        raise ValueError("base_url must be an address with a host and without credentials, query or fragment.")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise ValueError("base_url must begin with https://; only a server on this very machine may go without.")
    return base_url if base_url.endswith("/") else base_url + "/"


def is_web_address(text: str) -> bool:
    """Whether it is an address that a browser may be sent to: HTTPS, or HTTP to this machine."""
    try:
        parts = urlsplit(text)
        host, user = parts.hostname or "", parts.username or parts.password
    except ValueError:
        return False
    safe = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))
    return safe and bool(host) and not user and len(text) <= LONGEST_SEGMENT and not re.search(r"[^!-~]|\\", text)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def checked_timeout(timeout: Timeout) -> tuple[float, float]:
    """The timeout as a pair (connect, read) of seconds. Raises ValueError unless both are above 0."""
    pair = timeout if isinstance(timeout, tuple | list) else (timeout, timeout)
    if len(pair) != 2 or not all(map(_is_duration, pair)):
        raise ValueError("timeout must be a number of seconds above 0, or a pair of them (connect, read).")
    connect, read = pair
    return connect, read


def _is_duration(seconds: object) -> bool:
    return isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 < seconds < float("inf")


def checked_merchant_code(merchant_code: str) -> str:
    """The merchant code. Raises ValueError unless it fits in a header, where only ASCII has one meaning."""
    if not isinstance(merchant_code, str) or not re.fullmatch(r"[!#-~]+", merchant_code):
        raise ValueError("merchant_code must be a text of ASCII characters without blanks and quotes.")
    return merchant_code


def checked_account_page(page: str) -> str:
    """The page of a shopper's account. Raises ValueError unless it is one of ACCOUNT_PAGES."""
    if page not in ACCOUNT_PAGES:
        raise ValueError(f"page must be one of {', '.join(ACCOUNT_PAGES)}, not {page!r:.40}.")
    return page


def checked_language(language: str) -> str:
    """The language's two letters. Takes Django's codes too, such as ``pt-br``. Raises ValueError for anything else."""
    found = re.fullmatch(r"([A-Za-z]{2})([-_][A-Za-z0-9-_]*)?", language) if isinstance(language, str) else None
    if found is None:
        raise ValueError(f"language must be two letters, such as 'en', not {language!r:.40}.")
    return found[1].lower()


def path_segment(route: str, value: str) -> str:
    """The value as one segment of a path. Raises NotSent if it cannot be one.

    A blank or dots would name another address, however they are encoded.
    """
    if value in (None, "", ".", ".."):
        raise NotSent(f"{route}: a reference or token must not be blank, '.' or '..'")
    value = str(value)
    if len(value) > LONGEST_SEGMENT:
        raise NotSent(f"{route}: a reference or token must not be longer than {LONGEST_SEGMENT} characters")
    try:
        return quote(value, safe="")
    except UnicodeEncodeError:
        raise NotSent(f"{route}: a reference or token cannot be written as UTF-8") from None


def json_body(route: str, information: Mapping[str, object]) -> bytes:
    """The information as JSON. Raises NotSent if it cannot be written as JSON."""
    try:
        return json.dumps(dict(information), ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError):
        raise NotSent(f"{route}: the information cannot be written as JSON") from None
