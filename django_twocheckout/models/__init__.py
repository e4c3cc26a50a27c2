"""The tables: the customers, what was tried with each, jobs on many of them, and the account they all belong to."""

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
from .job import Job, Portion

__all__ = [
    "Account",
    "Attempt",
    "Customer",
    "Job",
    "Portion",
    "Source",
    "SyncState",
    "Verb",
    "new_external_reference",
    "validate_country_code",
    "validate_external_reference",
    "validate_language",
]
