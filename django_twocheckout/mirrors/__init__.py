"""Mirrors: the project's own objects as customers. A save of the object makes and changes its customer.

- ``register``: the model, its link to Customer, and the function that says what its customer gets.
- ``refresh``: objects whose related rows have changed.
- ``MirroredQuerySet``: for the model's manager, so that bulk writes are mirrored too.

Put the function into a module ``twocheckout.py`` of any installed app: it is imported at start. The customer keeps what
the mirror last had from its object, and a field is assigned only where the object's value differs from that. So what a
shopper changed at 2Checkout stays until the object itself changes.
"""

from .fields import CustomerFields
from .querysets import MirroredQuerySet, refresh
from .registry import register, unregister

__all__ = ["CustomerFields", "MirroredQuerySet", "refresh", "register", "unregister"]
