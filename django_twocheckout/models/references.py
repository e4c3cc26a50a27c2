"""Makes references of our own, and notes which row was made with one that 2Checkout cannot know yet.

A customer is looked up at 2Checkout before it is created, because an earlier attempt, a restored backup or the project
may have created it. That request is saved where the reference was just made here at random.
"""

from __future__ import annotations

import uuid
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.db import models

from ..conf import DEFAULT_ACCOUNT, conf

if TYPE_CHECKING:
    Flag = models.BooleanField[bool, bool]
else:
    Flag = models.BooleanField


class FreshReference(str):
    """A reference that was just made here, so that 2Checkout has no customer with it.

    That is true for one INSERT. Copies of the instance share the object, and a pickled one is a plain text.
    """

    #: Whether a row was made with it.
    spent = False
    _taker: weakref.ref[models.Model] | None = None

    def take(self, instance: models.Model) -> bool:
        """Whether the instance makes the first row with it. Django may ask more than once for one INSERT."""
        if self._taker is None:
            self._taker = weakref.ref(instance)
        return not self.spent and self._taker() is instance

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)


def new_external_reference(account: str = DEFAULT_ACCOUNT) -> str:
    """A reference of our own for a new customer of this account: its prefix and a random part."""
    return f"{prefix_of(account)}{uuid.uuid4()}"


def fresh_reference(account: str = DEFAULT_ACCOUNT) -> FreshReference:
    """The same for a row that is about to be made: the default of the model's field."""
    return FreshReference(new_external_reference(account))


def prefix_of(account: str) -> str:
    """What our references of this account begin with. The default one for an account that the settings do not have."""
    own = conf.of(account) if account in conf.aliases() else conf
    return own.REFERENCE_PREFIX


class UntriedField(Flag):
    """True if the INSERT makes a row with a reference that was just made here, whatever the project assigned.

    Asked by Django when it writes the row, so what a receiver of ``pre_save`` assigns counts too.
    """

    def pre_save(self, model_instance: models.Model, add: bool) -> bool:
        if add:
            reference = getattr(model_instance, "external_customer_reference", None)
            setattr(
                model_instance, self.attname, isinstance(reference, FreshReference) and reference.take(model_instance)
            )
        untried: bool = getattr(model_instance, self.attname)
        return untried

    def deconstruct(self) -> tuple[str, str, Sequence[object], dict[str, object]]:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.BooleanField", args, kwargs  # migrations know no class of ours
