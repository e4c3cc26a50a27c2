"""Speaks HTTPS with 2Checkout's REST API 6.0: the customer operations, signed, bounded in time and size.

The last room before the network. It takes and returns dictionaries in CustomerInformation's own names, knows neither
Django nor Celery, and turns every end of a request into a value or one of our exceptions.

    from django_twocheckout.client import TwoCheckoutClient

    client = TwoCheckoutClient(merchant_code="250111206876", secret_key=os.environ["TWOCHECKOUT_SECRET_KEY"])
    client.retrieve_customer("601952421")["FirstName"]

The vendor's pages: https://docs.2checkout.com/api-reference/reference/customers and, for the signature,
https://docs.2checkout.com/api-reference/reference/authentication; for the second way to a card's token
https://docs.2checkout.com/api-reference/reference/single-sign-on.
"""

from __future__ import annotations

import hmac
import json
import logging
import os
import re
import threading
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3 import ProxyManager
from urllib3.exceptions import HTTPError, ReadTimeoutError

from . import __version__
from .exceptions import (
    AuthenticationFailed,
    CardNotDeleted,
    ConnectionFailed,
    NotFound,
    NotSent,
    RateLimited,
    Refusal,
    RequestRejected,
    ServerFailed,
    TwoCheckoutError,
    UnreadableAnswer,
)
from .transport import PUNCTUAL_POOLS

BASE_URL = "https://api.2checkout.com/rest/6.0/"
HASH_ALGORITHMS = {"sha3-256": "sha3_256", "sha256": "sha256"}
MAX_ANSWER_BYTES = 1024 * 1024
READ_BYTES = 64 * 1024
LONGEST_RETRY_AFTER = 24 * 60 * 60
#: For so long a single sign-on token is asked to be good. 2Checkout's own 10 seconds would be few on a slow day.
SIGN_ON_SECONDS = 30

Timeout = float | tuple[float, float]


class Signature(AuthBase):
    """Signs a request with the header that 2Checkout asks for; 2Checkout compares its date with the clock."""

    def __init__(self, merchant_code: str, secret_key: str, hash_algorithm: str) -> None:
        if hash_algorithm not in HASH_ALGORITHMS:
            raise ValueError(f"hash_algorithm must be one of {', '.join(HASH_ALGORITHMS)}, not {hash_algorithm!r}.")
        if not isinstance(merchant_code, str) or not re.fullmatch(r"[!#-~\xa1-\xff]+", merchant_code):
            raise ValueError("merchant_code must be a text of Latin characters without blanks and quotes.")
        if not isinstance(secret_key, str) or not secret_key or secret_key != secret_key.strip():
            raise ValueError("secret_key must be a text, not blank, and must not begin or end with a blank.")
        self.merchant_code = merchant_code
        self.algorithm = hash_algorithm
        self._key = secret_key.encode()

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["X-Avangate-Authentication"] = self.header(datetime.now(UTC))
        return request

    def header(self, now: datetime) -> str:
        """The header's value for this moment (a datetime in UTC)."""
        date = now.strftime("%Y-%m-%d %H:%M:%S")
        # Lengths count bytes, not characters.
        message = b"".join(b"%d%b" % (len(part), part) for part in (self.merchant_code.encode(), date.encode()))
        digest = hmac.new(self._key, message, HASH_ALGORITHMS[self.algorithm]).hexdigest()
        return f'code="{self.merchant_code}" date="{date}" hash="{digest}" algo="{self.algorithm}"'


