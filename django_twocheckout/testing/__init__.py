"""2Checkout in a box, for tests and first looks: beside the data path, in the vendor's place at its end.

``FakeTwoCheckout`` is a WSGI application; ``python -m django_twocheckout.testing --port 8600`` serves one; and with
``pytest_plugins = ["django_twocheckout.testing.plugin"]`` the fixtures ``twocheckout`` and ``twocheckout_eager`` give
each test its own. :mod:`django_twocheckout.kit` has the same for unittest, and rows.

A request's way: ``server`` or any WSGI server, ``application``, ``signature``, ``routes``, ``operations`` with
``rules`` and ``store``, ``echo``, and back. A test's way: ``vendor``, and ``store``.
"""

from .behaviour import Behaviour
from .faults import FAULTS, Fault, FaultName
from .log import LoggedRequest
from .notifications import Sent
from .vendor import FakeTwoCheckout

__all__ = ["FAULTS", "Behaviour", "FakeTwoCheckout", "Fault", "FaultName", "LoggedRequest", "Sent"]
