"""The public functions and the types of what they take and return.

Each function lives in :mod:`django_twocheckout.flows`; this module only re-exports them. What the app's own doors need
beyond these they take from there.

- ``push``, ``push_each``: our values to 2Checkout.
- ``pull``, ``pull_each``: 2Checkout's values into our row.
- ``sweep``, and its older name ``push_pending``: whatever is due, both ways.
- ``find``, ``add``: customers without a row here.
- ``link``: a row to another customer there, or to be created again.
- ``compare``, ``resolve``: field by field, by a person.
- ``cards``, ``delete_card``: the cards on file.
- ``account_link``: the shopper's own account at 2Checkout. ``subscriptions``: what the customer has there.
- ``export``, ``erase``: a person's data, to be given and to be removed.
- ``status``, ``resume``: the state of all customers, and the end of a pause.
- ``apush``, ``apull``, ``acards``, ``adelete_card``: the same as without the first letter, to be awaited.
"""

from .engine.records import Choice
from .engine.summary import Summary
from .flows.account import resume
from .flows.account_link import account_link
from .flows.add import Found, add, find
from .flows.awaited import acards, adelete_card, apull, apush
from .flows.cards import cards, delete_card
from .flows.compare import Difference, Resolution, compare, resolve
from .flows.erase import erase
from .flows.export import export
from .flows.link import link
from .flows.pull import pull, pull_each
from .flows.push import push, push_each
from .flows.status import AccountStatus, Status, status
from .flows.subscriptions import subscriptions
from .flows.sweep import push_pending, sweep
from .merge import Winner
from .wire import Card, Subscription

__all__ = [
    "AccountStatus",
    "Card",
    "Choice",
    "Difference",
    "Found",
    "Resolution",
    "Status",
    "Subscription",
    "Summary",
    "Winner",
    "acards",
    "account_link",
    "add",
    "adelete_card",
    "apull",
    "apush",
    "cards",
    "compare",
    "delete_card",
    "erase",
    "export",
    "find",
    "link",
    "pull",
    "pull_each",
    "push",
    "push_each",
    "push_pending",
    "resolve",
    "resume",
    "status",
    "subscriptions",
    "sweep",
]
