"""Seals a card's transient token for the doors: a person's choice comes back unchanged, from that person, and soon.

A token is never part of an address, and is stored nowhere. The seal is a signature and hides nothing, so an answer with
it must not be stored either.
"""

from __future__ import annotations

from django.core import signing
from django.views.decorators.debug import sensitive_variables

from ..models import Customer
from ..redaction import RedactedDict
from ..wire import Card

#: Seconds for which a sealed choice is valid.
CHOICE_SECONDS = 15 * 60

_SALT = "twocheckout.card"


@sensitive_variables()
def seal(customer: Customer, card: Card, label: str, user: object) -> str:
    """The sealed choice of this card. Its signature keeps a person from naming other cards, or what another saw."""
    facts = {"customer": str(customer.pk), "card": label, "token": card.token, "user": str(user), "shown": shown(card)}
    return signing.dumps(facts, salt=_SALT)


def shown(card: Card) -> str:
    """What the history keeps of a card: its type and last digits."""
    return " ".join(filter(None, [card.type, f"•••• {card.last_digits}" if card.last_digits else ""]))


@sensitive_variables()
def unseal(sealed: str) -> dict[str, str]:
    """The facts behind a sealed choice. Raises signing.BadSignature for a forged or old one."""
    return RedactedDict(signing.loads(sealed, salt=_SALT, max_age=CHOICE_SECONDS))
