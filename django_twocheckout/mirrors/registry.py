"""The project's mirrors: which models have customers, and the function that says what a customer gets."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import models

from ..models import Customer
from ..redaction import redacted_repr
from .fields import CustomerFields, FieldsRefused, cleaned
from .transactions import keep_save, save_in_transaction

M = TypeVar("M", bound=models.Model)
F = TypeVar("F", bound=Callable[..., CustomerFields | None])


@dataclass(frozen=True)
class Mirror:
    """One mirrored model."""

    model: type[models.Model]
    function: Callable[[Any], CustomerFields | None]
    #: The name of the model's field that refers to the customer.
    link: str
    select_related: tuple[str, ...] = ()

    __repr__ = redacted_repr

    @property
    def label(self) -> str:
        """The model, as marks and customers name it."""
        return self.model._meta.label_lower

    @property
    def name(self) -> str:
        """The function, for people who look for it."""
        return f"{self.function.__module__}.{self.function.__qualname__}"

    @cached_property
    def mistake(self) -> str:
        """What is wrong with the link or the model, for the developer. Blank if nothing is."""
        place = f"{self.model._meta.label}.{self.link}"
        if len(self.model._meta.pk_fields) > 1:
            return f"{self.model._meta.label} has a primary key of several columns"
        try:
            link = self.model._meta.get_field(self.link)
        except FieldDoesNotExist:
            return f"there is no field {place}"
        if not (isinstance(link, models.OneToOneField) and link.remote_field.model is Customer and link.null):
            return f"{place} is no OneToOneField to Customer that may be null"
        return ""

    @property
    def link_attname(self) -> str:
        """The instance's attribute with the customer's key."""
        field: Any = self.model._meta.get_field(self.link)
        return str(field.attname)

    def key_of(self, instance: models.Model) -> Any:
        """The object's primary key, also of an instance of a child of the model."""
        return getattr(instance, self.model._meta.pk.attname)

    def key_from(self, text: str) -> Any:
        """The primary key in a mark. None for a text that is none."""
        try:
            return self.model._meta.pk.to_python(text)
        except ValidationError:
            return None

    def mirror_of(self, key: object) -> str:
        """The object, as its customer names it."""
        return f"{self.label}:{key}"

    def rows(self, using: str) -> models.QuerySet[Any]:
        """All objects, past the project's managers, which may hide some or mark what is written."""
        return models.QuerySet(self.model, using=using)

    def objects(self, using: str, keys: Collection[Any]) -> models.QuerySet[Any]:
        """The objects with these keys as the database has them, with their customers, in one statement.

        Raises FieldsRefused if the mirror is not usable.
        """
        if self.mistake:
            raise FieldsRefused(self.mistake)
        return self.rows(using).filter(pk__in=keys).select_related(self.link, *self.select_related).order_by("pk")

    def fields_of(self, instance: models.Model) -> dict[str, str] | None:
        """What the project's function wants of this object's customer. None: not at 2Checkout, or not yet."""
        fields = self.function(instance)
        return None if fields is None else cleaned(fields)


_mirrors: dict[type[models.Model], Mirror] = {}
_second: list[Mirror] = []


def register(model: type[M], *, link: str, select_related: Sequence[str] = ()) -> Callable[[F], F]:
    """Keep each object of the model as a customer. Decorates the function that returns the customer's fields.

    ::

        @mirrors.register(Account, link="customer", select_related=["user"])
        def customer_fields(account: Account) -> mirrors.CustomerFields | None:
            return {"email": account.user.email, "last_name": account.name}

    *link*: the model's OneToOneField to Customer, nullable, set by the mirror. *select_related*: what the function
    reads beside the object, so that it is loaded in the same statement. None: the object has no customer yet, or its
    customer stays as it is.

    The function is called after each save, with the object as the database has it. Where it raises, the save goes on,
    and a sweep tries again. From now on ``model.save()`` runs in a transaction, so that the object and its customer are
    saved together.
    """

    def decorate(function: F) -> F:
        key = model._meta.concrete_model or model
        mirror = Mirror(model, function, link, tuple(select_related))
        if key in _mirrors:
            _second.append(mirror)  # the system check tells; the first one stays
        else:
            _mirrors[key] = mirror
            save_in_transaction(key)
        return function

    return decorate


def unregister(model: type[models.Model]) -> None:
    """Forget the model's mirror. Its customers stay as they are."""
    key = model._meta.concrete_model or model
    _second[:] = [mirror for mirror in _second if mirror.model is not model]
    if _mirrors.pop(key, None):
        keep_save(key)


def mirror_of(model: type[models.Model]) -> Mirror | None:
    """The mirror of this model, or of the one that it is a child or a proxy of."""
    if not _mirrors:
        return None
    return next((_mirrors[base] for base in model.__mro__ if base in _mirrors), None)


def registered() -> Iterator[Mirror]:
    """All mirrors."""
    yield from list(_mirrors.values())


def by_label(label: str) -> Mirror | None:
    """The mirror that a mark or a customer names."""
    return next((mirror for mirror in registered() if mirror.label == label), None)


def second_mirrors() -> Iterator[Mirror]:
    """Those that were registered for a model that has one."""
    yield from list(_second)
