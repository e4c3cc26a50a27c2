"""The pages of the customers' admin, one class for each. ``CustomerAdmin.pages`` lists them."""

from .account import AccountPage
from .add import AddPage
from .cards import CardsPage
from .compare import ComparePage
from .link import LinkPage
from .push_pull import PushAndPull
from .status import StatusPage

__all__ = ["AccountPage", "AddPage", "CardsPage", "ComparePage", "LinkPage", "PushAndPull", "StatusPage"]
