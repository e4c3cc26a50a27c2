"""Why a customer failed, in the reader's language: the reason, the fields at fault, and what to do.

The row holds our own reasons in English, as they were at the failure. They are recognised here and said anew.
2Checkout's own words stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.db.models.functions import Left
from django.utils.text import capfirst, get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from ...exceptions import meaning_of
from ...flows.compare import ATTRIBUTES
from ...flows.unknown import UNKNOWN_ACCOUNT
from ...mirrors.overview import Owner
from ...models import Customer, SyncState
from .. import accounts
from .fields import label

#: Failed rows to read the codes from. It stays cheap, even after a bad day.
LOOKED_AT = 5_000
#: Characters of an example. 2Checkout's code may stand at its end.
EXAMPLE_LENGTH = 200

#: Our errors' sentences. They are those of the exceptions, so that a stored one is found again.
MEANINGS = {
    "TwoCheckoutError": gettext_noop("Something went wrong between us and 2Checkout."),
    "TransientError": gettext_noop("2Checkout could not deal with the request now; trying again later may work."),
    "ConnectionFailed": gettext_noop("No answer came from 2Checkout."),
    "NoSecureConnection": gettext_noop("This machine cannot make a secure connection to 2Checkout."),
    "RateLimited": gettext_noop("2Checkout asks us to slow down."),
    "ServerFailed": gettext_noop("2Checkout failed to process the request."),
    "CustomerBusy": gettext_noop("This customer is being pushed or re-fetched right now; try again in a moment."),
    "RequestRejected": gettext_noop("2Checkout refused the request; sending the same again would be refused again."),
    "AuthenticationFailed": gettext_noop("2Checkout refused our credentials, or they lack the right for this."),
    "NotFound": gettext_noop("2Checkout knows no customer under this reference."),
    "CardNotDeleted": gettext_noop("2Checkout did not delete the card."),
    "NotSent": gettext_noop("Refused on our side before anything was sent."),
    "BeingErased": gettext_noop("This customer is being erased, so nothing else is done with it."),
    "WasErased": gettext_noop("This customer was erased here, so it is not brought back."),
    "ActiveSubscription": gettext_noop("This customer has an active subscription at 2Checkout, so it is not erased."),
    "SendingStopped": gettext_noop("Nothing is sent for this account."),
    "SendingDisabled": gettext_noop("Nothing is sent to 2Checkout, because ENABLED is False in the settings."),
    "AnotherMerchantCode": gettext_noop(
        "These customers were acknowledged under another merchant code, "
        "so nothing is sent until a person confirms yours."
    ),
    "UnreadableAnswer": gettext_noop("2Checkout's answer is not what it documents."),
    "AlreadyAdded": gettext_noop("There is a row for this customer of 2Checkout already."),
}
#: What is wrong with the operation of the site, not with the customer.
_OPERATORS = {
    "AnotherMerchantCode",
    "AuthenticationFailed",
    "NoSecureConnection",
    "SendingDisabled",
    "SendingStopped",
    "UnreadableAnswer",
}
_UNREACHED = {"ConnectionFailed", "RateLimited", "ServerFailed", "TransientError"}

_NOT_SENT = re.compile(rf"\b(?P<name>{'|'.join(ATTRIBUTES)}) is (?P<what>required\.|refused: )")
#: What else 2Checkout's words and codes call a field.
_CALLED = {
    "fiscal_code": "vat|tax id|fiscal",
    "external_customer_reference": "external id|external reference|external customer",
    "zip": "zip|postal",
    "email": "e-?mail",
    "country_code": "country",
}


def meaning(code: str) -> str:
    """Our error's sentence in the reader's language. Blank for a code of 2Checkout."""
    return _(MEANINGS[code]) if code in MEANINGS else ""


def reason(customer: Customer) -> str:
    """Why the last push did not succeed: our own reasons in the reader's language, 2Checkout's in its own words."""
    if customer.error_code == UNKNOWN_ACCOUNT:
        words = ""  # as it was at the last sweep
    else:
        faults = [_sentence(attribute, words) for attribute, words in _faults(customer)]
        words = " ".join(faults) or translated(customer.sync_error)
    return f"{words} {accounts.nothing_sent(customer)}".strip()


def _sentence(attribute: str, words: str) -> str:
    """What is wrong with the field of this label."""
    return f"{label(attribute)} {words}" if words == _("is missing.") else f"{label(attribute)}: {words}"


def reason_of_field(customer: Customer, attribute: str) -> str:
    """What is wrong with this field at fault."""
    return capfirst(dict(_faults(customer)).get(attribute) or reason(customer))


def translated(stored: str) -> str:
    """A stored reason, with our own sentence at its beginning in the reader's language."""
    for code in MEANINGS:
        if (english := meaning_of(code)) and stored.startswith(english):
            return meaning(code) + stored[len(english) :]
    return stored


