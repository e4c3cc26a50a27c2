"""The API's addresses: of one customer, and all of them with what they need."""

from __future__ import annotations

from typing import Any, NamedTuple

from django_twocheckout.models import Customer

from ..customers import ADA

LIST = "/api/customers/"
STATUS = f"{LIST}status/"


def at(customer: Customer, action: str = "", base: str = LIST) -> str:
    """The address of this customer, or of an action on it."""
    return f"{base}{customer.pk}/{action and action + '/'}"


class Route(NamedTuple):
    method: str
    #: After the list's address; None stands for the list itself.
    action: str | None
    #: The permissions beside the one to view.
    needs: tuple[str, ...] = ()
    body: Any = None
    answer: int = 200

    def of(self, customer: Customer, base: str = LIST) -> str:
        return base if self.action is None else at(customer, self.action, base)


#: Of one customer. A sealed card is made in the request, so the one here is forged.
OF_ONE = [
    Route("get", ""),
    Route("patch", "", ("change_customer",), {"city": "Paris"}),
    Route("post", "push", ("push_customer",)),
    Route("post", "pull", ("pull_customer",)),
    Route("get", "compare", ("pull_customer",)),
    Route("get", "cards", ("delete_card",)),
    Route("post", "cards/delete", ("delete_card",), {"card": "forged"}, 400),
    Route("post", "checkout-parameters"),
    Route("post", "account-link", ("change_customer", "delete_card"), {"page": "my_products"}),
    Route("get", "subscriptions", ("pull_customer",)),
]
ROUTES = [
    Route("get", None),
    Route("post", None, ("add_customer",), ADA, 201),
    *OF_ONE,
]
#: Those that ask 2Checkout, and carry out what they are for.
LIVE = [route for route in OF_ONE if route.action not in ("", "checkout-parameters", "cards/delete")]


def name_of(route: Route) -> str:
    return f"{route.method} {route.action if route.action is not None else 'list'}"
