"""The views for 2Checkout's notifications: one INSERT, then the receipt. They wait for no 2Checkout and no broker."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig
from django.db import Error, connections, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from .. import dispatch, signals, tasks
from ..conf import DEFAULT_ACCOUNT, ConfigurationError, conf
from ..flows import notifications
from ..models import Customer, NotificationKind, NotificationOutcome
from ..redaction import RedactedDict
from .form import Array, Name, Value, parse
from .signature import SIGNATURES, Kind, missing_fields, receipt, verified_by

logger = logging.getLogger("twocheckout")

#: Bytes of a body. A large order has some ten thousand.
MOST_BYTES = 1024 * 1024
#: Fields of a body. An order has about forty, and forty more for each product.
MOST_FIELDS = 10_000
#: What the database's columns take.
_LONGEST = {b"AVANGATE_CUSTOMER_REFERENCE": 64, b"EXTERNAL_CUSTOMER_REFERENCE": 250}

View = Callable[..., HttpResponse]


class Answer(HttpResponse):
    """An answer as plain text. Once it is sent, it wakes a worker for what was stored."""

    def __init__(self, text: str = "", status: int = 200, *, database: str | None = None) -> None:
        super().__init__(text, status=status, content_type="text/plain; charset=utf-8")
        self.database = database

    def close(self) -> None:
        super().close()
        database, self.database = self.database, None
        if database is None:
            return
        if connections[database].in_atomic_block:  # a test's transaction
            transaction.on_commit(lambda: _wake(database), using=database)
        else:
            _wake(database)


def _wake(database: str) -> None:
    dispatch.wake_for_notification(tasks.push_pending, database=database)


def _open(view: View) -> View:
    """Without CSRF's check, a login, and a transaction around the request: the INSERT counts once it is made."""
    for database in connections:
        view = transaction.non_atomic_requests(using=database)(view)
    return csrf_exempt(login_not_required(view))


@_open
def ipn(request: HttpRequest, account: str = DEFAULT_ACCOUNT) -> HttpResponse:
    """The address for orders (IPN) of this merchant account."""
    return _answer(request, "ipn", account)


@_open
def lcn(request: HttpRequest, account: str = DEFAULT_ACCOUNT) -> HttpResponse:
    """The address for subscriptions (LCN) of this merchant account."""
    return _answer(request, "lcn", account)


def _answer(request: HttpRequest, kind: Kind, account: str) -> HttpResponse:
    try:
        if account not in conf.aliases():
            raise Http404
        if request.method in ("GET", "HEAD"):
            return Answer()  # 2Checkout looks whether the address is there when it is entered
        if request.method != "POST":
            return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
        own = conf.of(account)
        key, algorithms, test_orders = own.SECRET_KEY, own.NOTIFICATION_ALGORITHMS, own.TEST_ORDERS
        wakes = conf.PUSH_ON_SAVE and conf.ENABLED
    except ConfigurationError as error:
        logger.error("a notification is not read: %s", error, extra={"action": "notification.lost"})
        return Answer(status=503)
    body = _read(request)
    fields = None if body is None else parse(body, MOST_FIELDS)
    algorithm = fields and verified_by(fields, key, algorithms)
    if not fields or not algorithm:
        facts = {"action": "notification.forged", "account": account, "kind": kind}
        logger.warning(
            "account %s: a request to the address for %s is not signed by 2Checkout", account, kind.upper(), extra=facts
        )
        notifications.count_forged(account, NotificationKind(kind))
        return Answer(status=400)
    try:
        database = _store(fields, kind, account, test_orders=test_orders)
    except (Error, notifications.NotStorable) as error:
        facts = {"action": "notification.lost", "account": account, "kind": kind}
        logger.error("account %s: a notification is not stored: %s", account, type(error).__name__, extra=facts)
        # Without a receipt, 2Checkout comes again. What the database cannot keep is no outage.
        return Answer(status=400 if isinstance(error, notifications.NotStorable) else 503)
    wake = database if wakes else None
    if missing := missing_fields(fields, kind):
        facts = {"action": "notification.incomplete", "account": account, "kind": kind}
        words = f"A receipt needs {', '.join(missing)}. Tick it in the settings of {kind.upper()} at 2Checkout."
        logger.error("account %s: %s", account, words, extra=facts)
        return Answer(words, status=422, database=wake)
    date = f"{datetime.now():%Y%m%d%H%M%S}"
    return Answer(receipt(fields, kind, key, algorithm, date), database=wake)


def _read(request: HttpRequest) -> bytes | None:
    """The body. None if it is too large, or was cut. Leaves Django's own form alone."""
    length = request.META.get("CONTENT_LENGTH") or ""
    try:
        if not length:
            body = request.read(MOST_BYTES + 1)
        elif not length.isdecimal() or int(length) > MOST_BYTES:
            return None
        else:
            try:
                body = request.body
            except RequestDataTooBig:  # the project's limit is lower than ours
                body = request.read(MOST_BYTES + 1)
    except (UnreadablePostError, OSError):
        return None
    return body if len(body) <= MOST_BYTES else None


def _store(fields: Array, kind: Kind, account: str, *, test_orders: bool) -> str:
    """Store the notification, and tell the project. Returns the database. Raises a database error."""
    internal, external = (_reference(fields, name, most) for name, most in _LONGEST.items())
    outcome = NotificationOutcome.NEW
    if not (internal or external):
        outcome = NotificationOutcome.UNNAMED
    if not test_orders and b"1" in (fields.get(b"TEST_ORDER"), fields.get(b"TEST")):
        outcome = NotificationOutcome.TEST
    database = notifications.database_of_notifications()
    notifications.store(database, account, NotificationKind(kind), outcome, internal, external)
    facts = {"action": "notification.received", "account": account, "kind": kind}
    logger.info("account %s: notified by %s", account, kind.upper(), extra=facts)
    if signals.notification_received.has_listeners(Customer):
        signals.notification_received.send_robust(
            sender=Customer,
            kind=kind,
            account=account,
            parameters=_in_texts(fields),
            customer=notifications.customer_of(account, internal, external),
            using=database,
        )
    return database


def _reference(fields: Array, name: bytes, most: int) -> str:
    """A reference as the database can keep it. Blank for anything else: a genuine notification can be re-cut."""
    value = fields.get(name)
    text = value.decode(errors="replace") if isinstance(value, bytes) else ""
    return text if text.isprintable() and len(text) <= most and "\N{REPLACEMENT CHARACTER}" not in text else ""


def _in_texts(fields: Array) -> RedactedDict[str, Any]:
    unsigned = SIGNATURES.values()
    return RedactedDict({_text(name): _value(value) for name, value in fields.items() if name not in unsigned})


def _value(value: Value) -> Any:
    return value.decode(errors="replace") if isinstance(value, bytes) else _in_texts(value)


def _text(name: Name) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)
