"""Asks 2Checkout whether a customer has an active subscription, before the customer is erased.

https://docs.2checkout.com/api-reference/reference/subscription
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from django.utils import timezone

from ..client import TwoCheckoutClient
from ..exceptions import RequestRejected, UnreadableAnswer

#: Subscriptions of a page, and the most pages of one customer.
PAGE, MOST_PAGES = 200, 10
#: An account's days begin at another hour than ours.
_A_DAY = timedelta(days=1)


def has_active(client: TwoCheckoutClient, reference: str) -> bool:
    """Whether the customer with this reference of 2Checkout's has a subscription that is active or past due.

    A new subscription is found some minutes after its order. False if 2Checkout refuses the search: then only what it
    says of the customer itself counts. Raises another TwoCheckoutError.
    """
    seen = 0
    for page in range(1, MOST_PAGES + 1):
        try:
            items, count = client.search_subscriptions(page, PAGE, AvangateCustomerReference=reference)
        except RequestRejected:
            return False
        own = [item for item in items if _owner(item) == reference]
        if any(map(_is_active, own)):
            return True
        seen += len(items)
        if not items or len(own) < len(items) or (count is not None and seen >= count) or len(items) < PAGE:
            break
    else:
        raise UnreadableAnswer("2Checkout's pages of subscriptions do not end.")
    if len(own) < len(items):
        raise UnreadableAnswer("2Checkout's search answered with subscriptions of other customers.")
    return False


def _owner(item: Mapping[str, object]) -> str:
    return str(item.get("AvangateCustomerReference") or item.get("CustomerReference") or "")


def _is_active(item: Mapping[str, object]) -> bool:
    """Whether it is enabled, and has not ended. What is not told counts as active."""
    if item.get("SubscriptionEnabled") in (False, "false", 0, "0"):
        return False
    ended = _day(item.get("ExpirationDate"))
    renews = item.get("RecurringEnabled") not in (False, "false", 0, "0")
    return renews or ended is None or ended >= timezone.now().date() - _A_DAY


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None
