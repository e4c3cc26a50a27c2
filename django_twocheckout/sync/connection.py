"""The client for the settings as they are now; kept, and with it its connections, until they change."""

from __future__ import annotations

from functools import lru_cache

from ..client import Timeout, TwoCheckoutClient
from ..conf import ConfigurationError, conf


def current_client() -> TwoCheckoutClient:
    """The client to use. Raises ConfigurationError where a setting is missing or wrong."""
    timeout = conf.TIMEOUT
    return _client_with(
        conf.MERCHANT_CODE,
        conf.SECRET_KEY,
        conf.BASE_URL,
        conf.HASH_ALGORITHM,
        tuple(timeout) if isinstance(timeout, list) else timeout,
    )


@lru_cache(maxsize=4)
def _client_with(
    merchant_code: str, secret_key: str, base_url: str, hash_algorithm: str, timeout: Timeout
) -> TwoCheckoutClient:
    try:
        return TwoCheckoutClient(
            merchant_code=merchant_code,
            secret_key=secret_key,
            base_url=base_url,
            hash_algorithm=hash_algorithm,
            timeout=timeout,
        )
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"TWOCHECKOUT is wrong: {error}") from error
