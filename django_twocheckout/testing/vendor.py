"""The vendor in a box: what a test, or a colleague in the vendor's Control Panel, does. :mod:`.application` answers.

It shares no code with the client, so that each checks the other. What the documentation leaves open is a switch
(:mod:`.behaviour`), what can go wrong is on demand (:mod:`.faults`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal, get_args

from . import assertions, control, notifications
from .application import Application
from .faults import Fault, FaultName, named
from .notifications import Kind, Sent
from .routes import BASE_PATH
from .server import serving
from .store import Card, Subscription, check_names

#: The methods that 2Checkout's addresses know.
Method = Literal["DELETE", "GET", "HEAD", "POST", "PUT"]
_METHODS = get_args(Method)


class FakeTwoCheckout(Application):
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
        super().__init__(merchant_code, secret_key, **switches)
        self.url = ""
        #: A Django test client, and the paths of the project's addresses by kind and account: where notifications go.
        self.project_client: Any = None
        self.project_path: Callable[[str, str], str] | None = None

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
            self._store.change(self._store.existing(reference), information)

    def forget(self, reference: str) -> None:
        """Delete a customer, which the API itself cannot. Raises LookupError for an unknown one."""
        with self._lock:
            self._store.delete(self._store.existing(reference))

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
            customer = self._store.existing(reference)
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
            customer = self._store.existing(reference)
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
            return [f"{card.type} {card.last_digits}" for card in self._store.existing(reference).cards]

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
        address = self._address(kind, to, account)
        return notifications.send(kind, kept, self.secret_key, algorithms, *address, wrong=wrong_signature)

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
        address = self._address(sent.kind, to, account)
        return notifications.send(sent.kind, {**sent.fields, **renewed}, self.secret_key, algorithms, *address)

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
        address, client = self._address(kind, to, account)
        return notifications.deliver(address, None, client)[0]

    def _address(self, kind: Kind, to: str | None, account: str) -> tuple[str, Any]:
        """Where a notification goes: an address, or a path of the project with its test client."""
        if to is not None and not to.startswith("/"):
            return to, None
        if self.project_client is None or self.project_path is None:
            raise ValueError("Where to? Use the fixture twocheckout, or name an address: to='https://…'.")
        return to or self.project_path(kind.lower(), account), self.project_client

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
