"""The vendor: 2Checkout's customers over HTTP and HTTPS, in a process of its own, too fast to be what is measured.

The fake of ``django_twocheckout.testing`` is made to be exact and to fail on demand; this one is made to be fast, to
answer after a latency set at run time, and to count. It checks every signature. Runs on uvloop where that is installed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import hmac
import json
import ssl
import time
from array import array
from datetime import date
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from .customers import FIRST_CREATED, FIRST_REFERENCE, information

MERCHANT_CODE = "BENCHMARK"
SECRET_KEY = "only-for-the-benchmarks"
PATH = "/rest/6.0/customers/"
SEARCH = "/rest/6.0/subscriptions/"
#: The subscriptions were bought on these days, in the order of their customers.
FIRST_DAY, DAYS = date(2024, 1, 1), 500


@lru_cache(maxsize=1024)
def is_signed(header: str) -> bool:
    """Whether the header is signed with our key. Cached: a header stays the same for a second."""
    try:
        code, date, digest, algorithm = header.split('"')[1::2]
    except ValueError:
        return False
    message = f"{len(code)}{code}{len(date)}{date}".encode()
    expected = hmac.new(SECRET_KEY.encode(), message, algorithm.replace("-", "_")).hexdigest()
    return code == MERCHANT_CODE and hmac.compare_digest(digest, expected)


class Vendor:
    """The customers, the latency, and the counts since the last reset."""

    def __init__(self) -> None:
        self.latency = 0.0
        self.changed: dict[str, dict[str, Any]] = {}
        self.by_external_reference: dict[str, str] = {}
        self.created = 0
        #: So many of the customers have a subscription.
        self.subscribers = 0
        self.connections = 0
        self.reset()

    def reset(self) -> None:
        self.times = array("d")
        self.methods = {"POST": 0, "GET": 0, "PUT": 0}
        self.writes: dict[str, int] = {}
        #: When each customer's last write arrived here.
        self.arrivals: dict[str, float] = {}
        self.refused = 0
        self.opened = 0

    def answer(self, method: str, path: str, signature: str, body: bytes) -> tuple[int, Any]:
        if not is_signed(signature):
            self.refused += 1
            return 401, {"error_code": "AUTHENTICATION_ERROR", "message": "Authentication failed"}
        self.times.append(time.monotonic())
        self.methods[method] += 1
        if path.startswith(SEARCH):
            return 200, self._page(dict(parse_qsl(path.partition("?")[2])))
        reference = path[len(PATH) :].partition("?")[0].rstrip("/")
        if method == "POST":
            customer = json.loads(body)
            self.created += 1
            number = str(FIRST_CREATED + self.created)
            self.changed[number] = customer
            self.by_external_reference[customer["ExternalCustomerReference"]] = number
            self._wrote(customer["ExternalCustomerReference"])
            return 200, int(number)
        number = self.by_external_reference.get(reference, reference)
        customer = self.changed.get(number) or self._as_it_began(number)
        if customer is None:
            return 404, {"error_code": "CUSTOMER_NOT_FOUND", "message": "Customer not found"}
        if method == "GET":
            return 200, _echo(number, customer)
        self.changed[number] = {**customer, **json.loads(body)}
        self._wrote(self.changed[number]["ExternalCustomerReference"])
        return 200, True

    def _page(self, query: dict[str, str]) -> dict[str, Any]:
        """A page of the subscriptions bought in the days that are asked for."""
        after, before = (query.get(f"Purchased{side}") or query.get(f"Modified{side}") for side in ("After", "Before"))
        first = self._bought_before(date.fromisoformat(after)) if after else 0
        last = self._bought_before(date.fromisoformat(before), including=1) if before else self.subscribers
        size = int(query["Limit"])
        start = first + (int(query["Page"]) - 1) * size
        items = [
            {
                "SubscriptionReference": f"SUB{number}",
                "AvangateCustomerReference": FIRST_REFERENCE + number,
                "ExternalCustomerReference": f"dj-benchmark-{number}",
            }
            for number in range(start, min(start + size, last))
        ]
        return {"Items": items, "Pagination": {"Page": int(query["Page"]), "Limit": size, "Count": last - first}}

    def _bought_before(self, day: date, including: int = 0) -> int:
        days = min(max((day - FIRST_DAY).days + including, 0), DAYS)
        return days * self.subscribers // DAYS

    def _wrote(self, reference: str) -> None:
        self.writes[reference] = self.writes.get(reference, 0) + 1
        self.arrivals[reference] = self.times[-1]

    def _as_it_began(self, reference: str) -> dict[str, Any] | None:
        external = reference.removeprefix("dj-benchmark-")
        if external != reference:
            return information(int(external)) if external.isdigit() else None
        if reference.isdigit() and FIRST_REFERENCE <= int(reference) < FIRST_CREATED:
            return information(int(reference) - FIRST_REFERENCE)
        return None

    def control(self, path: str, body: bytes) -> Any:
        """What the benchmark asks for, beside the API."""
        if path == "/latency":
            self.latency = json.loads(body)
        elif path == "/subscribers":
            self.subscribers = json.loads(body)
        elif path == "/reset":
            self.reset()
        elif path == "/writes":
            return self.writes
        elif path == "/arrivals":
            return self.arrivals
        elif path == "/forget":
            self.changed.clear()
            self.by_external_reference.clear()
        times = self.times
        tenth = len(times) // 10
        return {
            "requests": len(times),
            "seconds": times[-1] - times[0] if times else 0.0,
            # The middle eight tenths: neither the start nor the end, where not everybody has work.
            "steady": (len(times) - 2 * tenth - 1) / (times[-1 - tenth] - times[tenth]) if len(times) > 20 else 0.0,
            "last": times[-1] if times else 0.0,
            "now": time.monotonic(),
            **self.methods,
            "customers": len(self.writes),
            "refused": self.refused,
            "opened": self.opened,
            "cpu": time.process_time(),
        }


def _echo(number: str, customer: dict[str, Any]) -> dict[str, Any]:
    """The object as 2Checkout gives it back: lossily."""
    echo = {name: value or None for name, value in customer.items()}
    echo |= {"CustomerReference": number, "CountryCode": str(customer.get("CountryCode", "")).lower()}
    return echo | {"Enabled": False, "Trial": False, "ExistingCards": [], "Credit": None}


class Connection(asyncio.Protocol):
    """One connection: reads requests, answers each after the latency. As much of HTTP/1.1 as its clients speak."""

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor
        self.buffer = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.vendor.opened += 1

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            request, *lines = self.buffer[:end].decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            length = int(headers.get("content-length", 0))
            if len(self.buffer) < end + 4 + length:
                return
            body = self.buffer[end + 4 : end + 4 + length]
            self.buffer = self.buffer[end + 4 + length :]
            method, path, _version = request.split(" ")
            self.respond(method, path, headers, body)

    def respond(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        if not path.startswith((PATH, SEARCH)):
            self.write(200, self.vendor.control(path, body))
            return
        status, answer = self.vendor.answer(method, path, headers.get("x-avangate-authentication", ""), body)
        if self.vendor.latency:
            asyncio.get_running_loop().call_later(self.vendor.latency, self.write, status, answer)
        else:
            self.write(status, answer)

    def write(self, status: int, answer: Any) -> None:
        if self.transport.is_closing():
            return
        body = json.dumps(answer).encode()
        head = f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)


async def serve(port: int, tls_port: int, certificate: str, key: str) -> None:
    vendor, loop = Vendor(), asyncio.get_running_loop()
    await loop.create_server(lambda: Connection(vendor), "127.0.0.1", port, backlog=1024)
    if tls_port:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        await loop.create_server(lambda: Connection(vendor), "127.0.0.1", tls_port, ssl=context, backlog=1024)
    print("ready", flush=True)
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--tls-port", type=int, default=0)
    parser.add_argument("--certificate", default="")
    parser.add_argument("--key", default="")
    given = parser.parse_args()
    with contextlib.suppress(ImportError):
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(given.port, given.tls_port, given.certificate, given.key))


def signature() -> str:
    """The header that signs a request now, as the rivals send it."""
    date = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    message = f"{len(MERCHANT_CODE)}{MERCHANT_CODE}{len(date)}{date}".encode()
    digest = hmac.new(SECRET_KEY.encode(), message, hashlib.sha3_256).hexdigest()
    return f'code="{MERCHANT_CODE}" date="{date}" hash="{digest}" algo="sha3-256"'


if __name__ == "__main__":
    main()
