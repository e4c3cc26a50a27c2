"""The functions of ``sync`` that an async view awaits, each over asgiref's ``sync_to_async``.

The work is done in the thread that Django keeps for the request's database, as with its own ``aget()``. What else the
request does there waits meanwhile, for as long as 2Checkout takes. Giving up the wait stops no request: the thread
ends it, and the row is settled.
"""

from __future__ import annotations

from asgiref.sync import sync_to_async

from ..models import Customer, Source
from ..redaction import RedactedDict
from ..wire import Card
from .cards import cards, delete_card
from .pull import pull
from .push import push


async def apush(customer: Customer, *, source: Source = Source.CODE, user: object = "") -> Customer:
    """As :func:`.push`, to be awaited."""
    return await sync_to_async(push)(customer, source=source, user=user)


async def apull(customer: Customer, *, source: Source = Source.CODE, user: object = "") -> Customer:
    """As :func:`.pull`, to be awaited."""
    return await sync_to_async(pull)(customer, source=source, user=user)


async def acards(customer: Customer) -> list[Card]:
    """As :func:`.cards`, to be awaited."""
    return await sync_to_async(cards)(customer)


async def adelete_card(
    customer: Customer, token: str, *, card: str = "", source: Source = Source.CODE, user: object = ""
) -> None:
    """As :func:`.delete_card`, to be awaited."""
    secret = RedactedDict(token=token)
    del token  # an error report must not show it in this frame, nor in those of asgiref

    def delete() -> None:
        delete_card(customer, secret["token"], card=card, source=source, user=user)

    await sync_to_async(delete)()
