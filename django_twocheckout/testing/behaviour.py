"""What the fake vendor does where 2Checkout's documentation is silent: one named switch for each open question."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from .names import no_such
from .texts import TextEcho, text_echo


@dataclass
class Behaviour:
    """How the fake vendor behaves.

    Only what is marked *documented* or *captured* is known of 2Checkout; all else is a guess that a test may turn. A
    wrong value raises ValueError.
    """

    # Signature

    allowed_skew: float | None = 300
    """Seconds by which a request's date may differ from the vendor's clock; None for any."""
    accept_md5: bool = False
    """Take a header without ``algo``, or with md5, as the versions before 6.0 did."""

    # Addresses

    without_slash: Literal["redirect", "refuse", "accept"] = "redirect"
    """What happens to an address that lacks the slash at its end."""
    ambiguous_reference: Literal["internal", "external"] = "internal"
    """Which customer is meant by a reference that is one customer's own number and another's external reference."""
    external_case_sensitive: bool = True
    """Whether ``dj-1`` and ``DJ-1`` are two external references."""
    put_by_external: bool = False
    """Whether an update takes an external reference in its address, as retrieving does."""

    # Answers

    create_answer: Literal["number", "text", "object"] = "number"
    """What a create answers. Captured: a bare number."""
    update_answer: Literal["true", "false", "object", "empty", "ok_false", "error", "other_customer"] = "true"
    """What an update answers, always with status 200. Documented for the sibling API: true or false.

    ``"object"`` is the customer, ``"empty"`` is ``{}``, ``"other_customer"`` the object of another customer; the update
    is carried out. ``"false"``, ``"ok_false"`` (``{"ok": false}``) and ``"error"`` (an error's body) change nothing.
    """
    reference_name: Literal["CustomerReference", "AvangateCustomerReference", "both"] = "CustomerReference"
    """What an answer calls the vendor's own number of a customer."""
    reference_as_number: bool = False
    """Whether that number is a number in JSON, or a text."""
    country_as_sent: bool = False
    """Captured: the country comes back in lower case."""
    language_echo: Literal["as-sent", "blank"] = "as-sent"
    """How the language comes back. Captured, both."""
    blank_echo: Literal["null", "empty", "absent"] = "empty"
    """How an empty text comes back; a missing external reference always as null (captured)."""
    echo: str | TextEcho | None = None
    """How texts are shown that were stored as sent: ``"html"`` (escaped), ``"upper"``, ``"lower"``, ``"cut:20"`` (the
    first 20 characters), or a function of a field's name and its text. The external reference, the country and the
    language are shown as their own switches say."""
    replica_delay: float = 0
    """Seconds by which what a GET shows lags behind what was written. A customer younger than that is unknown to it."""
    tombstones: bool = False
    """Whether a deleted customer answers 200 with ``{"CustomerReference": …, "Deleted": true}``, or as an unknown one
    does."""

    # Writing

    put: Literal["replace", "merge"] = "replace"
    """Whether fields left out of an update are erased or kept."""
    derived_fields: Literal["ignore", "refuse"] = "ignore"
    """What a body with Enabled, Trial, ExistingCards or CustomerReference of its own meets."""
    credit_writable: bool = True
    """Whether Credit in a body is kept, or ignored."""
    body_of_another: Literal["refuse", "ignore"] = "refuse"
    """What an update meets whose body names another customer than its address."""
    duplicate_external_reference: Literal["refuse", "allow"] = "refuse"
    """What a write meets whose external reference another customer has. ``"allow"``: two customers share it."""

    # Refusals: statuses and codes. The codes are invented, and say so: SIM.

    unknown_customer_status: int = 404
    """The status for a reference that no customer has."""
    duplicate_reference_status: int = 400
    """The status with which a duplicate external reference is refused."""
    invalid_field_status: int = 400
    """The status for a body with a missing or wrong field."""
    unknown_card_status: int = 404
    """The status for a card token that is unknown or too old."""
    refused_fiscal_codes: frozenset[str] = field(default=frozenset({"INVALID"}), repr=False)
    """Fiscal codes that are no valid VAT IDs."""
    card_refusal: Literal["rest", "rpc"] = "rest"
    """Documented, both: ``Errors`` in REST's document, ``Subscriptions`` in its siblings'."""

    # Cards

    card_shape: Literal["objects", "texts"] = "objects"
    """What a card is in an answer. With texts it is its token, if tokens were asked for."""
    card_token: Literal["object", "text", "none"] = "object"
    """What ``includePaymentData`` brings; the pages contradict each other."""
    token_seconds: float = 600
    """Seconds for which a card token is good."""
    card_names_subscription: bool = False
    """Whether a card says which subscription is paid with it."""
    cards_by_sign_on_only: bool = False
    """Whether ``ExistingCards`` is empty but for a customer who is retrieved by a single sign-on token."""
    cards_only_on_request: bool = False
    """Whether ``ExistingCards`` is left out unless ``includePaymentData=true`` asks for it."""
    delete_card_answer: Literal["documented", "204", "empty_object", "empty_body"] = "documented"
    """What the deletion of a card answers. Documented: ``{"Deleted": true}``; an empty body has status 200."""

    # Single sign-on

    sign_on: bool = True
    """Whether the account may make links to a shopper's account; else the address does not exist."""
    custom_domain: str = "https://store.example"
    """The account's own domain, where its shoppers have their pages. Documented: without one there is no single
    sign-on. A guess is how it is refused then."""
    sign_on_answer: Literal["link", "object", "token", "nothing"] = "link"
    """The link alone, as documented for the sibling API; under a name; only the token, under a name; neither."""
    sign_on_seconds: float | None = None
    """Seconds for which its token is good; None for what the request asks, or 10 (documented)."""

    # Subscriptions

    subscription_page: Literal["object", "list"] = "object"
    """The shape of a page of subscriptions: ``Items`` with ``Pagination``, or a bare list. Documented, both."""
    subscription_delay: float = 300
    """Seconds after its order from which a subscription is found. Documented: five minutes."""
    subscription_pages: Literal["end", "repeat", "never_end"] = "end"
    """What follows the last page: an empty one, the first one again, or ever new subscriptions."""
    subscription_filter: bool = True
    """Whether a search by the customer's reference finds this customer's alone (documented), or everybody's."""

    # Limits

    rate_limit: int | None = None
    """Requests in a second; more are answered 429."""
    retry_after: str | None = field(default=None, repr=False)
    """The header's value that goes with a 429."""

    def set(self, **switches: Any) -> None:
        """Turn switches by name; ValueError for an unknown name or a wrong value, and then none is turned."""
        for name, value in switches.items():
            _checked(name, value)
        for name, value in switches.items():
            setattr(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, _checked(name, value))


_KINDS: dict[str, Any] = get_type_hints(Behaviour)
_KNOWN = [switch.name for switch in fields(Behaviour)]
_WORDS = {bool: "True or False", int: "a whole number", float: "a number", str: "a text", NoneType: "None"}


def _checked(name: str, value: Any) -> Any:
    """The value as the switch keeps it; ValueError if there is no such switch, or it cannot have this value."""
    if name not in _KNOWN:
        raise no_such("switch", name, _KNOWN)
    kind = _KINDS[name]
    if get_origin(kind) is frozenset and isinstance(value, Iterable) and not isinstance(value, str):
        return frozenset(value)
    if not _fits(value, kind):
        raise ValueError(f"The switch {name} cannot be {value!r}. It takes {_words(kind)}.")
    if name == "echo" and value is not None:
        text_echo(value)
    return value


def _parts(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if isinstance(kind, UnionType) else (kind,)


def _fits(value: object, kind: Any) -> bool:
    if isinstance(kind, UnionType):
        return any(_fits(value, part) for part in _parts(kind))
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if kind in (int, float) and isinstance(value, bool):
        return False
    if kind is float:
        return isinstance(value, int | float)
    return isinstance(value, get_origin(kind) or kind)


def _words(kind: Any) -> str:
    """What the switch takes, in words."""
    if get_origin(kind) is Literal:
        return " or ".join(map(repr, get_args(kind)))
    others = {frozenset: "several texts", Callable: "a function"}
    return " or ".join(_WORDS.get(part) or others[get_origin(part)] for part in _parts(kind))