def fields_at_fault(customer: Customer) -> list[str]:
    """The fields of the model that the reason names, as far as it can be told."""
    if customer.error_code in _OPERATORS | _UNREACHED:
        return []
    if faults := list(_faults(customer)):
        return [attribute for attribute, _words in faults]
    words = f"{customer.error_code} {customer.sync_error}".replace("_", " ")
    return [attribute for name, attribute in ATTRIBUTES.items() if _names(attribute, name, words)]


def advice(customer: Customer, *, may_change: bool, may_push: bool, owner: Owner | None = None) -> str:
    """What to do about a failed customer: only what this person may do. *owner*: the object that sets its fields."""
    if customer.error_code in _OPERATORS:
        return _("Nothing is wrong with this customer. Tell those who run this site: its settings need a look.")
    if customer.error_code in _UNREACHED:
        return _("Nothing is wrong with this customer. Try again now.") if may_push else _(
            "Nothing is wrong with this customer. Somebody who may push must try again."
        )  # fmt: skip
    fields = fields_at_fault(customer)
    if owner and owner.fields & set(fields):
        names = get_text_list([label(attribute) for attribute in fields if attribute in owner.fields], _("and"))
        words = _("Correct %(fields)s in the object that is named below. Saving it there pushes.")
        return words % {"fields": names}
    if not may_change:
        return _("Somebody who may change customers must correct it.")
    if not fields:
        return _("Correct what is wrong and save. Saving pushes.")
    names = get_text_list([label(attribute) for attribute in fields], _("and"))
    words = _("Correct %(fields)s and save. Saving pushes.") % {"fields": names}
    if "external_customer_reference" in fields:
        words += " " + _("What 2Checkout calls the external ID is our reference here.")
    return words


def _faults(customer: Customer) -> Iterable[tuple[str, str]]:
    """The fields that were refused here, each with what is wrong."""
    if customer.error_code != "NotSent":
        return
    found = list(_NOT_SENT.finditer(customer.sync_error))
    ends = [following.start() for following in found[1:]] + [len(customer.sync_error)]
    for one, end in zip(found, ends, strict=False):
        attribute = ATTRIBUTES[one["name"]]
        stored = customer.sync_error[one.end() : end].strip()
        yield attribute, _("is missing.") if one["what"] == "required." else _refusal(customer, attribute) or stored


def _refusal(customer: Customer, attribute: str) -> str:
    """What is wrong with the value, in the reader's language. Blank if it is right by now."""
    field: Any = Customer._meta.get_field(attribute)
    try:
        field.run_validators(getattr(customer, attribute))
    except ValidationError as error:
        return " ".join(error.messages)
    return ""


def _names(attribute: str, name: str, words: str) -> bool:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z0-9])", " ", name)
    also = _CALLED.get(attribute, attribute.replace("_", " "))
    return bool(re.search(rf"\b({name}|{spaced}|{also})\b", words, re.IGNORECASE))


def examples(customers: QuerySet[Customer]) -> dict[str, str]:
    """The codes of failed customers, each with the words of one of them: read from the latest failures."""
    failed = customers.filter(sync_state=SyncState.FAILED).order_by("-next_attempt_at", "-pk")
    found: dict[str, str] = {}
    for code, words in failed.values_list("error_code", Left("sync_error", EXAMPLE_LENGTH))[:LOOKED_AT]:
        found.setdefault(code, words)
    return found


def in_words(code: str, example: str = "") -> str:
    """A reason in words: our own sentence, or what 2Checkout said of one customer."""
    if code == UNKNOWN_ACCOUNT:
        return _("The settings do not have the customer's account.")
    words = example.removesuffix(f"({code})").strip()
    return meaning(code) or words or code or _("No reason was given")
