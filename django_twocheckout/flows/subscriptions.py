"""Fetches a customer's subscriptions as 2Checkout has them now: between the doors and the client. Nothing is stored.

They are searched by 2Checkout's own reference of the customer. A search by e-mail finds other people's too.

https://docs.2checkout.com/api-reference/reference/subscription
"""

from __future__ import annotations

from ..client import TwoCheckoutClient
from ..exceptions import UnreadableAnswer
from ..models import Customer
from ..redaction import redact_frames
from ..wire import Subscription, customer_of, parse_subscription
from . import one

#: Subscriptions of a page (2Checkout's most), and the most pages.
PAGE = 200
MOST_PAGES = 5

_OF_ANOTHER = "2Checkout answered with the subscriptions of another customer than the one asked for."
_NO_END = f"2Checkout's pages of subscriptions do not end, or have more than {PAGE * MOST_PAGES} of them."


@redact_frames
def subscriptions(customer: Customer) -> list[Subscription]:
    """Fetch the customer's subscriptions, in 2Checkout's order. Stores nothing.

    2Checkout finds a subscription five minutes after its order, so one just bought may be missing. Sends one request
    for up to 200 of them, and at most five. Raises NotFound for a customer without 2Checkout's reference,
    UnreadableAnswer for more than 1,000 subscriptions or for those of another customer, another TwoCheckoutError, or
    ConfigurationError.

    https://docs.2checkout.com/api-reference/reference/subscription
    """
    row = one.row_of(customer).get()
    database = one.database_of(customer)
    client = one.confirmed_client(database, row.account)
    reference = one.known_reference(row.customer_reference)
    with one.fetching(client, database, row.account):
        return _fetch(client, reference)


def _fetch(client: TwoCheckoutClient, reference: str) -> list[Subscription]:
    found: dict[str, Subscription] = {}
    for page in range(1, MOST_PAGES + 1):
        items, count = client.search_subscriptions(page, PAGE, AvangateCustomerReference=reference)
        if any(customer_of(item) not in ("", reference) for item in items):
            raise UnreadableAnswer(_OF_ANOTHER)
        # What follows the last page is not documented: it may be an empty one, or one that was there before.
        new = [each for each in map(parse_subscription, items) if each.reference not in found]
        found |= {each.reference: each for each in new}
        if not new or (count is not None and len(found) >= count):
            return list(found.values())
    raise UnreadableAnswer(_NO_END)
