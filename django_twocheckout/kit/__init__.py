"""For the tests of a project: rows in each state, and a mixin for unittest. Beside the vendor in a box, above all else.

It is no part of :mod:`django_twocheckout.testing`: the vendor in a box shares no code with what it checks, so it knows
no model.
"""

from .cases import TwoCheckoutMixin
from .rows import customer_values, failed_customer, gone_customer, synced_customer

__all__ = ["TwoCheckoutMixin", "customer_values", "failed_customer", "gone_customer", "synced_customer"]
