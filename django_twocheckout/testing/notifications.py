"""Sends signed notifications, IPN and LCN, to a project's Django test client or to an address. Its code is its own.

What stands in them: https://verifone.cloud/docs/2checkout/API-Integration/Webhooks
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http.client import HTTPConnection, HTTPSConnection
from itertools import count
from typing import Any, Literal
from urllib.parse import quote_plus, urlsplit

from .names import no_such

Kind = Literal["IPN", "LCN"]

#: By algorithm: the signature's field, and hashlib's name.
_SIGNATURES = {
    "sha3-256": ("SIGNATURE_SHA3_256", "sha3_256"),
    "sha256": ("SIGNATURE_SHA2_256", "sha256"),
    "md5": ("HASH", "md5"),
}
#: Seconds after the first time, at which a notification without a receipt is sent again. Documented: at once, twice
#: within five minutes, four times a quarter of an hour apart, then each hour, for two days.
RETRY_SECONDS = (0, 150, 300, *range(1200, 3901, 900), *range(7500, 2 * 24 * 3600 + 1, 3600))
_FORM = "application/x-www-form-urlencoded"
_SECONDS = 30
_message_ids = count(254514570001)


@dataclass(frozen=True)
class Sent:
    """A notification, and what the project answered."""

    kind: Kind
    fields: Mapping[str, Any] = field(repr=False)
    body: bytes = field(repr=False)
    status: int
    answer: str = field(repr=False)
    #: Whether the answer has the right receipt. Without one, 2Checkout sends the notification again.
    received: bool


def fields_of(kind: Kind, customer: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a notification about this customer, a CustomerInformation. Lists and dictionaries become arrays."""
    if kind not in _FIELDS:
        raise no_such("kind of notification", kind, _FIELDS)
    values = {name: "" if value is None else value for name, value in customer.items()}
    return {name: values.get(own, "") if own else given for name, own, given in _FIELDS[kind]} | renewed(kind)


def renewed(kind: Kind) -> dict[str, Any]:
    """The fields that differ each time the same event is sent."""
    now = datetime.now()
    if kind == "LCN":
        return {"DATE_UPDATED": f"{now:%Y-%m-%d %H:%M:%S}"}
    return {"MESSAGE_ID": next(_message_ids), "IPN_DATE": f"{now:%Y%m%d%H%M%S}"}


def send(
    kind: Kind,
    fields: Mapping[str, Any],
    key: str,
    algorithms: Collection[str],
    to: str,
    client: Any = None,
    *,
    wrong: bool = False,
) -> Sent:
    """Sign these fields with the key, deliver them, and look for the receipt. *wrong*: with a wrong signature."""
    body = signed(fields, key, algorithms, wrong=wrong)
    status, answer = deliver(to, body, client)
    received = status == 200 and has_receipt(kind, fields, key, algorithms, answer)
    return Sent(kind, fields, body, status, answer, received)


def signed(fields: Mapping[str, Any], key: str, algorithms: Collection[str], *, wrong: bool = False) -> bytes:
    """The body with a signature by each of these algorithms. *wrong*: with one digit changed."""
    pairs = [pair for name, value in fields.items() for pair in _pairs(name, value)]
    message = b"".join(_with_length(text) for _name, text in pairs)
    for algorithm in algorithms:
        if algorithm not in _SIGNATURES:
            raise no_such("algorithm", algorithm, _SIGNATURES)
        digest = _hash(message, key, algorithm)
        other = "0" if digest[-1] != "0" else "1"
        pairs.append((_SIGNATURES[algorithm][0], digest[:-1] + other if wrong else digest))
    return "&".join(f"{quote_plus(name)}={quote_plus(text)}" for name, text in pairs).encode()


def has_receipt(kind: Kind, fields: Mapping[str, Any], key: str, algorithms: Collection[str], answer: str) -> bool:
    """Whether the answer has the receipt for these fields, by one of the algorithms that signed them."""
    names = ["IPN_PID", "IPN_PNAME", "IPN_DATE"] if kind == "IPN" else ["LICENSE_CODE", "EXPIRATION_DATE"]
    if not fields.keys() >= set(names):
        return False
    values = [fields[name][0] if isinstance(fields[name], list) else fields[name] for name in names]
    found = [(algorithm, *rest) for algorithm, *rest in re.findall(_SIG, answer)]
    found += [("md5", *rest) for rest in re.findall(_EPAYMENT, answer)]
    for algorithm, date, digest in found:
        message = b"".join(map(_with_length, [*map(str, values), date]))
        if algorithm in algorithms and digest.lower() == _hash(message, key, algorithm):
            return True
    return False