class TwoCheckoutClient:
    """The four operations on 2Checkout's customers, and the second way to retrieve one.

    ``timeout``: seconds, or a pair (seconds to connect, seconds to wait for an answer). ``base_url`` must be HTTPS
    unless it points to this machine. Raises ValueError for a wrong argument. Nothing is retried here: a failed request
    may have been carried out, so the decision belongs to whoever knows what it meant.

    Safe to share between threads and across a fork: each thread of each process has a kept-alive session of its own.
    """

    def __init__(
        self,
        *,
        merchant_code: str,
        secret_key: str,
        base_url: str = BASE_URL,
        hash_algorithm: str = "sha3-256",
        timeout: Timeout = (5, 30),
    ) -> None:
        self.base_url = checked_base_url(base_url)
        self.timeout = checked_timeout(timeout)
        self._signature = Signature(merchant_code, secret_key, hash_algorithm)
        self._local = threading.local()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.base_url}>"

    def create_customer(self, information: Mapping[str, Any]) -> str:
        """Create a customer and return its new CustomerReference.

        2Checkout has no idempotency key: after any error but RequestRejected the customer may exist all the same, to be
        found by its ExternalCustomerReference. Raises TwoCheckoutError.
        """
        answer = self._request("POST", "customers/", json_body=information)
        if isinstance(answer, Mapping):
            answer = answer.get("CustomerReference") or answer.get("AvangateCustomerReference")
        # A number, in quotes or not; never a boolean, which Python counts among the numbers.
        if isinstance(answer, bool) or not re.fullmatch(r"[1-9]\d{0,30}", str(answer)):
            raise UnreadableAnswer("POST customers/: the answer is not a customer reference", status=200)
        return str(answer)

    def retrieve_customer(self, reference: str, include_payment_data: bool = False) -> dict[str, Any]:
        """Fetch a customer by 2Checkout's reference or by ours; both share one place in the address.

        With ``include_payment_data`` the cards may carry transient tokens: keep them out of databases and logs.
        Raises NotFound or another TwoCheckoutError.
        """
        answer = self._request(
            "GET", "customers/{}/", reference, query={"includePaymentData": "true"} if include_payment_data else None
        )
        return _customer("GET customers/…/", answer)

    def retrieve_customer_by_sign_on(self, reference: str) -> dict[str, Any]:
        """Fetch a customer by a single sign-on token, which is where 2Checkout documents the cards' transient tokens.

        Two requests: one for a link to the shopper's account that is good for some seconds, one with the token out of
        it. That token opens the account, so it does not leave this method. The second request is documented at
        https://docs.2checkout.com/api-reference/reference/single-sign-on, the first in the vendor's Postman collection;
        the form of its answer is not, so several are read. Whether the customer is the one that was asked for is the
        caller's to compare. Raises TwoCheckoutError.
        """
        query = {"ValidityTime": str(SIGN_ON_SECONDS)}
        link = self._request("GET", "customers/{}/account/payment_methods/", reference, query=query)
        token = _sign_on_token(link)
        if not token:
            raise UnreadableAnswer("GET customers/…/account/payment_methods/: the answer holds no token", status=200)
        try:
            return _customer("GET customers/", self._request("GET", "customers/", query={"ssotoken": token}))
        except TwoCheckoutError as error:
            # The vendor's words may quote what was sent, and these are shown to people.
            error.message = _without_values(error.message, [token])
            raise

    def update_customer(self, reference: str, information: Mapping[str, Any], end_user_update: bool = False) -> bool:
        """Update the customer under 2Checkout's reference; True, or an exception.

        Whether fields left out of ``information`` are kept or erased is undocumented. With ``end_user_update`` the
        change reaches the end-user details of all the customer's subscriptions too. Raises RequestRejected also where
        2Checkout answers 200 with ``false``, or another TwoCheckoutError.
        """
        query = {"endUserUpdate": "true"} if end_user_update else None
        answer = self._request("PUT", "customers/{}/", reference, query=query, json_body=information)
        if answer in (True, "true", "1") or isinstance(answer, Mapping):
            return True
        if answer in (False, "false", "0"):
            raise RequestRejected(
                "PUT customers/…/: answered false", status=200, message="2Checkout answered that it did not update"
            )
        raise UnreadableAnswer("PUT customers/…/: the answer is neither true nor false", status=200)

    def delete_card(self, reference: str, token: str) -> bool:
        """Delete the card behind a transient token; True, or an exception.

        Raises CardNotDeleted with 2Checkout's reasons, NotFound where the card or the customer is gone already, or
        another TwoCheckoutError.
        """
        # This one path is documented without a slash at its end.
        answer = self._request("DELETE", "customers/{}/credit-card/{}", reference, token)
        if isinstance(answer, Mapping):
            if answer.get("Deleted") is True:
                return True
            if answer.get("Deleted") is False:
                raise _card_not_deleted(answer, 200, [reference, token])
        raise UnreadableAnswer("DELETE customers/…/credit-card/…: the answer does not say whether it was deleted")

    @property
    def requests_sent(self) -> int:
        """How many requests this thread has sent."""
        return int(getattr(self._local, "requests_sent", 0))

    @property
    def last_status(self) -> int | None:
        """The HTTP status of the answer to this thread's last request; None if no answer came."""
        return getattr(self._local, "last_status", None)

    def close(self) -> None:
        """Close this thread's connections; the next request opens new ones."""
        session = self._local.__dict__.pop("session", None)
        if session is not None:
            session.close()

    def _request(
        self,
        method: str,
        route: str,
        *segments: str,
        query: Mapping[str, str] | None = None,
        json_body: Mapping[str, Any] | None = None,
    ) -> Any:
        # The route, not the address: references and tokens stay out of messages.
        what = f"{method} {route.replace('{}', '…')}"
        url = self.base_url + route.format(*(_path_segment(what, segment) for segment in segments))
        body = None if json_body is None else _encoded(what, json_body)
        session = self._session()
        deadline = time.monotonic() + sum(self.timeout)
        self._local.requests_sent, self._local.last_status = self.requests_sent + 1, None
        try:
            # session.request() would merge settings of the session into each request, at a sixth of the whole cost.
            request = requests.PreparedRequest()
            content = {"Content-Type": "application/json"} if body is not None else {}
            headers = {**session.headers, **content}
            request.prepare(method, url, headers, data=body, params=query, auth=self._signature, hooks=session.hooks)
            with session.send(
                request,
                timeout=self.timeout,
                allow_redirects=False,  # a redirect would carry the signature elsewhere, or lose the body
                stream=True,
                proxies=session.proxies,
                verify=session.verify,
                cert=session.cert,
            ) as response:
                self._local.last_status = response.status_code
                private = [*segments, *(query or {}).values(), *(json_body or {}).values()]
                return _answer(what, response, deadline, private)
        except requests.RequestException as error:
            # The library's own text quotes the address, and with it references and tokens.
            raise ConnectionFailed(f"{what}: {type(error).__name__}") from None

    def _session(self) -> requests.Session:
        """This thread's session; a new one after a fork, for a socket must not be shared between processes."""
        local = self._local
        if getattr(local, "pid", None) != os.getpid():
            local.session, local.pid = None, os.getpid()
        if getattr(local, "session", None) is None:
            local.session = self.create_session()
        session: requests.Session = local.session
        return session

    def create_session(self) -> requests.Session:
        """Make a session; override it to set headers, a proxy, a certificate, hooks or a transport adapter of your
        own."""
        session = requests.Session()
        session.headers.update({"Accept": "application/json", "User-Agent": f"django-twocheckout/{__version__}"})
        # requests looks proxies, certificates and netrc up again for every call, at a third of the call's cost.
        environment = session.merge_environment_settings(self.base_url, {}, None, None, None)
        session.trust_env = False
        session.proxies = environment["proxies"]
        session.verify = environment["verify"]
        session.mount(self.base_url, _Transport())
        _keep_addresses_out_of_logs(self.base_url)
        return session


