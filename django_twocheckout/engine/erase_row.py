"""Ends an erasure in the database, once 2Checkout has placeholders: the row, its history, its names in the admin's log.

All of it is one transaction with the erasure's own record, but for the admin's log, which may be in another database
and comes first. A worker that is killed before the commit leaves the ask of the erasure, so the next one repeats this.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from django.apps import apps
from django.db import DatabaseError, IntegrityError, router, transaction
from django.db.models import Model, ProtectedError, Q, QuerySet, RestrictedError
from django.utils import timezone

from ..exceptions import ActiveSubscription, RequestRejected, TwoCheckoutError
from ..models import (
    Ask,
    Attempt,
    Customer,
    CustomerQuerySet,
    Erasure,
    ErasureState,
    Notification,
    Presence,
    SyncState,
    Verb,
    erasure_words,
    has_row_locks,
    is_lock_timeout,
    key_name,
    lock_rows,
    mark,
    reference_hash,
    short_waits,
    update_free,
)
from ..redaction import RedactedDict
from .database import retry_lost_connection
from .erase_remote import DETAILS
from .records import Claim, Finished, Key, Result, Settled
from .retry import backoff, code_of

logger = logging.getLogger("twocheckout")

#: Seconds until the next attempt while another transaction holds the row.
LOCKED_SECONDS = 5.0
#: What the admin's log shows instead of a name.
NAMELESS = "(erased)"


class _Locked(Exception):
    """Another transaction holds the row. Nothing was written."""


def finish(settled: Sequence[tuple[Finished, Settled]]) -> None:
    """End the erasures among these settled rows, before their asks are closed.

    What cannot be ended now is put off: its decision is changed to that.
    """
    for one, what in settled:
        if one.claim.verb is not Verb.ERASE or not what.is_written:
            continue
        if one.decision.final:
            _finish(one)
        elif one.result.error:
            _note(one.claim.database, one.claim, _not_yet(one.result.error))


def _finish(one: Finished) -> None:
    database, claim, result = one.claim.database, one.claim, one.result
    try:
        if isinstance(result.error, ActiveSubscription):
            _refuse(database, claim)
        else:
            _forget_names(claim)
            _end(database, claim, result)
    except _Locked:
        one.decision.final, one.decision.backoff = False, LOCKED_SECONDS
    except Exception as error:  # a receiver of the project may raise anything
        if isinstance(error, DatabaseError) and is_lock_timeout(error):
            one.decision.final, one.decision.backoff = False, LOCKED_SECONDS
            return
        words = f"The row could not be deleted: {type(error).__name__}."
        facts = {"action": "erase.row", "customer": claim.pk}
        logger.error("customer %s: erased at 2Checkout, not here: %s", claim.pk, type(error).__name__, extra=facts)
        result.error = TwoCheckoutError(words)
        one.decision.failed_attempts = claim.ask_attempts + 1
        one.decision.final, one.decision.backoff = False, backoff(result.error, one.decision.failed_attempts)
        _note(database, claim, words)


@retry_lost_connection
def _end(database: str, claim: Claim, result: Result) -> None:
    """Delete the row and all that goes with it. Where the project's rows forbid that, empty it.

    The customer of a mirrored object is emptied too: without its row the object's next save would make it anew.
    """
    state, words = _outcome(claim, result)
    hashes = _hashes(claim, result)
    try:
        with transaction.atomic(using=database), short_waits(database):
            # The receiver that refuses to delete an erased row must let this one go.
            _locked(database, claim).update_unmarked(erased=False)
            for customer in Customer.objects.using(database).filter(pk=claim.pk):
                if customer.mirror_of is not None:
                    raise ProtectedError("Its object is mirrored.", {customer})
                customer.delete()
            _delete_notifications(database, claim, result)
            _close(database, claim, state, words, hashes)
    except (ProtectedError, RestrictedError, IntegrityError):
        with transaction.atomic(using=database), short_waits(database):
            _locked(database, claim).update_unmarked(**_empty())
            for model in (Attempt, Notification, Ask):
                model._default_manager.using(database).filter(customer__pk=claim.pk).delete()
            _delete_notifications(database, claim, result)
            _close(database, claim, state, f"{words} {erasure_words.EMPTIED}", hashes)


@retry_lost_connection
def _refuse(database: str, claim: Claim) -> None:
    """Let the row go on as before. What was pending before is compared and pushed again."""
    with transaction.atomic(using=database), short_waits(database):
        _locked(database, claim).update_unmarked(**mark(), erased=False)
        Ask.objects.using(database).filter(customer__pk=claim.pk, verb=Verb.ERASE).delete()
        _close(database, claim, ErasureState.REFUSED, ActiveSubscription().words, RedactedDict())


def _locked(database: str, claim: Claim) -> CustomerQuerySet:
    row = Customer.objects.using(database).filter(pk=claim.pk, erased=True)
    if has_row_locks(database) and not lock_rows(row) and row.exists():
        raise _Locked
    return row


def _close(database: str, claim: Claim, state: ErasureState, words: str, hashes: dict[str, str]) -> None:
    mine = Erasure.objects.using(database).filter(pk=claim.erasure)
    mine.update(state=state, words=words, ended_at=timezone.now(), **hashes)


def _outcome(claim: Claim, result: Result) -> tuple[ErasureState, str]:
    """The state of the erasure, and its words: our own, and 2Checkout's codes. Its words may quote the customer."""
    if result.unfinished:  # the reference that was found could not be written
        return ErasureState.KEPT, f"{erasure_words.ERASED_HERE} {erasure_words.OF_ANOTHER}"
    kept = list(result.kept)
    if result.still_shown:
        names = ", ".join(sorted(result.still_shown))
        kept.append(f"these fields, because 2Checkout still shows them after it acknowledged the placeholders: {names}")
    elif isinstance(result.error, RequestRejected) and not any(what.startswith(DETAILS) for what in kept):
        kept.append(f"{DETAILS}, because 2Checkout refused a request about them ({code_of(result.error)})")
    if kept:
        words = f"{erasure_words.ERASED_HERE} Kept at 2Checkout: {'; '.join(kept)}. {erasure_words.FINISH}"
        return ErasureState.KEPT, words
    if result.presence is Presence.GONE:
        words = f"{erasure_words.ERASED_HERE} {erasure_words.NOT_THERE}"
    else:
        words = f"{erasure_words.ERASED_BOTH} {erasure_words.KEEPS_ONE}"
    if "@" in (claim.values["external_customer_reference"] or ""):
        words += f" {erasure_words.REFERENCE_STAYS}"
    return ErasureState.ERASED, words


