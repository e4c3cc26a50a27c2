"""The wire format between the row and the client: CustomerInformation to the row and back."""

from .cards import MOST_CARDS, MOST_SUBSCRIPTIONS, Card, parse_cards
from .mapping import (
    ATTRIBUTES,
    DOCUMENTED,
    OWNED_BY_2CHECKOUT,
    model_names,
    shared_attributes,
    to_wire,
    wire_names,
)
from .remote import RemoteCustomer, parse, parse_of
from .sendable import check_sendable, is_text
from .serializer import CustomerInformationSerializer, model_field
from .subscriptions import Subscription, customer_of, parse_subscription

__all__ = [
    "ATTRIBUTES",
    "DOCUMENTED",
    "MOST_CARDS",
    "MOST_SUBSCRIPTIONS",
    "OWNED_BY_2CHECKOUT",
    "Card",
    "CustomerInformationSerializer",
    "RemoteCustomer",
    "Subscription",
    "check_sendable",
    "customer_of",
    "is_text",
    "model_field",
    "model_names",
    "parse",
    "parse_cards",
    "parse_of",
    "parse_subscription",
    "shared_attributes",
    "to_wire",
    "wire_names",
]
