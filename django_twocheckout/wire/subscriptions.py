"""Parses a subscription in 2Checkout's answer: what a person wants to know of it, and whose it is.

https://docs.2checkout.com/api-reference/reference/subscription
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from ..redaction import redacted_repr

#: The most characters of a text.
LONGEST_TEXT = 200


@dataclass(frozen=True)
class Subscription:
    """A subscription of a customer at 2Checkout, as just fetched.

    ``status``: 2Checkout's word for it where it sends one, else ``"enabled"``, ``"disabled"``, or blank if it is not
    told. ``renewal_date``: the day until which it runs, by the clock of the 2Checkout account; None if it has no end,
    or none is told. ``renews``: whether it is renewed by itself on that day; None if that is not told.
    """

    reference: str
    product: str = ""
    status: str = ""
    renewal_date: date | None = None
    renews: bool | None = None

    __repr__ = redacted_repr


def parse_subscription(item: Mapping[str, object]) -> Subscription:
    """The subscription in this item of a page. What is missing or unreadable is blank or None."""
    product = item.get("Product")
    product = product if isinstance(product, Mapping) else {}
    enabled = _flag(item.get("SubscriptionEnabled"))
    return Subscription(
        _text(item.get("SubscriptionReference")),
        _text(product.get("ProductName")) or _text(product.get("ProductCode")),
        _text(item.get("Status")) or ("" if enabled is None else "enabled" if enabled else "disabled"),
        _day(item.get("ExpirationDate")),
        _flag(item.get("RecurringEnabled")),
    )


def customer_of(item: Mapping[str, object]) -> str:
    """2Checkout's reference of the customer who has it. Blank if the item does not say."""
    return _text(item.get("AvangateCustomerReference") or item.get("CustomerReference"))


def _text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return "".join(character for character in str(value) if character.isprintable()).strip()[:LONGEST_TEXT]


def _flag(value: object) -> bool | None:
    return {"true": True, "1": True, "false": False, "0": False}.get(str(value).lower())


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(_text(value)[:10])
    except ValueError:
        return None