def _hashes(claim: Claim, result: Result) -> dict[str, str]:
    """The hashes of what is known by now. The reference may have been found only on the way."""
    external = claim.values["external_customer_reference"]
    return RedactedDict(
        reference_hash=reference_hash(result.reference or claim.reference),
        external_reference_hash=reference_hash(external),
        key_name=key_name(),
    )


def _delete_notifications(database: str, claim: Claim, result: Result) -> None:
    """Also those that no row was found for: they hold the references."""
    reference, external = result.reference or claim.reference, claim.values["external_customer_reference"]
    mine = Q(pk__in=())
    if reference:
        mine |= Q(customer_reference=reference)
    if external:
        mine |= Q(external_customer_reference=external)
    Notification.objects.using(database).filter(mine, account=claim.account).delete()


def _empty() -> dict[str, object]:
    """The columns of a row without a person. It stays erased, so nothing is written to it any more."""
    columns: dict[str, object] = dict.fromkeys(Customer.PUSHED_FIELDS, "")
    return columns | {
        "external_customer_reference": None,
        "customer_reference": None,
        "enabled": False,
        "trial": False,
        "existing_cards": [],
        "credit_limit": None,
        "credit_remaining": None,
        "credit_currency": "",
        "acknowledged": {},
        "shown": {},
        "written": {},
        "in_doubt": [],
        "mirrored": {},
        "sync_state": SyncState.SYNCED,
        "sync_error": "",
        "error_code": "",
        "pushed_at": None,
        "pulled_at": None,
        "failing_since": None,
        "lease_expires_at": None,
        "untried": False,
    }


# The admin's log.


def _forget_names(claim: Claim) -> None:
    """Overwrite the names in the admin's log. Its entries stay: who did what, and when."""
    if not apps.is_installed("django.contrib.admin"):
        return
    entry = apps.get_model("admin", "LogEntry")
    for model, keys in _as_models(claim.database, claim.pk):
        label = model._meta
        entries: QuerySet[Model] = entry._default_manager.using(router.db_for_write(entry)).filter(
            content_type__app_label=label.app_label,
            content_type__model=label.model_name,
            object_id__in=[str(key) for key in keys],
        )
        # A message about inlines has their names too.
        entries.filter(change_message__contains='"object"').update(change_message="")
        entries.exclude(object_repr=NAMELESS).update(object_repr=NAMELESS)


def _as_models(database: str, pk: Key) -> Iterator[tuple[type[Model], list[object]]]:
    """The customer's model and the project's own below it, each with the keys under which it has the row."""
    waiting: list[type[Model]] = [Customer]
    while waiting:
        model = waiting.pop()
        waiting += model.__subclasses__()
        concrete = model._meta.concrete_model or model
        link = concrete._meta.get_ancestor_link(Customer) if concrete is not Customer else None
        keys: list[object] = [pk]
        if link is not None:
            keys = list(concrete._base_manager.using(database).filter(**{link.name: pk}).values_list("pk", flat=True))
        if not model._meta.abstract:
            yield model, keys


# While it is under way.


def _not_yet(error: TwoCheckoutError) -> str:
    return f"Not done yet ({code_of(error)}). {erasure_words.TRIED_AGAIN}"


@retry_lost_connection
def _note(database: str, claim: Claim, words: str) -> None:
    update_free(Erasure.objects.using(database).filter(pk=claim.erasure), words=words)
