"""Gives each flow the client of an account, and keeps it with its connections until the settings change."""

from __future__ import annotations

import logging
from functools import lru_cache

from django.utils.module_loading import import_string

from ..client import Timeout, TwoCheckoutClient
from ..conf import ConfigurationError, conf
from ..exceptions import SendingDisabled

logger = logging.getLogger("twocheckout")


def current_client(account: str) -> TwoCheckoutClient:
    """The client of this account. Raises ConfigurationError for a missing or wrong setting, or SendingDisabled.

    Each push and pull begins here, so a wrong setting is found before a row is claimed and before anything is sent.
    """
    own = conf.of(account)
    own.check()
    if not own.ENABLED:
        raise SendingDisabled
    timeout = own.TIMEOUT
    try:
        return _client_with(
            own.CLIENT,
            own.MERCHANT_CODE,
            own.SECRET_KEY,
            own.BASE_URL,
            own.HASH_ALGORITHM,
            tuple(timeout) if isinstance(timeout, list) else timeout,
        )
    except (TypeError, ValueError) as error:
        complaint = str(error)
    # Raised outside the except block: a report would print the frames of the first exception, and one has the secret
    # key.
    raise ConfigurationError(f"TWOCHECKOUT is wrong: {complaint}")


def sending_is_off() -> bool:
    """Whether ENABLED is False. The log says so once in each process."""
    off = not conf.ENABLED
    if off:
        _say_off()
    return off


@lru_cache(maxsize=1)
def _say_off() -> None:
    logger.warning("nothing is sent to 2Checkout, because ENABLED is False", extra={"action": "disabled"})


@lru_cache(maxsize=32)
def _client_with(
    client: str, merchant_code: str, secret_key: str, base_url: str, hash_algorithm: str, timeout: Timeout
) -> TwoCheckoutClient:
    made: TwoCheckoutClient = import_string(client)(
        merchant_code=merchant_code,
        secret_key=secret_key,
        base_url=base_url,
        hash_algorithm=hash_algorithm,
        timeout=timeout,
    )
    return made
