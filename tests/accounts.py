"""The row of the 2Checkout account."""

from __future__ import annotations

from django_twocheckout.models import Account

from .clock import overdue


def account() -> Account:
    """The only account's row, as it is now."""
    return Account.objects.get()


def pause_ends() -> None:
    """Let the account's pause end."""
    Account.objects.update(open_until=overdue())
