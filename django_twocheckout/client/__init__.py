"""Speaks HTTPS with 2Checkout's REST API 6.0: the customer operations, signed, bounded in time and size.

Takes and returns dictionaries in CustomerInformation's own names. Knows neither Django nor Celery. Each request ends
with a value or with one of our exceptions.

    from django_twocheckout.client import TwoCheckoutClient

    client = TwoCheckoutClient(merchant_code="250111206876", secret_key=os.environ["TWOCHECKOUT_SECRET_KEY"])
    client.retrieve_customer("601952421")["FirstName"]

The vendor's pages:

- customers: https://docs.2checkout.com/api-reference/reference/customers
- the signature: https://docs.2checkout.com/api-reference/reference/authentication
- the second way to a card's token: https://docs.2checkout.com/api-reference/reference/single-sign-on

The modules, in the order of a request: ``operations``, ``arguments``, ``senders`` (one per thread), ``sessions``,
``sender``, ``signature``, ``transport`` with ``deadlines``, ``network_errors``, ``body``, ``answers``, ``failures``.
``log_filter`` cuts addresses in urllib3's log.
"""

from __future__ import annotations

from .answers import is_reference
from .arguments import ACCOUNT_PAGES, BASE_URL, Timeout, checked_account_page, checked_base_url, checked_timeout
from .deadlines import TooLate, send_by
from .operations import TwoCheckoutClient
from .signature import HASH_ALGORITHMS

__all__ = [
    "ACCOUNT_PAGES",
    "BASE_URL",
    "HASH_ALGORITHMS",
    "Timeout",
    "TooLate",
    "TwoCheckoutClient",
    "checked_account_page",
    "checked_base_url",
    "checked_timeout",
    "is_reference",
    "send_by",
]
