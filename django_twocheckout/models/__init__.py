"""The tables at both ends of a push: customers, attempts, jobs, notifications, and the merchant accounts."""

from .account import Account, AccountState
from .ask import NO_JOB, Ask, AskOutcome
from .attempt import CARD_LENGTH, Attempt, AttemptOutcome, Source, Verb
from .clock import clock_of, database_now, host_now, read_clock, utc_now, with_clock
from .customer import Customer
from .erasure import Erasure, ErasureState, key_name, reference_hash
from .job import Job
from .locks import (
    PAUSES,
    attempts,
    delete_free,
    has_row_locks,
    is_lock_timeout,
    lock_rows,
    locking,
    short_waits,
    update_all,
    update_free,
)
from .mirror_mark import MirrorMark
from .notification import Notification, NotificationKind, NotificationOutcome
from .querysets import IN_TURN, LONG_DUE, CustomerQuerySet, after_commit, customers_marked, mark
from .references import new_external_reference
from .states import Presence, SyncState
from .validators import (
    validate_country_code,
    validate_external_reference,
    validate_language,
    validate_visible,
    without_invisible_ends,
)

__all__ = [
    "CARD_LENGTH",
    "IN_TURN",
    "LONG_DUE",
    "NO_JOB",
    "PAUSES",
    "Account",
    "AccountState",
    "Ask",
    "AskOutcome",
    "Attempt",
    "AttemptOutcome",
    "Customer",
    "CustomerQuerySet",
    "Erasure",
    "ErasureState",
    "Job",
    "MirrorMark",
    "Notification",
    "NotificationKind",
    "NotificationOutcome",
    "Presence",
    "Source",
    "SyncState",
    "Verb",
    "after_commit",
    "attempts",
    "clock_of",
    "customers_marked",
    "database_now",
    "delete_free",
    "has_row_locks",
    "host_now",
    "is_lock_timeout",
    "key_name",
    "lock_rows",
    "locking",
    "mark",
    "new_external_reference",
    "read_clock",
    "reference_hash",
    "short_waits",
    "update_all",
    "update_free",
    "utc_now",
    "validate_country_code",
    "validate_external_reference",
    "validate_language",
    "validate_visible",
    "with_clock",
    "without_invisible_ends",
]
