"""A project with two merchant accounts, each with a vendor of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django_twocheckout.testing import FakeTwoCheckout


@contextmanager
def second_account(configure: Callable[..., None], **own: object) -> Iterator[FakeTwoCheckout]:
    """Another account named ``us``, with these settings of its own. Its vendor."""
    with FakeTwoCheckout("USCODE", "us-key").serve() as vendor:
        credentials = {"MERCHANT_CODE": "USCODE", "SECRET_KEY": "us-key", "BASE_URL": vendor.url}
        configure(ACCOUNTS={"us": {**credentials, **own}})
        yield vendor
