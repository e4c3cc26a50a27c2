"""The vendor in a box: a WSGI application with 2Checkout's customer operations, a memory, and a request log.

It shares no code with the client, so that each checks the other. What the documentation leaves open is a switch
(:mod:`.behaviour`), what can go wrong is on demand (:mod:`.faults`).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote

from .behaviour import Behaviour
from .faults import FAULTS, Fault

BASE_PATH = "/rest/6.0/"
TEXTS = """
    ExternalCustomerReference FirstName LastName Company FiscalCode Address1 Address2 City State Zip CountryCode Phone
    Fax Email Language
""".split()
REQUIRED = ["FirstName", "LastName", "Address1", "City", "Zip", "CountryCode", "Email"]
DERIVED = ["CustomerReference", "AvangateCustomerReference", "Enabled", "Trial", "ExistingCards"]
DUPLICATE = (
    "The External ID you entered is used by another customer account. Please enter a new External ID and try again."
)
PAGES = frozenset({"my_license", "my_products", "payment_methods", "user_data", "order_lookup", "faq"})
NOWHERE = frozenset({"XX", "ZZ", "QQ", "AA"})

Environ = dict[str, Any]
StartResponse = Callable[..., Any]


class Refused(Exception):
    """An answer other than success."""

    def __init__(self, status: int, code: str, message: str, body: Any = None, headers: dict[str, str] | None = None):
        super().__init__(code)
        self.status, self.headers = status, headers or {}
        self.body = body if body is not None else {"error_code": code, "message": message}


class ConnectionCut(Exception):
    """Asks the server to close the connection after these bytes of an answer; the package's own server obeys."""

    def __init__(self, sent: bytes) -> None:
        super().__init__("connection cut")
        self.sent = sent


@dataclass
class LoggedRequest:
    """One line of the request log. ``str()`` tells no personal data; the body is kept for assertions."""

    number: int
    method: str
    path: str = field(repr=False)
    query: dict[str, str] = field(repr=False)
    body: Any = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    began: float
    ended: float | None = None
    status: int | None = None
    fault: str = ""

    def __str__(self) -> str:
        path = re.sub(r"(/credit-card/).+", r"\1…", self.path)
        fields = f" [{', '.join(self.body)}]" if isinstance(self.body, dict) else ""
        return f"#{self.number} {self.method} {path}{fields} -> {self.status or 'no answer'} {self.fault}".rstrip()


@dataclass
class _Card:
    type: str
    last_digits: str
    expiry: str
    subscription: str


_NO_CARD = _Card("", "", "", "")


