"""Signs each request with the header that 2Checkout asks for.

https://docs.2checkout.com/api-reference/reference/authentication
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime

import requests
from requests.auth import AuthBase

from .arguments import checked_merchant_code

#: 2Checkout's names of the algorithms, and Python's.
HASH_ALGORITHMS = {"sha3-256": "sha3_256", "sha256": "sha256"}


class Signature(AuthBase):
    """Adds the header to a request. 2Checkout compares its date with the clock."""

    def __init__(self, merchant_code: str, secret_key: str, hash_algorithm: str) -> None:
        try:
            self.algorithm = checked_hash_algorithm(hash_algorithm)
            self.merchant_code = checked_merchant_code(merchant_code)
            if not isinstance(secret_key, str) or not secret_key or secret_key != secret_key.strip():
                raise ValueError("secret_key must be a text, not blank, and must not begin or end with a blank.")
            self._key = secret_key.encode()
            self._last = datetime.min.replace(tzinfo=UTC), ""  # with the header of that second
        finally:
            del secret_key  # reports of errors show what a function's variables hold

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        now = datetime.now(UTC).replace(microsecond=0)
        moment, header = self._last
        if moment != now:
            header = self.header(now)
            self._last = now, header
        request.headers["X-Avangate-Authentication"] = header
        return request

    def header(self, now: datetime) -> str:
        """The header's value for this moment (a datetime in UTC)."""
        date = now.strftime("%Y-%m-%d %H:%M:%S")
        # Lengths count bytes, not characters.
        message = b"".join(b"%d%b" % (len(part), part) for part in (self.merchant_code.encode(), date.encode()))
        digest = hmac.new(self._key, message, HASH_ALGORITHMS[self.algorithm]).hexdigest()
        return f'code="{self.merchant_code}" date="{date}" hash="{digest}" algo="{self.algorithm}"'


def checked_hash_algorithm(hash_algorithm: str) -> str:
    """The hash algorithm. Raises ValueError unless it is one of HASH_ALGORITHMS."""
    if hash_algorithm not in tuple(HASH_ALGORITHMS):
        raise ValueError(f"hash_algorithm must be one of {', '.join(HASH_ALGORITHMS)}, not {hash_algorithm!r:.40}.")
    return hash_algorithm
