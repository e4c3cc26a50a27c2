"""Asks 2Checkout for a link that opens the shopper's own account there: between the doors and the client.

The link signs in anyone as the shopper. It is valid for some seconds, and never stored or logged.

https://docs.2checkout.com/api-reference/reference/single-sign-on
"""

from __future__ import annotations

from ..client import ACCOUNT_PAGES, checked_account_page
from ..models import Customer
from ..redaction import redact_frames
from . import one

__all__ = ["ACCOUNT_PAGES", "account_link"]


@redact_frames
def account_link(customer: Customer, page: str = "payment_methods", language: str | None = None) -> str:
    """A link that signs the shopper in to this page of the account at 2Checkout. Redirect to it at once.

    *page*: ``"payment_methods"``, ``"my_products"``, ``"user_data"`` or ``"order_lookup"``. *language*: two letters, or
    a language of Django's such as ``pt-br``; None for 2Checkout's choice. The link is valid for 30 seconds. Keep it out
    of logs, caches and referrers: it is as good as a password. Stores nothing.

    Raises ValueError for another page or language, NotFound for a customer unknown to 2Checkout, another
    TwoCheckoutError, or ConfigurationError. Single sign-on needs a custom domain on the 2Checkout account; without one
    the error has 2Checkout's reason.
    """
    checked_account_page(page)
    row = one.row_of(customer).get()
    database = one.database_of(customer)
    client = one.confirmed_client(database, row.account)
    reference = one.known_reference(row.customer_reference)
    with one.fetching(client, database, row.account):
        return client.account_link(reference, page, language)