class FakeTwoCheckout:
    """2Checkout's customers, in memory.

    ::

        with FakeTwoCheckout(put="merge").serve() as vendor:
            vendor.fail("html-502", times=2)
            call_what_talks_to(vendor.url, vendor.merchant_code, vendor.secret_key)
            assert [request.method for request in vendor.requests] == ["GET", "PUT"]

    Any keyword but the credentials is a switch of :class:`Behaviour`. Safe to use from several threads.
    """

    def __init__(self, merchant_code: str = "YOURCODE123", secret_key: str = "SECRET_KEY", **switches: Any) -> None:
        self.merchant_code = merchant_code
        self.secret_key = secret_key
        self.behaviour = Behaviour()
        self.behaviour.set(**switches)
        self.requests: list[LoggedRequest] = []
        self.url = ""
        self._lock = threading.RLock()
        self._customers: dict[str, dict[str, Any]] = {}
        self._cards: dict[str, list[_Card]] = {}
        self._tokens: dict[str, tuple[str, _Card, float]] = {}
        self._sign_ons: dict[str, tuple[str, float]] = {}
        self._faults: list[tuple[str, Fault, str | None]] = []
        self._standing: tuple[str, Fault] | None = None
        self._next = 601952421

    # What a test, or a colleague at the vendor's control panel, does.

    @property
    def customers(self) -> list[dict[str, Any]]:
        """Copies of all customers, oldest first."""
        with self._lock:
            return [dict(customer) for customer in self._customers.values()]

    def customer(self, reference: str) -> dict[str, Any] | None:
        """A copy of the customer under either kind of reference."""
        with self._lock:
            found = self._find(reference)
            return dict(found) if found else None

    def add_customer(self, **information: Any) -> str:
        """A customer that was not created through the API; returns its reference. Nothing is checked."""
        with self._lock:
            return self._insert(information)

    def edit(self, reference: str, **information: Any) -> None:
        """Change a customer as a shopper or a colleague would."""
        with self._lock:
            self._existing(reference).update(information)

    def forget(self, reference: str) -> None:
        """Remove a customer, which the API itself cannot."""
        with self._lock:
            del self._customers[self._existing(reference)["CustomerReference"]]

    def add_card(
        self,
        reference: str,
        card_type: str = "Visa",
        last_digits: str = "1111",
        expiry: str = "12/2029",
        subscription: str = "",
    ) -> None:
        """Put a card on file; while a *subscription* is paid with it, it cannot be deleted."""
        with self._lock:
            cards = self._cards[self._existing(reference)["CustomerReference"]]
            cards.append(_Card(card_type, last_digits, expiry, subscription))

    def cards(self, reference: str) -> list[str]:
        """The cards on file, as type and last digits."""
        with self._lock:
            customer = self._existing(reference)
            return [f"{card.type} {card.last_digits}" for card in self._cards[customer["CustomerReference"]]]

    def fail(self, fault: str | Fault, times: int = 1, method: str | None = None) -> None:
        """Let the next *times* requests, of this *method* only if one is given, meet a fault."""
        name, fault = ("custom", fault) if isinstance(fault, Fault) else (fault, FAULTS[fault])
        with self._lock:
            self._faults += [(name, fault, method)] * times

    @contextmanager
    def outage(self, fault: str = "503") -> Iterator[None]:
        """Every request meets this fault until the block ends."""
        self._standing = (fault, FAULTS[fault])
        try:
            yield
        finally:
            self._standing = None

    def heal(self) -> None:
        """No more faults."""
        with self._lock:
            self._faults.clear()
            self._standing = None

    def serve(self, port: int = 0, host: str = "127.0.0.1") -> Any:
        """A context manager that serves this vendor over HTTP, and yields it with its ``url`` set."""
        from .server import serving

        return serving(self, host, port)

    # The WSGI application.

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path, _, query = str(environ.get("REQUEST_URI") or environ.get("RAW_URI") or environ["PATH_INFO"]).partition(
            "?"
        )
        query = query or environ.get("QUERY_STRING", "")
        if path.startswith("/_control/"):
            from .control import answer

            return answer(self, path, environ, start_response)
        raw = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        logged = self._log(environ, path, query, raw)
        name, fault = self._fault_for(logged.method)
        logged.fault = name
        try:
            answer_body: Any = None
            status = 200
            headers: dict[str, str] = {}
            if fault is None or fault.commit:
                status, answer_body, headers = self._carry_out(environ, logged, raw)
            body = json.dumps(answer_body).encode()
            headers = {"Content-Type": "application/json", **headers}
            if fault is not None:
                time.sleep(fault.delay)
                if fault.cut == "reset":
                    raise ConnectionCut(b"")
                if fault.cut == "half":
                    promised = len(fault.body) + 100
                    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {promised}\r\n\r\n"
                    raise ConnectionCut(head.encode() + fault.body.encode())
                status, body, headers = fault.status, fault.body.encode(), dict(fault.headers)
            logged.status = status
        finally:
            logged.ended = time.time()
        start_response(
            f"{status} {_REASONS.get(status, 'Status')}", [*headers.items(), ("Content-Length", str(len(body)))]
        )
        return [body]

    def _log(self, environ: Environ, path: str, query: str, raw: bytes) -> LoggedRequest:
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            body = None
        headers = {name[5:]: value for name, value in environ.items() if name.startswith("HTTP_")}
        headers["CONTENT_TYPE"] = environ.get("CONTENT_TYPE", "")
        parameters = {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}
        with self._lock:
            logged = LoggedRequest(
                len(self.requests) + 1, environ["REQUEST_METHOD"], path, parameters, body, headers, time.time()
            )
            self.requests.append(logged)
        return logged

    def _fault_for(self, method: str) -> tuple[str, Fault | None]:
        with self._lock:
            if self._standing:
                return self._standing
            for index, (name, fault, only) in enumerate(self._faults):
                if only in (None, method):
                    del self._faults[index]
                    return name, fault
        return "", None

    def _carry_out(self, environ: Environ, logged: LoggedRequest, raw: bytes) -> tuple[int, Any, dict[str, str]]:
        try:
            self._check_rate(logged)
            self._check_signature(logged.headers.get("X_AVANGATE_AUTHENTICATION", ""))
            if logged.headers.get("ACCEPT") != "application/json":
                raise Refused(406, "SIM_NOT_ACCEPTABLE", "Accept must be application/json")
            if raw and not isinstance(logged.body, dict):
                raise Refused(400, "SIM_INVALID_JSON", "The body is not a JSON object")
            with self._lock:
                return 200, self._route(logged), {}
        except Refused as refused:
            return refused.status, refused.body, refused.headers

    def _check_rate(self, logged: LoggedRequest) -> None:
        limit = self.behaviour.rate_limit
        if limit is None:
            return
        with self._lock:
            recent = sum(1 for request in self.requests[-limit - 1 :] if request.began > logged.began - 1)
        if recent > limit:
            headers = {"Retry-After": self.behaviour.retry_after} if self.behaviour.retry_after else None
            raise Refused(429, "SIM_RATE_LIMIT", "Too many requests", headers=headers)

    def _check_signature(self, header: str) -> None:
        refused = Refused(401, "AUTHENTICATION_ERROR", "Authentication needed for this resource")
        facts = {name: a or b for name, a, b in re.findall(r"""(\w+)=(?:"([^"]*)"|'([^']*)')""", header)}
        algorithm = {"sha256": "sha256", "sha3-256": "sha3_256", "md5": "md5"}.get(facts.get("algo", "md5"))
        if algorithm is None or (algorithm == "md5" and not self.behaviour.accept_md5):
            raise refused
        code, date = facts.get("code", ""), facts.get("date", "")
        message = f"{len(code.encode())}{code}{len(date.encode())}{date}".encode()
        expected = hmac.new(self.secret_key.encode(), message, lambda: hashlib.new(algorithm)).hexdigest()
        if code != self.merchant_code or not hmac.compare_digest(expected, facts.get("hash", "")):
            raise refused
        try:
            signed = datetime.strptime(date, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        except ValueError:
            raise refused from None
        skew = abs((datetime.now(UTC) - signed).total_seconds())
        if self.behaviour.allowed_skew is not None and skew > self.behaviour.allowed_skew:
            raise refused

    def _route(self, logged: LoggedRequest) -> Any:
        if not logged.path.startswith(BASE_PATH + "customers"):
            raise Refused(404, "SIM_NO_SUCH_PATH", "Not found")
        segments = [unquote(segment) for segment in logged.path[len(BASE_PATH + "customers") :].split("/")[1:]]
        slash = bool(segments) and segments[-1] == ""
        segments = segments[:-1] if slash else segments
        if len(segments) == 3 and segments[1] == "credit-card":
            if logged.method != "DELETE":
                raise Refused(405, "SIM_METHOD", "Method not allowed", headers={"Allow": "DELETE"})
            return self._delete_card(segments[0], segments[2])
        if not slash and self.behaviour.without_slash != "accept":
            if self.behaviour.without_slash == "redirect":
                raise Refused(301, "", "", body="", headers={"Location": logged.path + "/"})
            raise Refused(404, "SIM_NO_SUCH_PATH", "Not found")
        operations: dict[tuple[str, int], Callable[[], Any]] = {
            ("POST", 0): lambda: self._create(logged.body or {}),
            ("GET", 0): lambda: self._retrieve_by_sign_on(logged.query.get("ssotoken", "")),
            ("GET", 1): lambda: self._retrieve(segments[0], logged.query.get("includePaymentData") == "true"),
            ("PUT", 1): lambda: self._update(segments[0], logged.body or {}),
        }
        if len(segments) == 3 and segments[1] == "account":
            operations["GET", 3] = lambda: self._sign_on(segments[0], segments[2], logged.query.get("ValidityTime", ""))
        operation = operations.get((logged.method, len(segments)))
        if operation is None:
            raise Refused(405, "SIM_METHOD", "Method not allowed", headers={"Allow": "POST, HEAD, GET, PUT"})
        return operation()

    # The operations.

    def _create(self, body: dict[str, Any]) -> Any:
        information = self._checked(body, {})
        reference = self._insert(information)
        return {"number": int(reference), "text": reference, "object": {"CustomerReference": reference}}[
            self.behaviour.create_answer
        ]

    def _retrieve(self, reference: str, payment_data: bool) -> dict[str, Any]:
        return self._echo(self._known(reference), payment_data)

    def _sign_on(self, reference: str, page: str, validity: str) -> Any:
        if not self.behaviour.sign_on or page not in PAGES:
            raise Refused(404, "SIM_NO_SUCH_PATH", "Not found")
        customer = self._known(reference)
        seconds = self.behaviour.sign_on_seconds
        if seconds is None:
            seconds = float(validity) if validity.isdecimal() else 10
        token = secrets.token_hex(20)
        self._sign_ons[token] = (customer["CustomerReference"], time.time() + seconds)
        link = f"https://store.example/myaccount/{page}/?logintoken={token}"
        return {"link": link, "object": {"Url": link}, "token": {"Token": token}, "nothing": {}}[
            self.behaviour.sign_on_answer
        ]

    def _retrieve_by_sign_on(self, token: str) -> dict[str, Any]:
        reference, until = self._sign_ons.get(token, ("", 0.0))
        if reference not in self._customers or time.time() > until:
            raise Refused(400, "SIM_SIGN_ON_TOKEN", f"The token {token} is not valid")
        return self._echo(self._customers[reference], True, signed_on=True)

    def _update(self, reference: str, body: dict[str, Any]) -> Any:
        customer = self._customers.get(reference) or (self._find(reference) if self.behaviour.put_by_external else None)
        if customer is None:
            raise self._unknown_customer()
        named = body.get("CustomerReference", body.get("AvangateCustomerReference"))
        if named and str(named) != customer["CustomerReference"] and self.behaviour.body_of_another == "refuse":
            raise Refused(400, "SIM_ANOTHER_CUSTOMER", "The references belong to different customers")
        information = self._checked(body, customer)
        if self.behaviour.update_answer == "false":
            return False
        customer.update(information)
        return self._echo(customer, False) if self.behaviour.update_answer == "object" else True

    def _delete_card(self, reference: str, token: str) -> Any:
        customer = self._known(reference)
        owner, card, until = self._tokens.get(token, ("", _NO_CARD, 0.0))
        cards = self._cards[customer["CustomerReference"]]
        if owner != customer["CustomerReference"] or card not in cards or time.time() > until:
            raise Refused(self.behaviour.unknown_card_status, "SIM_UNKNOWN_CARD", "There is no such card")
        if card.subscription:
            code, message = "SIM_CARD_IN_USE", "The card is used by an active subscription"
            by_shape: dict[str, Any] = {
                "rest": {
                    "Errors": [{"SubscriptionReference": card.subscription, "Message": message, "ErrorCode": code}]
                },
                "rpc": {
                    "Subscriptions": [
                        {"SubscriptionReference": card.subscription, "Error": {"error_code": code, "message": message}}
                    ]
                },
            }
            raise Refused(400, code, message, body={"Deleted": False, **by_shape[self.behaviour.card_refusal]})
        cards.remove(card)
        return {"Deleted": True}

    # What they share.

    def _checked(self, body: dict[str, Any], existing: dict[str, Any]) -> dict[str, Any]:
        """What the customer becomes, or a refusal. *existing* is empty at a create."""
        if self.behaviour.derived_fields == "refuse" and (
            sent := [name for name in DERIVED if body.get(name) is not None]
        ):
            raise self._invalid("SIM_READ_ONLY", f"{sent[0]} cannot be set")
        whole = existing if existing and self.behaviour.put == "merge" else {}
        information = {name: body[name] if name in body else whole.get(name) for name in TEXTS}
        for name, value in information.items():
            if value is not None and not isinstance(value, str):
                raise self._invalid("SIM_INVALID_TYPE", f"{name} must be a text")
        if missing := [name for name in REQUIRED if not information[name]]:
            raise self._invalid("SIM_MISSING_FIELD", f"{missing[0]} is required")
        country = str(information["CountryCode"]).upper()
        if not re.fullmatch(r"[A-Z]{2}", country) or country in NOWHERE:
            raise self._invalid("SIM_INVALID_COUNTRY", f"CountryCode {country} is not a country")
        if information["FiscalCode"] and not information["Company"]:
            raise self._invalid("SIM_COMPANY_REQUIRED", "Company is required when FiscalCode is given")
        if information["FiscalCode"] in self.behaviour.refused_fiscal_codes:
            raise self._invalid("SIM_INVALID_FISCAL_CODE", "The fiscal code is not a valid VAT ID")
        external = information["ExternalCustomerReference"]
        other = next((c for c in self._customers.values() if external and self._same_external(c, external)), None)
        if other is not None and other is not existing:
            raise Refused(self.behaviour.duplicate_reference_status, "SIM_DUPLICATE_EXTERNAL_REFERENCE", DUPLICATE)
        if self.behaviour.credit_writable and isinstance(body.get("Credit"), dict):
            information["Credit"] = dict(body["Credit"])
        return information

    def _insert(self, information: dict[str, Any]) -> str:
        reference = str(self._next)
        self._next += 1
        self._customers[reference] = {
            **dict.fromkeys(TEXTS),
            "Enabled": False,
            "Trial": False,
            **information,
            "CustomerReference": reference,
        }
        self._cards[reference] = []
        return reference

    def _echo(self, customer: dict[str, Any], payment_data: bool, signed_on: bool = False) -> dict[str, Any]:
        """The customer as an answer shows it, which is not quite as it was sent."""
        behaviour, reference = self.behaviour, customer["CustomerReference"]
        answer = {name: value for name, value in customer.items() if name != "CustomerReference"}
        for name in TEXTS:
            if not answer[name] and name != "ExternalCustomerReference":
                answer[name] = None if behaviour.blank_echo == "null" else ""
                if behaviour.blank_echo == "absent":
                    del answer[name]
        if not behaviour.country_as_sent and answer.get("CountryCode"):
            answer["CountryCode"] = answer["CountryCode"].lower()
        if behaviour.language_echo == "blank":
            answer["Language"] = ""
        listed = self._cards[reference] if signed_on or not behaviour.cards_by_sign_on_only else []
        answer["ExistingCards"] = [self._echo_card(reference, card, payment_data, signed_on) for card in listed]
        names = {"both": ["CustomerReference", "AvangateCustomerReference"]}.get(
            behaviour.reference_name, [behaviour.reference_name]
        )
        shown = int(reference) if behaviour.reference_as_number else reference
        return {**dict.fromkeys(names, shown), **answer}

    def _echo_card(self, reference: str, card: _Card, payment_data: bool, signed_on: bool) -> Any:
        token = secrets.token_urlsafe(24)
        self._tokens[token] = (reference, card, time.time() + self.behaviour.token_seconds)
        if self.behaviour.card_shape == "texts":
            return token if payment_data else f"{card.type} {card.last_digits}"
        shown: dict[str, Any] = {"CardType": card.type, "LastDigits": card.last_digits, "ExpirationDate": card.expiry}
        if card.subscription and self.behaviour.card_names_subscription:
            shown["SubscriptionReference"] = card.subscription
        if signed_on or (payment_data and self.behaviour.card_token != "none"):
            shown["TransientToken"] = token if self.behaviour.card_token == "text" else {"Token": token}
        return shown

    def _find(self, reference: str) -> dict[str, Any] | None:
        internal = self._customers.get(reference)
        external = next((c for c in self._customers.values() if self._same_external(c, reference)), None)
        first, second = (
            (internal, external) if self.behaviour.ambiguous_reference == "internal" else (external, internal)
        )
        return first or second

    def _same_external(self, customer: dict[str, Any], reference: str) -> bool:
        external = customer["ExternalCustomerReference"]
        if self.behaviour.external_case_sensitive or not external:
            return bool(external == reference)
        return bool(external.lower() == reference.lower())

    def _known(self, reference: str) -> dict[str, Any]:
        customer = self._find(reference)
        if customer is None:
            raise self._unknown_customer()
        return customer

    def _existing(self, reference: str) -> dict[str, Any]:
        customer = self._find(reference)
        if customer is None:
            raise LookupError("The fake vendor has no such customer.")
        return customer

    def _unknown_customer(self) -> Refused:
        return Refused(self.behaviour.unknown_customer_status, "SIM_UNKNOWN_CUSTOMER", "There is no such customer")

    def _invalid(self, code: str, message: str) -> Refused:
        return Refused(self.behaviour.invalid_field_status, code, message)


_REASONS = {
    200: "OK",
    301: "Moved Permanently",
    302: "Found",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
}
