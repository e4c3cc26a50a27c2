"""Turns errors into answers: a status, the reason in words, a code, and when to try again.

========  ===============================================================================================
400       the request is wrong; the words stand under the names of the fields
404       there is no such customer here, or this person may not see it
409       2Checkout refused, in its own words, or the customer cannot do this now
410       2Checkout clearly says that it has no such customer any more
502       2Checkout failed, answered otherwise than documented, or refused this site's credentials
503       2Checkout cannot be asked now: no answer, too many requests, a pause, sending is off, settings are wrong
========  ===============================================================================================

``Retry-After`` tells the seconds to wait, where waiting helps.
"""

from __future__ import annotations

import logging
import math

from django.core.exceptions import RequestDataTooBig
from django.core.exceptions import ValidationError as ModelValidationError
from django.db import DatabaseError, DataError, IntegrityError
from django.http import Http404, UnreadablePostError
from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException, ParseError, ValidationError
from rest_framework.serializers import as_serializer_error

from ..conf import ConfigurationError
from ..exceptions import (
    AccountIsFixed,
    AuthenticationFailed,
    CardNotDeleted,
    CustomerBusy,
    InTransaction,
    NotFound,
    RequestRejected,
    SendingStopped,
    ServerFailed,
    TransientError,
    TwoCheckoutError,
)
from ..flows import one
from ..flows.account import current_account
from ..models import Customer, Presence, SyncState, is_lock_timeout, utc_now
from .parsers import TooLarge

logger = logging.getLogger("twocheckout")

#: Seconds to wait where neither 2Checkout nor a pause names any.
WAIT = 30.0
#: Seconds to wait for a row that another one has locked or claimed.
SHORT_WAIT = 2.0


class Trouble(APIException):
    """An answer with the reason in words and its code: 2Checkout's own, or our error's name."""

    def __init__(self, words: str, code: str, *, wait: float = 0.0, subscriptions: list[str] | None = None) -> None:
        named = {} if subscriptions is None else {"subscriptions": subscriptions}
        super().__init__({"detail": words, "code": code, **named})
        #: Django REST framework makes Retry-After of it.
        self.wait = math.ceil(wait)


class Refused(Trouble):
    status_code = 409


class Gone(Trouble):
    status_code = 410


class BadGateway(Trouble):
    status_code = 502


class Unavailable(Trouble):
    status_code = 503


def answer_to(error: Exception, customer: Customer | None) -> Exception:
    """The answer to this error about this customer. The error itself if it is none of ours."""
    if isinstance(error, TwoCheckoutError):
        return _of_2checkout(error, customer)
    if isinstance(error, Customer.DoesNotExist):
        return Http404()
    if isinstance(error, RequestDataTooBig):  # the project's limit
        return TooLarge()
    if isinstance(error, UnreadablePostError):
        return ParseError(_("The body could not be read."))
    if isinstance(error, ModelValidationError):
        return ValidationError(as_serializer_error(error))
    if isinstance(error, AccountIsFixed):
        return Refused(str(error), type(error).__name__)
    if isinstance(error, DatabaseError):
        return _of_database(error)
    if isinstance(error, ConfigurationError):
        # Its text is for those who run the site. They find it in the log, as by the system checks.
        logger.error("the API cannot ask 2Checkout: %s", error, extra={"action": "api.settings"})
        return Unavailable(_("This site's settings for 2Checkout are missing or wrong."), type(error).__name__)
    if isinstance(error, InTransaction):
        logger.error("the API cannot ask 2Checkout: %s", error, extra={"action": "api.transaction"})
        return Unavailable(
            _("This site runs the request inside a transaction, and 2Checkout cannot be asked inside one."),
            type(error).__name__,
        )
    return error


def _of_2checkout(error: TwoCheckoutError, customer: Customer | None) -> Trouble:
    words, code = error.words, error.code or type(error).__name__
    if isinstance(error, SendingStopped):
        return Unavailable(words, code)
    if isinstance(error, TransientError):
        usual = SHORT_WAIT if isinstance(error, CustomerBusy) else WAIT
        wait = error.retry_after or _seconds_of_pause(customer) or usual
        return (BadGateway if isinstance(error, ServerFailed) else Unavailable)(words, code, wait=wait)
    if isinstance(error, NotFound) and customer is not None and _is_gone(customer):
        return Gone(words, code)
    if isinstance(error, CardNotDeleted):
        subscriptions = [reason.subscription for reason in error.reasons if reason.subscription]
        return Refused(words, code, subscriptions=subscriptions)
    if isinstance(error, RequestRejected) and not isinstance(error, AuthenticationFailed):
        return Refused(words, code)
    return BadGateway(words, code)


def _of_database(error: DatabaseError) -> Exception:
    if is_lock_timeout(error):
        words = _("Something else is writing this customer right now; try again in a moment.")
        return Unavailable(words, "Locked", wait=SHORT_WAIT)
    if isinstance(error, IntegrityError):
        words = _("The database refused it: most likely another customer was given this reference in the same moment.")
        return Refused(words, type(error).__name__)
    if isinstance(error, DataError):
        return ValidationError(_("The database cannot store one of these values."))
    return error


def refuse_if_paused(customer: Customer) -> None:
    """Raise Unavailable while the customer's account is paused, so that no web worker waits for 2Checkout in vain."""
    state = current_account(one.database_of(customer), customer.account)
    if state is not None and state.is_open:
        raise Unavailable(state.reason, state.error_code or "Paused", wait=state.seconds_left)


def refuse_if_not_pushed(customer: Customer) -> None:
    """Raise the answer to a push that did not succeed, as the row tells it. A push on its way is no failure."""
    words, code = customer.sync_error, customer.error_code
    if customer.presence == Presence.GONE:
        raise Gone(words or _("2Checkout does not have this customer any more."), code or NotFound.__name__)
    if customer.sync_state == SyncState.FAILED:
        raise Refused(words, code)
    now, lease = utc_now(), customer.lease_expires_at
    claimed = lease is not None and lease > now  # by another worker, so the words are of an earlier push
    if customer.sync_state == SyncState.PENDING and words and not claimed:
        wait = max((customer.next_attempt_at - now).total_seconds(), _seconds_of_pause(customer), 1.0)
        raise Unavailable(words, code, wait=wait)


def _seconds_of_pause(customer: Customer | None) -> float:
    state = current_account(one.database_of(customer), customer.account) if customer is not None else None
    return state.seconds_left if state is not None else 0.0


def _is_gone(customer: Customer) -> bool:
    """Whether the row says so by now."""
    return one.row_of(customer).filter(presence=Presence.GONE).exists()
