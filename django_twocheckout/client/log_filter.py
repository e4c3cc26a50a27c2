"""Keeps references and tokens out of urllib3's log: they stand in the addresses, in the path and in the query."""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from urllib.parse import urlsplit


def address_pattern(base_url: str) -> re.Pattern[str]:
    """Matches each address under *base_url*. Its first group is what may be shown of it."""
    return re.compile(rf"({re.escape(urlsplit(base_url).path)}customers/)[^\s\"')]*")


class AddressFilter(logging.Filter):
    """Cuts each address under *base_url* after ``customers/``."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self.address = address_pattern(base_url)

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                self.address.sub(r"\1…", argument) if isinstance(argument, str) else argument
                for argument in record.args
            )
        return True


@lru_cache(maxsize=16)
def keep_addresses_out_of_logs(base_url: str) -> None:
    """Add the filter to urllib3's loggers, once for each base URL."""
    for name in ("urllib3.connectionpool", "urllib3.connection"):
        logging.getLogger(name).addFilter(AddressFilter(base_url))
