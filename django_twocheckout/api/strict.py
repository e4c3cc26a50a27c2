"""Refuses a name or a type that is not expected in what the API takes, in a body as in a query.

A change that is silently left out would look like one that was made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy
from rest_framework import serializers

from ..conf import conf
from ..redaction import redacted_repr


class Text(serializers.CharField):
    """A text. A number is none."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class Email(Text, serializers.EmailField):
    """An e-mail address."""


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses names that it does not know, and names that are only read."""

    default_error_messages = {
        "unknown": gettext_lazy("There is no such field."),
        "excluded": gettext_lazy("This site does not exchange this field with 2Checkout."),
        "read_only": gettext_lazy("This field is only read: 2Checkout or this site sets it."),
    }
    #: Names that are answered and not taken. Any other unknown name may be a slip.
    only_read: ClassVar[frozenset[str]] = frozenset()

    __repr__ = redacted_repr

    def to_internal_value(self, data: Any) -> Any:
        refused = {}
        for name in data if isinstance(data, Mapping) else ():
            if name not in self.fields:
                refused[name] = [self.error_messages[self._why_not(name)]]
        if refused:
            raise serializers.ValidationError(refused)
        return super().to_internal_value(data)

    def _why_not(self, name: object) -> str:
        """The code of the refusal of this name."""
        if name not in self.only_read:
            return "unknown"
        return "excluded" if name in conf.EXCLUDE_FIELDS else "read_only"
