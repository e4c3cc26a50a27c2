"""What the fake vendor does where 2Checkout's documentation is silent: one named switch for each open question."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal


@dataclass
class Behaviour:
    """How the fake vendor behaves. Only what is marked *documented* or *captured* is known; all else is a guess to
    turn."""

    # Signature
    allowed_skew: float | None = 300
    #: Seconds by which a request's date may differ from the vendor's clock; None for any.
    accept_md5: bool = False
    #: Take a header without ``algo``, or with md5, as the versions before 6.0 did.

    # Addresses
    without_slash: Literal["redirect", "refuse", "accept"] = "redirect"
    #: What happens to an address that lacks the slash at its end.
    ambiguous_reference: Literal["internal", "external"] = "internal"
    #: Which customer is meant by a reference that is one customer's own number and another's external reference.
    external_case_sensitive: bool = True
    put_by_external: bool = False
    #: Whether an update takes an external reference in its address, as retrieving does.

    # Answers
    create_answer: Literal["number", "text", "object"] = "number"
    #: Captured: a bare number.
    update_answer: Literal["true", "false", "object"] = "true"
    #: Documented for the sibling API: true or false.
    reference_name: Literal["CustomerReference", "AvangateCustomerReference", "both"] = "CustomerReference"
    reference_as_number: bool = False
    country_as_sent: bool = False
    #: Captured: the country comes back in lower case.
    language_echo: Literal["as-sent", "blank"] = "as-sent"
    #: Captured, both.
    blank_echo: Literal["null", "empty", "absent"] = "empty"
    #: How an empty text comes back; a missing external reference always as null (captured).

    # Writing
    put: Literal["replace", "merge"] = "replace"
    #: Whether fields left out of an update are erased or kept.
    derived_fields: Literal["ignore", "refuse"] = "ignore"
    #: What a body with Enabled, Trial, ExistingCards or CustomerReference of its own meets.
    credit_writable: bool = True
    body_of_another: Literal["refuse", "ignore"] = "refuse"
    #: What an update meets whose body names another customer than its address.

    # Refusals: statuses and codes. The codes are invented, and say so: SIM.
    unknown_customer_status: int = 404
    duplicate_reference_status: int = 400
    invalid_field_status: int = 400
    unknown_card_status: int = 404
    refused_fiscal_codes: frozenset[str] = frozenset({"INVALID"})
    card_refusal: Literal["rest", "rpc"] = "rest"
    #: Documented, both: ``Errors`` in REST's document, ``Subscriptions`` in its siblings'.

    # Cards
    card_shape: Literal["objects", "texts"] = "objects"
    card_token: Literal["object", "text", "none"] = "object"
    #: What ``includePaymentData`` brings; the pages contradict each other.
    token_seconds: float = 600
    card_names_subscription: bool = False
    #: Whether a card says which subscription is paid with it.
    cards_by_sign_on_only: bool = False
    #: Whether ``ExistingCards`` is empty but for a customer who is retrieved by a single sign-on token.

    # Single sign-on
    sign_on: bool = True
    #: Whether the account may make links to a shopper's account; else the address does not exist.
    sign_on_answer: Literal["link", "object", "token", "nothing"] = "link"
    #: The link alone, as documented for the sibling API; under a name; only the token, under a name; neither.
    sign_on_seconds: float | None = None
    #: How long its token is good; None for what the request asks, or 10 (documented).

    # Limits
    rate_limit: int | None = None
    #: Requests in a second; more are answered 429.
    retry_after: str | None = None
    #: The header's value that goes with a 429.

    def set(self, **switches: Any) -> None:
        """Turn switches by name; ValueError for one that does not exist."""
        known = {field.name for field in fields(self)}
        if unknown := switches.keys() - known:
            raise ValueError(f"No such switch: {', '.join(sorted(unknown))}. There are: {', '.join(sorted(known))}.")
        for name, value in switches.items():
            setattr(self, name, frozenset(value) if name == "refused_fiscal_codes" else value)
