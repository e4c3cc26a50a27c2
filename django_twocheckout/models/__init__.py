"""The tables: the customers, the history of what was tried with each, and the account they all belong to."""

from .account import Account
from .attempt import Attempt, Source, Verb
from .customer import (
    Customer,
    SyncState,
    new_external_reference,
    validate_country_code,
    validate_external_reference,
    validate_language,
)

__all__ = [
    "Account",
    "Attempt",
    "Customer",
    "Source",
    "SyncState",
    "Verb",
    "new_external_reference",
    "validate_country_code",
    "validate_external_reference",
    "validate_language",
]
