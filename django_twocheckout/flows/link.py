"""Links a row to a customer of 2Checkout by a person's or the project's decision, or has it created again.

For a customer that is gone at 2Checkout, that was merged with another there, or whose row lost its reference.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial

from ..client import TwoCheckoutClient
from ..engine import circuit_breaker, claims, reconcile, report
from ..engine.batch import run_one
from ..engine.operations import PULL
from ..engine.records import Claim
from ..engine.retry import after_link
from ..engine.sources import released_on_error
from ..exceptions import AlreadyAdded, NotFound, RequestRejected, WasErased
from ..models import Customer, Erasure, Presence, Source, Verb, mark, new_external_reference
from ..redaction import redact_frames
from . import one
from .add import find

logger = logging.getLogger("twocheckout")

_STILL_THERE = "2Checkout has this customer, without a reference of ours to find it by, so it is not created again."


@redact_frames
def link(customer: Customer, reference: str | None, *, source: Source = Source.CODE, user: object = "") -> Customer:
    """Link the row to the customer under this reference, 2Checkout's own or an external one, and pull it.

    The row takes over 2Checkout's references, also a missing external one. Values changed only here stay, and are
    pending. With None: forget what 2Checkout had, and have the row created. It is looked up by our reference first, so
    a customer that is there is found, not made twice. *source* and *user* (a primary key) are for the history.

    Reloads the instance. Raises AlreadyAdded if another row has that customer, WasErased if it was erased here,
    CustomerBusy if another worker has claimed the row, the errors of :func:`.find`, or RuntimeError inside a
    transaction. With None, raises RequestRejected if the row has no reference of ours and 2Checkout still has its
    customer.

    https://docs.2checkout.com/api-reference/reference/customers
    """
    if reference is None:
        _forget(customer, source, user)
    else:
        _link(customer, reference, source, user)
    return one.reload(customer)


def _link(customer: Customer, reference: str, source: Source, user: object) -> None:
    found = find(reference, customer.account, database=one.database_of(customer))
    if found.row is not None and found.row.pk != customer.row_key:
        raise AlreadyAdded(pk=found.row.pk)
    if Erasure.objects.among(one.database_of(customer), customer.account, [found.theirs.reference]):
        raise WasErased
    claim, client = one.claim_or_busy(customer, Verb.PULL, source, user)
    theirs = partial(reconcile.link, reference=found.theirs.reference)
    _summary, result = run_one(claim, client, replace(PULL, reconcile=theirs, decide=after_link))
    if result.error:
        raise result.error
    report.missed_wakeup(claim)


def _forget(customer: Customer, source: Source, user: object) -> None:
    claim, client = one.claim_or_busy(customer, Verb.PULL, source, user)
    columns: dict[str, object] = {
        **mark(),
        "customer_reference": None,
        "acknowledged": {},
        "shown": {},
        "written": {},
        "presence": Presence.THERE,
        "untried": False,
        "lease_expires_at": None,
    }
    with released_on_error([claim]):
        circuit_breaker.confirmed_state(claim.database, claim.account)
        if not claim.values["external_customer_reference"]:
            _require_gone(claim, client)
            columns["external_customer_reference"] = new_external_reference(claim.account)
        claims.ours(claim).filter(erased=False).update_unmarked(**columns)
    facts = {"action": "customer.unlinked", "customer": claim.pk, "asked_by": source}
    logger.info("customer %s: to be created again", claim.pk, extra=facts)
    report.missed_wakeup(claim)


def _require_gone(claim: Claim, client: TwoCheckoutClient) -> None:
    """Raise RequestRejected if 2Checkout has the row's customer: without our reference it could not be found again."""
    if claim.reference is None:
        return
    try:
        with one.fetching(client, claim.database, claim.account):
            client.retrieve_customer(claim.reference)
    except NotFound:
        return
    raise RequestRejected(_STILL_THERE)
