"""A client of a project's own."""

from __future__ import annotations

from django_twocheckout.client import TwoCheckoutClient


class OurClient(TwoCheckoutClient):
    """Does nothing differently."""
