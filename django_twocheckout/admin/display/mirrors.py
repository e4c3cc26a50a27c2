"""Mirrors in a person's words: whose object a customer's fields come from, and which objects are not mirrored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Model
from django.http import HttpRequest
from django.utils.text import get_text_list
from django.utils.translation import gettext as _

from ...mirrors.overview import Overview, Owner
from ...mirrors.registry import by_label
from ...models import Customer
from ...redaction import redacted_repr
from .fields import label

if TYPE_CHECKING:
    from ..customer import CustomerAdmin


@dataclass(frozen=True)
class Place:
    """An object of the project: what this person may read of it, and its page in this admin, or blank."""

    words: str
    address: str

    __repr__ = redacted_repr


@dataclass(frozen=True)
class Source:
    """Where a customer's fields come from."""

    model: str
    place: Place
    #: The fields' labels, as a list in a sentence.
    fields: str

    __repr__ = redacted_repr


@dataclass(frozen=True)
class NotMirrored:
    """Objects whose mirror failed for one reason."""

    model: str
    reason: str
    count: int
    examples: list[Place]

    __repr__ = redacted_repr


def source(admin: CustomerAdmin, request: HttpRequest, owner: Owner) -> Source:
    """The words above the form of a customer with an owner."""
    names = [field.name for field in Customer._meta.concrete_fields if field.name in owner.fields]
    model = type(owner.instance)
    place = _place(admin, request, model, owner.instance.pk, str(owner.instance))
    return Source(str(model._meta.verbose_name), place, get_text_list([label(name) for name in names], _("and")))


def not_mirrored(admin: CustomerAdmin, request: HttpRequest, mirrors: Overview) -> Iterator[NotMirrored]:
    """The lines of the status page."""
    for failure in mirrors.failures:
        mirror = by_label(failure.mirror)
        examples = [
            _place(admin, request, mirror.model, key, key) if mirror else Place(key, "") for key in failure.examples
        ]
        name = str(mirror.model._meta.verbose_name) if mirror else failure.mirror
        yield NotMirrored(name, failure.reason, failure.count, examples)


def _place(admin: CustomerAdmin, request: HttpRequest, model: type[Model], key: object, words: str) -> Place:
    other = admin.sibling_admin(model)
    if other is None or not other.has_view_permission(request):
        return Place(str(key), "")
    return Place(words, admin.address("change", key, model=model))
