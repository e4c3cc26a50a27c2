"""The vendor in a box: the switches that a test turns, and the WSGI application that answers.

It shares no code with the client, so that each checks the other. What the documentation leaves open is a switch
(:mod:`.behaviour`), what can go wrong is on demand (:mod:`.faults`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from . import account_page, assertions, control, notifications, routes, signature, wsgi
from .answers import Answer, HTTPRefusal
from .behaviour import Behaviour
from .faults import ConnectionCut, Fault, FaultName, named
from .log import LoggedRequest
from .notifications import Kind, Sent
from .operations import Operations
from .routes import BASE_PATH
from .server import serving
from .store import Card, Customer, Store, Subscription, check_names

if TYPE_CHECKING:  # the module has nothing but types
    from wsgiref.types import StartResponse, WSGIEnvironment

__all__ = ["BASE_PATH", "ConnectionCut", "FakeTwoCheckout", "LoggedRequest"]

#: The methods that 2Checkout's addresses know.
Method = Literal["DELETE", "GET", "HEAD", "POST", "PUT"]
_METHODS = get_args(Method)


class FakeTwoCheckout:
    """2Checkout's customers, in memory.

    ::

        with FakeTwoCheckout(put="merge").serve() as vendor:
            vendor.fail("html-502", times=2)
            call_what_talks_to(vendor.url, vendor.merchant_code, vendor.secret_key)
            assert [request.method for request in vendor.requests] == ["GET", "PUT"]

    Any keyword but the credentials is a switch of :class:`Behaviour`; ValueError for an unknown one. Safe to use from
    several threads.
    """

    def __init__(self, merchant_code: str = "YOURCODE123", secret_key: str = "SECRET_KEY", **switches: Any) -> None:
        if not merchant_code.isascii():
            raise ValueError("The merchant code must be ASCII: it stands in a header.")
        self.merchant_code = merchant_code
        self.secret_key = secret_key
        self.behaviour = Behaviour()
        self.behaviour.set(**switches)
        self.requests: list[LoggedRequest] = []
        self.url = ""
        #: A Django test client, and the paths of the project's addresses by kind and account: where notifications go.
        self.project_client: Any = None
        self.project_path: Callable[[str, str], str] | None = None
        self._lock = threading.RLock()
        self._store = Store(self.behaviour)
        self._operations = Operations(self.behaviour, self._store)
        self._faults: list[tuple[str, Fault, str | None]] = []
        self._outages: list[tuple[str, Fault]] = []

    def __repr__(self) -> str:
        return f"<FakeTwoCheckout at {self.url or 'no address'}>"

    @contextmanager
    def serve(self, port: int = 0, host: str = "127.0.0.1") -> Iterator[FakeTwoCheckout]:
        """Serve this vendor over HTTP until the block ends, at its ``url``; port 0 is any free one.

        Raises OSError if the port is taken, OverflowError if there is no such port.
        """
        with serving(self, host, port) as origin:
            self.url = origin + BASE_PATH
            yield self

    # What a test, or a colleague in the vendor's Control Panel, does.

    @property
    def customers(self) -> list[dict[str, Any]]:
        """Copies of all customers, oldest first."""
        with self._lock:
            return [dict(customer.fields) for customer in self._store.living()]

    def customer(self, reference: str) -> dict[str, Any] | None:
        """A copy of the customer under either kind of reference; None if there is none."""
        with self._lock:
            found = self._store.find(reference)
            return dict(found.fields) if found else None

    def assert_pushed(self, customer: Any, **information: Any) -> dict[str, Any]:
        """Assert that a customer is here, with these values. Returns a copy of it.

        *customer*: a row, or one of its references. Without *information*, a row is here with the values that this very
        object has, so load it anew after something else wrote it. *information*: the values of these fields, in
        CustomerInformation's names; the others may have any. Blank and None are the same, and so are letters of either
        case in a country.

        Raises AssertionError, ValueError for a name in Python's manner (``first_name``).
        """
        check_names(information)
        return assertions.assert_pushed(self.customers, customer, information)

    def add_customer(self, **information: Any) -> str:
        """Add a customer that was not created through the API; returns its reference.

        Values are not checked. A name in Python's manner (``first_name``) raises ValueError.
        """
        check_names(information)
        with self._lock:
            return self._store.insert(information).reference

    def edit(self, reference: str, **information: Any) -> None:
        """Change a customer as a shopper or a colleague would.

        Raises LookupError for an unknown customer, ValueError for a name in Python's manner, or one that is no field.
        """
        check_names(information)
        if own := information.keys() & {"CustomerReference", "AvangateCustomerReference", "ExistingCards"}:
            raise ValueError(f"{min(own)} cannot be edited.")
        with self._lock:
            self._store.change(self._existing(reference), information)

    def forget(self, reference: str) -> None:
        """Delete a customer, which the API itself cannot. Raises LookupError for an unknown one."""
        with self._lock:
            self._store.delete(self._existing(reference))

    def add_card(
        self,
        reference: str,
        card_type: str = "Visa",
        last_digits: str = "1111",
        expiry: str = "12/2029",
        subscription: str = "",
    ) -> None:
        """Put a card on file; while a *subscription* is paid with it, it cannot be deleted.

        Raises LookupError for an unknown customer, ValueError for what is no text.
        """
        if not all(isinstance(value, str) for value in (card_type, last_digits, expiry, subscription)):
            raise ValueError("Type, last digits, expiry and subscription of a card are texts.")
        with self._lock:
            customer = self._existing(reference)
            self._store.set_cards(customer, [*customer.cards, Card(card_type, last_digits, expiry, subscription)])

    def add_subscription(
        self,
        reference: str,
        *,
        purchased: float | None = None,
        modified: float | None = None,
        product: str = "Monthly plan",
        expires: str = "2029-12-31",
        enabled: bool = True,
        renews: bool = True,
    ) -> str:
        """Let a customer have ordered a subscription, now or at these times. Returns the subscription's reference.

        *expires*: a day as ``YYYY-MM-DD``, or blank. It is found some minutes later. Raises LookupError for an unknown
        customer.
        """
        with self._lock:
            customer = self._existing(reference)
            bought = time.time() if purchased is None else purchased
            name = f"SUB{len(self._store.subscriptions) + 1:09}"
            changed = bought if modified is None else modified
            self._store.subscriptions[name] = Subscription(
                name, customer.reference, bought, changed, product, expires, enabled, renews
            )
            return name

    def touch_subscription(self, name: str) -> None:
        """Let a subscription be modified now. Raises LookupError for an unknown one."""
        with self._lock:
            known = self._store.subscriptions[name]
            self._store.subscriptions[name] = replace(known, modified=time.time())

    def cards(self, reference: str) -> list[str]:
        """The cards on file, as type and last digits. Raises LookupError for an unknown customer."""
        with self._lock:
            return [f"{card.type} {card.last_digits}" for card in self._existing(reference).cards]

    @property
    def issued_tokens(self) -> list[str]:
        """All card tokens and single sign-on tokens given out so far: what no log and no row may hold."""
        with self._lock:
            return [*self._store.card_tokens, *self._store.sign_ons]

    # Notifications.

    def notify(
        self,
        kind: Kind,
        customer: Any,
        *,
        to: str | None = None,
        account: str = "default",
        algorithms: Collection[str] = ("sha3-256",),
        without: Collection[str] = (),
        wrong_signature: bool = False,
        **fields: Any,
    ) -> Sent:
        """Send a signed notification, "IPN" or "LCN", about a customer: a row, or one of its references.

        It goes to the project's own address for the *account*, where the fixture ``twocheckout`` is, or *to* another
        one. *algorithms*: a signature by each of ``"sha3-256"``, ``"sha256"`` and ``"md5"`` that is named. *without*:
        fields that are not ticked in the settings. *fields*: other values of fields. Lists and dictionaries become
        arrays. Raises ValueError for an unknown kind or algorithm, or without an address.
        """
        given = {**notifications.fields_of(kind, self._information(customer)), **fields}
        kept = {name: value for name, value in given.items() if name not in without}
        return self._send(kind, kept, to, account, algorithms, wrong_signature)

    def notify_again(
        self,
        sent: Sent,
        *,
        to: str | None = None,
        account: str = "default",
        algorithms: Collection[str] = ("sha3-256",),
    ) -> Sent:
        """Send the same event once more, as 2Checkout does: with another MESSAGE_ID, and another date."""
        renewed = {name: value for name, value in notifications.renewed(sent.kind).items() if name in sent.fields}
        return self._send(sent.kind, {**sent.fields, **renewed}, to, account, algorithms, False)

    def retries(self, sent: Sent, **options: Any) -> Iterator[tuple[int, Sent]]:
        """Send it again and again until it is received, as 2Checkout does for two days.

        Yields the seconds since the first time, and what was sent. They pass at once, so a test may mend the project
        between two of them. *options*: as :meth:`notify_again` takes them.
        """
        for seconds in notifications.RETRY_SECONDS:
            if sent.received:
                return
            sent = self.notify_again(sent, **options)
            yield seconds, sent

    def probe(self, kind: Kind, *, to: str | None = None, account: str = "default") -> int:
        """GET the address, as 2Checkout does when it is entered. Returns the status: 200 is expected."""
        return notifications.deliver(*self._address(kind, to, account, None))[0]

    def _send(
        self,
        kind: Kind,
        fields: Mapping[str, Any],
        to: str | None,
        account: str,
        algorithms: Collection[str],
        wrong: bool,
    ) -> Sent:
        body = notifications.signed(fields, self.secret_key, algorithms, wrong=wrong)
        status, answer = notifications.deliver(*self._address(kind, to, account, body))
        received = status == 200 and notifications.has_receipt(kind, fields, self.secret_key, algorithms, answer)
        return Sent(kind, fields, body, status, answer, received)

    def _address(self, kind: Kind, to: str | None, account: str, body: bytes | None) -> tuple[str, bytes | None, Any]:
        if to is not None and not to.startswith("/"):
            return to, body, None
        if self.project_client is None or self.project_path is None:
            raise ValueError("Where to? Use the fixture twocheckout, or name an address: to='https://…'.")
        return to or self.project_path(kind.lower(), account), body, self.project_client

    def _information(self, customer: Any) -> Mapping[str, Any]:
        """The customer as it is here. One that is not here has nothing but the given references."""
        if isinstance(customer, str):
            return self.customer(customer) or {"CustomerReference": customer}
        internal, external = customer.customer_reference or "", customer.external_customer_reference or ""
        found = self.customer(internal) or self.customer(external)
        return found or {"CustomerReference": internal, "ExternalCustomerReference": external}

    # What goes wrong.

    def fail(self, fault: FaultName | Fault, times: int = 1, method: Method | None = None) -> None:
        """Let the next *times* requests, of this *method* only if one is given, meet a fault.

        Raises ValueError for an unknown fault or method, or no times.
        """
        if not isinstance(times, int) or times < 1:
            raise ValueError(f"A fault happens at least once: times cannot be {times!r}.")
        if method not in (None, *_METHODS):
            raise ValueError(f"No such method: {method}. There are: {', '.join(_METHODS)}.")
        with self._lock:
            self._faults += [(*named(fault), method)] * times

    @contextmanager
    def outage(self, fault: FaultName | Fault = "503") -> Iterator[None]:
        """Let every request meet this fault until the block ends. Raises ValueError for an unknown fault."""
        outage = named(fault)
        with self._lock:
            self._outages.append(outage)
        try:
            yield
        finally:
            with self._lock:
                if outage in self._outages:  # not after heal()
                    self._outages.remove(outage)

    def heal(self) -> None:
        """End all faults."""
        with self._lock:
            self._faults.clear()
            self._outages.clear()

    # The WSGI application.

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request to the API, to the control addresses, or to a page of a shopper's account."""
        path, query = wsgi.address(environ)
        raw = wsgi.read_body(environ)
        method = environ["REQUEST_METHOD"]
        if path.startswith(control.PATH):
            return wsgi.respond(control.answer(self._controls(), method, path, raw), method, start_response)
        if path.startswith(account_page.PATH):
            with self._lock:
                return wsgi.respond(account_page.answer(self._store, path, query), method, start_response)
        request = self._log(method, path, query, raw, wsgi.headers(environ))
        request.fault, fault = self._fault_for(method)
        try:
            if fault is None or fault.commit:
                answer = self._carry_out(request, raw)
            if fault is not None:
                answer = fault.answer(method)
            request.status = answer.status
        finally:
            request.ended = time.time()
        return wsgi.respond(answer, method, start_response)

    def _log(
        self, method: str, path: str, query: dict[str, str], raw: bytes | None, headers: dict[str, str]
    ) -> LoggedRequest:
        with self._lock:
            number = len(self.requests) + 1
            request = LoggedRequest(number, method, path, query, wsgi.parse(raw), headers, time.time())
            self.requests.append(request)
        return request

    def _fault_for(self, method: str) -> tuple[str, Fault | None]:
        """The fault that the next request with this method meets, with its name."""
        with self._lock:
            if self._outages:
                return self._outages[-1]
            for index, (name, fault, only) in enumerate(self._faults):
                if only in (None, method):
                    del self._faults[index]
                    return name, fault
        return "", None

    def _carry_out(self, request: LoggedRequest, raw: bytes | None) -> Answer:
        try:
            self._check_rate(request)
            self._check_signature(request.headers.get("X_AVANGATE_AUTHENTICATION", ""))
            _check_form(request, raw)
            with self._lock:
                return routes.answer(request, self._operations, self.behaviour)
        except HTTPRefusal as refusal:
            return refusal.answer

    def _check_rate(self, request: LoggedRequest) -> None:
        limit, retry_after = self.behaviour.rate_limit, self.behaviour.retry_after
        if limit is None:
            return
        with self._lock:
            recent = sum(1 for other in self.requests[-limit - 1 :] if other.began > request.began - 1)
        if recent > limit:
            headers = {"Retry-After": retry_after} if retry_after else {}
            raise HTTPRefusal(429, "SIM_RATE_LIMIT", "Too many requests", headers=headers)

    def _check_signature(self, header: str) -> None:
        behaviour = self.behaviour
        signature.check(
            header,
            self.merchant_code,
            self.secret_key,
            accept_md5=behaviour.accept_md5,
            allowed_skew=behaviour.allowed_skew,
        )

    def _existing(self, reference: str) -> Customer:
        customer = self._store.find(reference)
        if customer is None:
            raise LookupError("The fake vendor has no such customer.")
        return customer

    def _controls(self) -> control.Operations:
        """What another process may do."""
        return {
            ("GET", "customers"): lambda: self.customers,
            ("GET", "requests"): lambda: [str(request) for request in self.requests],
            ("POST", "edit"): lambda reference, fields: self.edit(reference, **fields),
            ("POST", "card"): self.add_card,
            ("POST", "fault"): self.fail,
            ("POST", "heal"): self.heal,
            ("POST", "notify"): lambda kind, reference, to: self.notify(kind, reference, to=to).status,
            ("POST", "behaviour"): self.behaviour.set,
        }


def _check_form(request: LoggedRequest, raw: bytes | None) -> None:
    """Raise HTTPRefusal for a request in a form that 2Checkout does not take."""
    if raw is None:
        raise HTTPRefusal(411, "SIM_LENGTH_REQUIRED", "Content-Length is required")
    if not wsgi.accepts_json(request.headers.get("ACCEPT", "")):
        raise HTTPRefusal(406, "SIM_NOT_ACCEPTABLE", "Accept must allow application/json")
    # Some clients send a body with GET and DELETE too, such as null; it has no meaning there.
    if request.method in ("POST", "PUT") and raw.strip() and not isinstance(request.body, dict):
        raise HTTPRefusal(400, "SIM_INVALID_JSON", "The body is not a JSON object")
