"""Claims rows by lease, so that one worker at a time works on a customer at 2Checkout. Also releases them.

A lease ends by the database's clock. A claim holds no lock and no transaction during HTTP, and no statement waits for a
locked row, so none can deadlock with the project's transactions. The statements are in :mod:`.leases`.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from django.db import transaction
from django.db.models import Case, When

from ..client import checked_timeout
from ..conf import conf
from ..models import (
    Customer,
    CustomerQuerySet,
    Presence,
    Source,
    SyncState,
    Verb,
    attempts,
    clock_of,
    utc_now,
    with_clock,
)
from ..redaction import RedactedDict, redacted
from ..wire import OWNED_BY_2CHECKOUT, to_wire, wire_names
from . import leases
from .database import lock_free, retry_lost_connection
from .records import Claim

#: Seconds until an unstarted claim is released.
START_SECONDS = 60.0
#: Seconds of a lease beyond the longest chain of requests, for the result to be written.
SLACK_SECONDS = 30.0
#: The longest chain: look up, find out what "not found" looks like, create, look up again, update.
MOST_REQUESTS = 6


def request_seconds() -> float:
    """The most seconds of one request with its answer, by the settings of the most patient account."""
    return max(sum(checked_timeout(conf.of(account).TIMEOUT)) for account in conf.aliases())


def lease_seconds() -> float:
    """Seconds of a lease: the wait to start, the longest chain of requests, and some slack."""
    return START_SECONDS + MOST_REQUESTS * request_seconds() + SLACK_SECONDS


def claim(
    customers: CustomerQuerySet,
    verb: Verb,
    *,
    source: Source | None = None,
    user: object = "",
    wait: bool = True,
) -> list[Claim]:
    """Claim the rows without a live claim. Rows that are being erased are claimed for that alone.

    A claim for a push first writes the values to be sent into ``in_doubt``, and that the row was tried. If this worker
    dies, the next one knows what 2Checkout may have, and looks the customer up instead of creating it twice.

    *source*: who asked; None for a save, or for a retry after a failed attempt. *wait*: try again for a
    moment if all of them are locked right now.
    """
    seconds = lease_seconds()
    for _attempt in attempts():
        began = time.monotonic()
        rows = leases.take(customers.db, customers, verb, seconds)
        if rows or not wait or not customers.unclaimed().filter(erased=verb is Verb.ERASE).exists():
            break
    user = str(getattr(user, "pk", user))
    until = began + seconds - request_seconds()
    claims = [_as_claim(row, customers.db, verb, source, user, began=began, send_by=until) for row in rows]
    return _with_another(claims) if any(map(_is_looked_up, claims)) else claims


def _is_looked_up(claim: Claim) -> bool:
    """Whether it may matter what 2Checkout answers for a customer that it does not have."""
    return (
        claim.verb in (Verb.PULL, Verb.ERASE)
        or claim.failed_attempts > 0
        or (claim.reference is None and not claim.untried)
    )


def _with_another(claims: list[Claim]) -> list[Claim]:
    """The claims of one account, each with the reference of another customer there, if a synced row has one."""
    account = Customer.objects.using(claims[0].database).filter(account=claims[0].account)
    synced = account.filter(sync_state=SyncState.SYNCED, presence=Presence.THERE)
    known = dict(synced.exclude(customer_reference=None).order_by().values_list("pk", "customer_reference")[:2])
    others = [next((there for pk, there in known.items() if pk != claim.pk), None) for claim in claims]
    return [replace(claim, another=other) for claim, other in zip(claims, others, strict=True)]


def peek(customers: CustomerQuerySet) -> list[Claim]:
    """The rows as a push would claim them, without a lease. Nothing may be sent with these claims."""
    began, rows = time.monotonic(), leases.read(customers.order_by("pk"), "in_doubt")
    return [_as_claim(row, customers.db, Verb.PUSH, None, "", began=began, send_by=0.0) for row in rows]


def unsaved(customer: Customer, database: str) -> Claim:
    """The same of a customer without a row, to look it up by its external reference."""
    row: leases.Row = RedactedDict({name: getattr(customer, name) for name in leases.READ}, now=utc_now(), in_doubt=[])
    return _as_claim(row, database, Verb.PUSH, None, "", began=time.monotonic(), send_by=0.0)


def _as_claim(
    row: leases.Row, database: str, verb: Verb, source: Source | None, user: str, *, began: float, send_by: float
) -> Claim:
    values = leases.pushed_values(row)
    synced = row["sync_state"] == SyncState.SYNCED
    return Claim(
        pk=row["pk"],
        database=database,
        account=row["account"],
        lease=row["lease"],
        claimed_at=row["now"],
        read_at=time.monotonic(),
        start_by=began + START_SECONDS,
        send_by=send_by,
        failed_attempts=row["failed_attempts"],
        verb=verb,
        pending=row["sync_state"] == SyncState.PENDING,
        gone=row["presence"] == Presence.GONE,
        untried=row.get("untried", False),
        reference=row["customer_reference"] or None,
        local=to_wire(values),
        values=values,
        owned=RedactedDict({name: row[name] for name in OWNED_BY_2CHECKOUT}),
        acknowledged=redacted(row["acknowledged"] or (values if synced else {})),
        in_doubt=redacted(row["in_doubt"]),
        shown=wire_names(row["shown"]) if row["shown"] else {},
        written=wire_names(row["written"]) if row["written"] else {},
        never_read=row["pulled_at"] is None,
        source=source or (Source.RETRY if row["failed_attempts"] else Source.SAVE),
        user=user,
    )


def due_in(customers: CustomerQuerySet) -> float | None:
    """Seconds until the first unclaimed pending row is due, 0 if one is due. None without such a row."""
    pending = customers.filter(sync_state=SyncState.PENDING, presence=Presence.THERE).unclaimed()
    pending = pending.order_by("next_attempt_at")
    first = with_clock(pending.only("next_attempt_at")).first()
    return None if first is None else max((first.next_attempt_at - clock_of(first)).total_seconds(), 0.0)


def ours(claim: Claim) -> CustomerQuerySet:
    """The claimed row, while its lease is ours."""
    customers = Customer.objects.using(claim.database)
    return customers.filter(pk=claim.pk, lease=claim.lease, lease_expires_at__isnull=False)


def release(claims: Iterable[Claim]) -> None:
    """Release rows that were claimed and not started; nothing has happened to them."""
    clean: dict[tuple[str, bool], list[Claim]] = defaultdict(list)
    for claim in claims:
        if claim.in_doubt:
            _release(claim.database, [claim])  # each row with its own values in doubt
        else:
            clean[claim.database, claim.untried].append(claim)
    for (database, _untried), together in clean.items():
        _release(database, together)


@retry_lost_connection
def _release(database: str, claims: list[Claim]) -> None:
    """Rows that stay locked keep their leases until these expire. With values in doubt they are looked up then."""
    columns: dict[str, object] = {"lease_expires_at": None, "in_doubt": claims[0].in_doubt}
    if claims[0].untried:  # as before, unless the project gave it another reference meanwhile
        columns["untried"] = Case(When(changed_since_claim=False, then=True), default=False)
    rows = Customer.objects.using(database).filter(lease__in={claim.lease for claim in claims})
    left = {claim.pk for claim in claims}
    for _attempt in attempts():
        with transaction.atomic(using=database):
            pks = lock_free(rows, left)
            rows.filter(pk__in=pks).update_unmarked(**columns)
        left -= pks
        if not left or not rows.filter(pk__in=left).exists():
            break
