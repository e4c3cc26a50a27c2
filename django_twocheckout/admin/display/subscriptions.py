"""What a subscription is, in words: for a card that cannot be deleted because it pays for one."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from ... import sync
from ...exceptions import TwoCheckoutError
from ...models import Customer
from ...redaction import RedactedDict, redacted_repr
from ...sync import Subscription


class SubscriptionWords:
    """The subscriptions of some customers in words. Each customer's are fetched once, when they are first asked for."""

    __repr__ = redacted_repr

    def __init__(self) -> None:
        self._by_customer: dict[object, RedactedDict[str, str]] = {}

    def of(self, customer: Customer, references: Iterable[str]) -> list[str]:
        """A sentence for each of these subscriptions, as far as 2Checkout says now what it is."""
        if customer.pk not in self._by_customer:
            self._by_customer[customer.pk] = _fetched(customer)
        known = self._by_customer[customer.pk]
        return [known[reference] for reference in references if known.get(reference)]


def _fetched(customer: Customer) -> RedactedDict[str, str]:
    try:
        return RedactedDict({one.reference: _sentence(one) for one in sync.subscriptions(customer)})
    except TwoCheckoutError:
        return RedactedDict()  # the reason for which a card stays is told without them


def _sentence(subscription: Subscription) -> str:
    status = {"enabled": _("enabled"), "disabled": _("disabled")}.get(subscription.status, subscription.status)
    parts = [subscription.product, status]
    if subscription.renewal_date is not None:
        words = _("renews on %(date)s") if subscription.renews else _("runs until %(date)s")
        parts.append(words % {"date": date_format(subscription.renewal_date, "DATE_FORMAT")})
    told = ", ".join(filter(None, parts))
    return f"{subscription.reference}: {told}" if told else ""
