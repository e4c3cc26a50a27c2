"""The fake 2Checkout of the demo, if it runs in this process; with a real account there is none."""

from django_twocheckout.testing import FakeTwoCheckout

current: FakeTwoCheckout | None = None
#: The references of the customers whom it had before there was this shop.
shoppers: list[str] = []
