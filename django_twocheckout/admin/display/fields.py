"""A customer's fields in a person's words: the form's labels, and values by name."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.admin.utils import label_for_field
from django.utils.text import capfirst, get_text_list
from django.utils.translation import gettext as _

from ...countries import country_name, language_name
from ...flows.compare import ATTRIBUTES
from ...models import Customer

_NAMES = {"country_code": country_name, "language": language_name}


def label(attribute: str) -> str:
    """The label of the form, for a field of the model."""
    return capfirst(str(label_for_field(attribute, Customer)))


def labels(names: Iterable[str]) -> str:
    """The labels of fields by CustomerInformation's names, in its order, as a list in a sentence."""
    wanted = set(names)
    return get_text_list([label(attribute) for name, attribute in ATTRIBUTES.items() if name in wanted], _("and"))


def value(attribute: str, stored: object) -> str:
    """The value of a field of the model. A code is preceded by its name."""
    if isinstance(stored, bool):
        return _("yes") if stored else _("no")
    text = "" if stored is None else str(stored)
    name = _NAMES[attribute](text) if attribute in _NAMES else text
    return text if name == text else f"{name} ({text})"
