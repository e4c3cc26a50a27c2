"""Checks the header ``X-Avangate-Authentication``, by code of its own: the client's is what it checks."""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, datetime

from .answers import HTTPRefusal

_ALGORITHMS = {"sha256": "sha256", "sha3-256": "sha3_256", "md5": "md5"}


def check(
    header: str, merchant_code: str, secret_key: str, *, accept_md5: bool = False, allowed_skew: float | None = None
) -> None:
    """Raise HTTPRefusal unless the header is signed with the key, and dated less than *allowed_skew* seconds from now.

    The header must be ASCII, as all that stands in a header.
    """
    facts = {name: a or b for name, a, b in re.findall(r"""(\w+)=(?:"([^"]*)"|'([^']*)')""", header)}
    algorithm = _ALGORITHMS.get(facts.get("algo", "md5"))
    code, date = facts.get("code", ""), facts.get("date", "")
    if algorithm is None or (algorithm == "md5" and not accept_md5):
        raise _refusal()
    if not header.isascii() or code != merchant_code:
        raise _refusal()
    message = f"{len(code)}{code}{len(date)}{date}".encode()
    expected = hmac.new(secret_key.encode(), message, lambda: hashlib.new(algorithm)).hexdigest()
    if not hmac.compare_digest(expected.encode(), facts.get("hash", "").encode()):
        raise _refusal()
    if allowed_skew is not None and _skew(date) > allowed_skew:
        raise _refusal()


def _skew(date: str) -> float:
    """Seconds between this moment and the date, which is in UTC."""
    try:
        signed = datetime.strptime(date, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        raise _refusal() from None
    return abs((datetime.now(UTC) - signed).total_seconds())


def _refusal() -> HTTPRefusal:
    return HTTPRefusal(401, "AUTHENTICATION_ERROR", "Authentication needed for this resource")
