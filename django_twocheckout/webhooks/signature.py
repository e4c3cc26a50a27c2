"""Checks the signature of a notification, and makes the receipt that 2Checkout waits for. Knows no Django.

https://verifone.cloud/docs/2checkout/API-Integration/Webhooks
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterator
from typing import Literal

from .form import Array, Value

Algorithm = Literal["sha3-256", "sha256", "md5"]
Kind = Literal["ipn", "lcn"]

#: The fields with a signature, the strongest first, by algorithm.
SIGNATURES: dict[Algorithm, bytes] = {
    "sha3-256": b"SIGNATURE_SHA3_256",
    "sha256": b"SIGNATURE_SHA2_256",
    "md5": b"HASH",
}
_DIGESTS = {"sha3-256": "sha3_256", "sha256": "sha256", "md5": "md5"}

#: What a receipt is made of. Of an array: its element 0.
RECEIPT_FIELDS: dict[Kind, tuple[bytes, ...]] = {
    "ipn": (b"IPN_PID", b"IPN_PNAME", b"IPN_DATE"),
    "lcn": (b"LICENSE_CODE", b"EXPIRATION_DATE"),
}
_ARRAYS = (b"IPN_PID", b"IPN_PNAME")


def verified_by(fields: Array, key: str, allowed: Collection[str]) -> Algorithm | None:
    """The algorithm whose signature proves these fields. None if they are not signed with the key.

    The strongest signature that is there and *allowed* decides, so a weaker one mends nothing.
    """
    for algorithm, name in SIGNATURES.items():
        given = fields.get(name)
        if algorithm in allowed and given:
            right = _hash(source(fields), key, algorithm)
            same = isinstance(given, bytes) and hmac.compare_digest(given.lower(), right)
            return algorithm if same else None
    return None


def source(fields: Array) -> bytes:
    """What is signed: each value after its length in bytes."""
    signed = (value for name, value in fields.items() if name not in SIGNATURES.values())
    return b"".join(_with_length(text) for value in signed for text in _texts(value))


def receipt(fields: Array, kind: Kind, key: str, algorithm: Algorithm, date: str) -> str:
    """The receipt for a proven notification. *date*: now, as YYYYMMDDhhmmss.

    Raises ValueError if the notification lacks a field for it.
    """
    texts = [text for name in RECEIPT_FIELDS[kind] if (text := _receipt_text(fields, name)) is not None]
    if len(texts) < len(RECEIPT_FIELDS[kind]):
        raise ValueError("A receipt needs more fields than this notification has.")
    parts = b"".join(map(_with_length, [*texts, date.encode()]))
    digest = _hash(parts, key, algorithm).decode()
    if algorithm == "md5":
        return f"<EPAYMENT>{date}|{digest}</EPAYMENT>"
    return f'<sig algo="{algorithm}" date="{date}">{digest}</sig>'


def missing_fields(fields: Array, kind: Kind) -> list[str]:
    """The fields that a receipt needs and this notification does not have."""
    return [name.decode() for name in RECEIPT_FIELDS[kind] if _receipt_text(fields, name) is None]


def _receipt_text(fields: Array, name: bytes) -> bytes | None:
    value = fields.get(name)
    if name in _ARRAYS:
        value = value.get(0) if isinstance(value, Array) else None
    return value if isinstance(value, bytes) else None


def _texts(value: Value) -> Iterator[bytes]:
    if isinstance(value, bytes):
        yield value
    else:
        for inner in value.values():
            yield from _texts(inner)


def _with_length(text: bytes) -> bytes:
    return b"%d%b" % (len(text), text)


def _hash(message: bytes, key: str, algorithm: Algorithm) -> bytes:
    return hmac.new(key.encode(), message, _DIGESTS[algorithm]).hexdigest().encode()