class _Transport(HTTPAdapter):
    """The usual one, but for :func:`.transport.leaving_until`."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = PUNCTUAL_POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        if type(manager) is ProxyManager:  # a SOCKS proxy's has connections of its own kind
            manager.pool_classes_by_scheme = PUNCTUAL_POOLS
        return manager


class _AddressFilter(logging.Filter):
    """Cuts our addresses in urllib3's lines: they hold references and tokens, in the path and in the query."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self.address = re.compile(rf"({re.escape(urlsplit(base_url).path)}customers/)[^\s\"')]*")

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                self.address.sub(r"\1…", argument) if isinstance(argument, str) else argument
                for argument in record.args
            )
        return True


@lru_cache(maxsize=16)
def _keep_addresses_out_of_logs(base_url: str) -> None:
    for name in ("urllib3.connectionpool", "urllib3.connection"):
        logging.getLogger(name).addFilter(_AddressFilter(base_url))


def checked_base_url(base_url: str) -> str:
    """The base URL with a slash at its end; ValueError unless it is HTTPS, or HTTP to this very machine."""
    try:
        parts = urlsplit(base_url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("base_url is not an address.") from None
    if parts.username or parts.password or parts.query or parts.fragment or not host:
        raise ValueError("base_url must be an address with a host and without credentials, query or fragment.")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise ValueError("base_url must begin with https://; only a server on this very machine may go without.")
    return base_url if base_url.endswith("/") else base_url + "/"


def checked_timeout(timeout: Timeout) -> tuple[float, float]:
    """The timeout as a pair (connect, read) of seconds; ValueError unless both are above 0."""
    connect, read = timeout if isinstance(timeout, tuple | list) else (timeout, timeout)
    for seconds in (connect, read):
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < float("inf"):
            raise ValueError("timeout must be a number of seconds above 0, or a pair of them (connect, read).")
    return connect, read


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _path_segment(what: str, value: str) -> str:
    """The value as one segment of a path. Blank or dots would name another address, however they are encoded."""
    if value in (None, "", ".", ".."):
        raise NotSent(f"{what}: a reference or token must not be blank, '.' or '..'")
    try:
        return quote(str(value), safe="")
    except UnicodeEncodeError:
        raise NotSent(f"{what}: a reference or token cannot be written as UTF-8") from None


def _encoded(what: str, body: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(dict(body), ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError):
        raise NotSent(f"{what}: the information cannot be written as JSON") from None


def _answer(what: str, response: requests.Response, deadline: float, private: Iterable[Any]) -> Any:
    """The answer's JSON where it is a success, or the exception that its status stands for."""
    status, readable = response.status_code, True
    try:
        body = _read(what, response, deadline)
        answer = json.loads(body) if body.strip() or status < 300 else None
    except (UnreadableAnswer, ValueError, RecursionError):
        answer, readable = None, False
    if not 200 <= status < 300 or (isinstance(answer, Mapping) and (answer.get("error_code") or answer.get("Errors"))):
        raise _failure(what, response, answer, readable, private)
    if not readable:
        raise UnreadableAnswer(f"{what}: {status}, the answer is cut, too large or not JSON", status=status)
    return answer


def _read(what: str, response: requests.Response, deadline: float) -> bytes:
    """The body, bounded in size and, a slow drip included, in time."""
    if response.raw is None:  # a response that was made by hand, in somebody's test
        return response.content
    read_some = getattr(response.raw, "read1", response.raw.read)  # read() would wait for a whole portion
    body = bytearray()
    try:
        while some := read_some(READ_BYTES, decode_content=True):
            body += some
            if len(body) > MAX_ANSWER_BYTES:
                raise UnreadableAnswer(f"{what}: the answer is larger than {MAX_ANSWER_BYTES} bytes")
            if time.monotonic() > deadline:
                raise ConnectionFailed(f"{what}: the answer did not end in time")
    except ReadTimeoutError:
        raise ConnectionFailed(f"{what}: the answer did not end in time") from None
    except (HTTPError, OSError):
        raise UnreadableAnswer(f"{what}: the answer is cut or garbled") from None
    return bytes(body)


def _failure(
    what: str, response: requests.Response, answer: Any, readable: bool, private: Iterable[Any]
) -> TwoCheckoutError:
    """The exception for an answer that is no success. Nobody else looks at a status."""
    status, code, message = response.status_code, "", ""
    if isinstance(answer, Mapping):
        code, message = (_line(answer.get(key)) for key in ("error_code", "message"))
    if isinstance(answer, Mapping) and what.startswith("DELETE") and status in (200, 400):
        return _card_not_deleted(answer, status, private)
    text = " ".join(filter(None, [f"{what}:", str(status), _without_values(f"{code} {message}".strip(), private)]))
    facts: dict[str, Any] = {"status": status, "code": code, "message": message}
    if status >= 500:
        return ServerFailed(text, retry_after=_retry_after(response), **facts)
    if status == 429:
        return RateLimited(text, retry_after=_retry_after(response), **facts)
    if status == 408:
        return ConnectionFailed(text, **facts)
    if status in (401, 403):
        return AuthenticationFailed(text, **facts)
    if 300 <= status < 400:
        return UnreadableAnswer(f"{what}: {status}, and redirects are not followed", status=status)
    if not readable:
        # A page instead of JSON comes from something in between: its "not found" tells nothing about a customer.
        return UnreadableAnswer(f"{what}: {status}, and not in 2Checkout's words", status=status)
    if status == 404:
        return NotFound(text, **facts)
    return RequestRejected(text, **facts)


def _card_not_deleted(answer: Mapping[str, Any], status: int, private: Iterable[Any]) -> CardNotDeleted:
    """Reads both documented shapes: REST's list of errors, and the list of subscriptions of its siblings."""
    found = [(item, item.get("Message"), item.get("ErrorCode")) for item in _mappings(answer.get("Errors"))]
    for item in _mappings(answer.get("Subscriptions")):
        error = item.get("Error")
        error = error if isinstance(error, Mapping) else {}
        found.append((item, error.get("message"), error.get("error_code")))
    reasons = tuple(
        Refusal(_line(item.get("SubscriptionReference")), _line(message), _line(code)) for item, message, code in found
    )
    refused = CardNotDeleted(
        reasons=reasons,
        status=status,
        code=_line(answer.get("error_code")),
        message=_line(answer.get("message")) or "2Checkout did not delete the card",
    )
    refused.args = (f"DELETE customers/…/credit-card/…: {status} {_without_values(refused.words, private)}",)
    return refused


def _customer(what: str, answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise UnreadableAnswer(f"{what}: the answer is not a customer", status=200)
    # The same reference comes as a text or as a number, and from older versions under another name.
    found = answer.get("CustomerReference") or answer.get("AvangateCustomerReference")
    return {**answer, "CustomerReference": str(found)} if found else answer


def _sign_on_token(answer: Any) -> str:
    """The token in the answer: a link with it, alone or under a name, or the token itself; blank if there is none."""
    named = answer.items() if isinstance(answer, Mapping) else [("token", answer)]
    texts = [(str(name).lower(), text.strip()) for name, text in named if isinstance(text, str)]
    for text in [text for name, text in texts if name.endswith("token")] + [
        text for _name, text in texts if "://" in text
    ]:
        if "://" not in text and re.fullmatch(r"[\w.~+/=-]{8,500}", text):
            return text
        # Documented is a link with logintoken=…
        for name, value in parse_qsl(text.partition("?")[2].partition("#")[0]):
            if name.lower().endswith("token"):
                return value
    return ""


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _line(value: Any) -> str:
    """The vendor's words as one line of bounded length that any database and log can hold."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:500]


def _without_values(message: str, private: Iterable[Any]) -> str:
    """The vendor's sentence without what we sent, and without any e-mail address: fit for a log."""
    values = {" ".join(str(value).split()) for value in private if value}
    for value in sorted(values, key=len, reverse=True):
        message = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "…", message, flags=re.IGNORECASE)
    return re.sub(r"[^\s@<>\"']+@[^\s@<>\"']+", "…", message)


def _retry_after(response: requests.Response) -> float | None:
    """Seconds to wait, from either form of the Retry-After header."""
    value = response.headers.get("Retry-After", "").strip()
    if not value:
        return None
    try:
        seconds = (
            float(value) if value.isdigit() else (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        )
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)