_SIG = r'<sig algo="(sha3-256|sha256)" date="(\d{14})">([0-9A-Fa-f]{64})</sig>'
_EPAYMENT = r"<EPAYMENT>(\d{14})\|([0-9A-Fa-f]{32})</EPAYMENT>"


def deliver(to: str, body: bytes | None, client: Any = None) -> tuple[int, str]:
    """POST the body, or GET without one, to an address, or by a Django test client to a path. Returns the answer."""
    if client is not None:
        answer = client.get(to) if body is None else client.post(to, data=body, content_type=_FORM)
        return answer.status_code, answer.content.decode()
    parts = urlsplit(to)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("A notification goes to an address with http:// or https://, or to a test client.")
    opened = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = opened(parts.hostname, parts.port, timeout=_SECONDS)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET" if body is None else "POST", path, body, {"Content-Type": _FORM})
        received = connection.getresponse()
        return received.status, received.read().decode(errors="replace")
    finally:
        connection.close()


def _pairs(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for inner, one in value.items():
            yield from _pairs(f"{name}[{inner}]", one)
    elif isinstance(value, list | tuple):
        nested = any(isinstance(one, Mapping | list | tuple) for one in value)
        for number, one in enumerate(value):
            yield from _pairs(f"{name}[{number if nested else ''}]", one)
    else:
        yield name, "" if value is None else str(value)


def _with_length(text: str) -> bytes:
    data = text.encode()
    return str(len(data)).encode() + data


def _hash(message: bytes, key: str, algorithm: str) -> str:
    return hmac.new(key.encode(), message, lambda: hashlib.new(_SIGNATURES[algorithm][1])).hexdigest()


#: The fields in their order: the name, the name in CustomerInformation, or a value.
_FIELDS: dict[Kind, list[tuple[str, str, Any]]] = {
    "IPN": [
        ("SALEDATE", "", "2026-11-24 18:03:11"),
        ("REFNO", "", "900311227"),
        ("REFNOEXT", "", ""),
        ("ORDERSTATUS", "", "COMPLETE"),
        ("FIRSTNAME", "FirstName", ""),
        ("LASTNAME", "LastName", ""),
        ("COMPANY", "Company", ""),
        ("ADDRESS1", "Address1", ""),
        ("CITY", "City", ""),
        ("ZIPCODE", "Zip", ""),
        ("COUNTRY_CODE", "CountryCode", ""),
        ("CUSTOMEREMAIL", "Email", ""),
        ("IPN_PID", "", ["40110001", "40110002"]),
        ("IPN_PNAME", "", ["Engine Notes, yearly", "Añejo"]),
        ("IPN_INFO", "", ["", ""]),
        ("IPN_CUSTOM_FIELDS", "", [{"name": "colour", "value": ""}]),
        ("MESSAGE_ID", "", ""),
        ("MESSAGE_TYPE", "", "COMPLETE"),
        ("AVANGATE_CUSTOMER_REFERENCE", "CustomerReference", ""),
        ("EXTERNAL_CUSTOMER_REFERENCE", "ExternalCustomerReference", ""),
        ("TEST_ORDER", "", "0"),
        ("IPN_DATE", "", ""),
    ],
    "LCN": [
        ("FIRST_NAME", "FirstName", ""),
        ("LAST_NAME", "LastName", ""),
        ("COMPANY", "Company", ""),
        ("EMAIL", "Email", ""),
        ("COUNTRY_CODE", "CountryCode", ""),
        ("CITY", "City", ""),
        ("ZIP", "Zip", ""),
        ("ADDRESS", "Address1", ""),
        ("LICENSE_CODE", "", "INV3NT3D01"),
        ("EXPIRATION_DATE", "", "2027-11-24"),
        ("DATE_UPDATED", "", ""),
        ("AVANGATE_CUSTOMER_REFERENCE", "CustomerReference", ""),
        ("EXTERNAL_CUSTOMER_REFERENCE", "ExternalCustomerReference", ""),
        ("STATUS", "", "ACTIVE"),
        ("DISPATCH_REASON", "", "LICENCE_CHANGE"),
    ],
}
