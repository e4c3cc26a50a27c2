"""The project's settings: every other module reads them from here, and so do the system checks and the admin's table.

``conf.BATCH_SIZE`` reads Django's settings at each access. ``conf.of("us").BATCH_SIZE`` does so for another merchant
account: its own keys in ``ACCOUNTS``, over the dictionary's. A wrong value raises ConfigurationError. No error shows a
value.

:mod:`.keys` is the page of all keys, :mod:`.setting` reads one, :mod:`.rules` says which values are valid.
"""

from .keys import KNOWN, REQUIRED, SETTINGS, Conf, conf
from .project import given, public_host, signing_keys
from .rules import parsed_rate
from .setting import DEFAULT_ACCOUNT, ConfigurationError, Setting

__all__ = [
    "DEFAULT_ACCOUNT",
    "KNOWN",
    "REQUIRED",
    "SETTINGS",
    "Conf",
    "ConfigurationError",
    "Setting",
    "conf",
    "given",
    "parsed_rate",
    "public_host",
    "signing_keys",
]
