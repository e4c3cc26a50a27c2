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
from .remote import RemoteCustomer, parse
from .sendable import check_sendable, is_text
from .serializer import CustomerInformationSerializer, model_field

__all__ = [
    "ATTRIBUTES",
    "DOCUMENTED",
    "MOST_CARDS",
    "MOST_SUBSCRIPTIONS",
    "OWNED_BY_2CHECKOUT",
    "Card",
    "CustomerInformationSerializer",
    "RemoteCustomer",
    "check_sendable",
    "is_text",
    "model_field",
    "model_names",
    "parse",
    "parse_cards",
    "shared_attributes",
    "to_wire",
    "wire_names",
]
