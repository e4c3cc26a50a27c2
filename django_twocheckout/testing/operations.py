"""2Checkout's operations on customers: each takes what its address and body hold, and gives an answer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from .answers import JSON, Answer, HTTPRefusal, json_answer, not_found
from .behaviour import Behaviour
from .echo import Echo
from .rules import checked
from .store import TEXTS, Card, Customer, Store, Subscription

#: The pages of a shopper's account to which a single sign-on link may lead.
PAGES = frozenset({"my_license", "my_products", "payment_methods", "user_data", "order_lookup", "faq"})
#: Seconds for which a sign-on token is good if the request does not say. Documented.
_SIGN_ON_SECONDS = 10.0
#: The most subscriptions of a page.
_MOST_ITEMS = 200


class Operations:
    """The operations on the customers of one store. Each raises HTTPRefusal where 2Checkout would refuse."""

    def __init__(self, behaviour: Behaviour, store: Store) -> None:
        self._behaviour = behaviour
        self._store = store
        self._echo = Echo(behaviour, store)

    def create(self, body: Mapping[str, Any]) -> Answer:
        """Add a customer."""
        reference = self._store.insert(checked(body, None, self._behaviour, self._store)).reference
        answers: dict[str, JSON] = {
            "number": int(reference),
            "text": reference,
            "object": {"CustomerReference": reference},
        }
        return json_answer(answers[self._behaviour.create_answer])

    def retrieve(self, reference: str, *, payment_data: bool) -> Answer:
        """Show the customer under either kind of reference."""
        customer = self._known(reference, self._behaviour.replica_delay)
        return json_answer(self._echo.customer(customer, payment_data=payment_data))

    def retrieve_by_sign_on(self, token: str) -> Answer:
        """Show the customer to whom a single sign-on token was given."""
        customer = self._store.signed_on(token)
        if customer is None:
            raise HTTPRefusal(400, "SIM_SIGN_ON_TOKEN", f"The token {token} is not valid")
        return json_answer(self._echo.customer(customer, payment_data=True, signed_on=True))

    def update(self, reference: str, body: Mapping[str, Any]) -> Answer:
        """Change a customer."""
        behaviour = self._behaviour
        customer = self._store.by_number(reference)
        if customer is None and behaviour.put_by_external:
            customer = self._store.find(reference)
        if customer is None:
            raise self._unknown_customer()
        named = body.get("CustomerReference", body.get("AvangateCustomerReference"))
        if named and str(named) != customer.reference and behaviour.body_of_another == "refuse":
            raise HTTPRefusal(400, "SIM_ANOTHER_CUSTOMER", "The references belong to different customers")
        fields = checked(body, customer, behaviour, self._store)
        if behaviour.update_answer not in ("false", "ok_false", "error"):
            customer = self._store.change(customer, fields)
        return json_answer(self._updated(customer))

    def delete_card(self, reference: str, token: str) -> Answer:
        """Delete a card, unless a subscription is paid with it."""
        customer = self._known(reference)
        card = self._store.card_of(customer, token)
        if card is None:
            raise HTTPRefusal(self._behaviour.unknown_card_status, "SIM_UNKNOWN_CARD", "There is no such card")
        if card.subscription:
            raise self._card_in_use(card)
        cards = list(customer.cards)
        cards.remove(card)
        self._store.set_cards(customer, cards)
        answers = {
            "documented": json_answer({"Deleted": True}),
            "204": Answer(204),
            "empty_object": json_answer({}),
            "empty_body": Answer(200),
        }
        return answers[self._behaviour.delete_card_answer]

    def sign_on(self, reference: str, page: str, validity: str) -> Answer:
        """Give a link to a page of the shopper's account; *validity* is in seconds."""
        if not self._behaviour.sign_on or page not in PAGES:
            raise not_found()
        customer = self._known(reference)
        if not self._behaviour.custom_domain:
            raise HTTPRefusal(400, "SIM_NO_CUSTOM_DOMAIN", "Single sign-on needs a custom domain")
        seconds = self._behaviour.sign_on_seconds
        if seconds is None:
            seconds = float(validity) if validity.isdecimal() else _SIGN_ON_SECONDS
        token = self._store.sign_on_token(customer, seconds)
        link = f"{self._behaviour.custom_domain}/myaccount/{page}/?logintoken={token}"
        answers: dict[str, JSON] = {"link": link, "object": {"Url": link}, "token": {"Token": token}, "nothing": {}}
        return json_answer(answers[self._behaviour.sign_on_answer])

    def search_subscriptions(self, query: Mapping[str, str]) -> Answer:
        """Show a page of the subscriptions that the index has."""
        number, size = int(query.get("Page") or 1), min(int(query.get("Limit") or 10), _MOST_ITEMS)
        found = [one for one in self._store.subscriptions.values() if self._is_found(one, query)]
        page = [self._subscription(one) for one in found[(number - 1) * size : number * size]]
        if not page and self._behaviour.subscription_pages == "repeat":
            page = [self._subscription(one) for one in found[:size]]
        elif self._behaviour.subscription_pages == "never_end":
            page = [{"SubscriptionReference": f"MORE{number}"}]
        if self._behaviour.subscription_page == "list":
            return json_answer(page)
        ends = self._behaviour.subscription_pages == "end"
        count = len(found) if ends else number * size + 1
        return json_answer({"Items": page, "Pagination": {"Page": number, "Limit": size, "Count": count}})

    def _is_found(self, subscription: Subscription, query: Mapping[str, str]) -> bool:
        if subscription.purchased > time.time() - self._behaviour.subscription_delay:
            return False
        whose = query.get("AvangateCustomerReference", subscription.customer)
        if self._behaviour.subscription_filter and whose != subscription.customer:
            return False
        dates = {"Purchased": subscription.purchased, "Modified": subscription.modified}
        days = {name: time.strftime("%Y-%m-%d", time.gmtime(moment)) for name, moment in dates.items()}
        after = all(day >= query.get(f"{name}After", "") for name, day in days.items())
        return after and all(day <= query.get(f"{name}Before", "9999") for name, day in days.items())

    def _subscription(self, subscription: Subscription) -> dict[str, JSON]:
        customer = self._store.by_number(subscription.customer)
        return {
            "SubscriptionReference": subscription.reference,
            "AvangateCustomerReference": int(subscription.customer),
            "ExternalCustomerReference": customer.fields["ExternalCustomerReference"] if customer else None,
            "Product": {"ProductCode": subscription.product.upper(), "ProductName": subscription.product},
            "ExpirationDate": subscription.expires,
            "SubscriptionEnabled": subscription.enabled,
            "RecurringEnabled": subscription.renews,
        }

    def tombstone(self, reference: str) -> Answer | None:
        """What the address of a deleted customer answers, if it answers at all."""
        if not self._behaviour.tombstones or self._store.find(reference, self._behaviour.replica_delay):
            return None
        customer = self._store.find(reference, self._behaviour.replica_delay, deleted=True)
        return json_answer({"CustomerReference": customer.reference, "Deleted": True}) if customer else None

    def _updated(self, customer: Customer) -> JSON:
        """What an update answers."""
        match self._behaviour.update_answer:
            case "object":
                return self._echo.customer(customer)
            case "other_customer":
                return self._echo.customer(self._other_than(customer))
        answers: dict[str, JSON] = {
            "true": True,
            "false": False,
            "empty": {},
            "ok_false": {"ok": False},
            "error": {"error_code": "SIM_NOT_UPDATED", "message": "The customer was not updated"},
        }
        return answers[self._behaviour.update_answer]

    def _other_than(self, customer: Customer) -> Customer:
        """Another customer, made up if the store has no other."""
        made_up = Customer({**dict.fromkeys(TEXTS), "CustomerReference": "1"})
        return next((other for other in self._store.living() if other.reference != customer.reference), made_up)

    def _known(self, reference: str, seconds_ago: float = 0) -> Customer:
        customer = self._store.find(reference, seconds_ago)
        if customer is None:
            raise self._unknown_customer()
        return customer

    def _unknown_customer(self) -> HTTPRefusal:
        status = self._behaviour.unknown_customer_status
        return HTTPRefusal(status, "SIM_UNKNOWN_CUSTOMER", "There is no such customer")

    def _card_in_use(self, card: Card) -> HTTPRefusal:
        """The refusal to delete a card, in one of the two documented shapes."""
        code, message, subscription = "SIM_CARD_IN_USE", "The card is used by an active subscription", card.subscription
        details: dict[str, JSON]
        if self._behaviour.card_refusal == "rest":
            details = {"Errors": [{"SubscriptionReference": subscription, "Message": message, "ErrorCode": code}]}
        else:
            error: JSON = {"error_code": code, "message": message}
            details = {"Subscriptions": [{"SubscriptionReference": subscription, "Error": error}]}
        return HTTPRefusal(400, code, message, body={"Deleted": False, **details})
