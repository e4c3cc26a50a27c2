"""The fake 2Checkout of the demo, if it runs in this process; with a real account there is none."""

from django_twocheckout.testing import FakeTwoCheckout

current: FakeTwoCheckout | None = None
