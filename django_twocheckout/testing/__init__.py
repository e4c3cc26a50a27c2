"""2Checkout in a box, for tests and first looks: beside the data path, in the vendor's place at its end.

``FakeTwoCheckout`` is a WSGI application; ``python -m django_twocheckout.testing --port 8600`` serves one; and with
``pytest_plugins = ["django_twocheckout.testing.plugin"]`` the fixture ``twocheckout`` gives each test its own.
"""

from .behaviour import Behaviour
from .faults import FAULTS, Fault
from .vendor import FakeTwoCheckout, LoggedRequest

__all__ = ["FAULTS", "Behaviour", "FakeTwoCheckout", "Fault", "LoggedRequest"]
