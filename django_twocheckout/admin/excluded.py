"""Leaves the fields of the setting EXCLUDE_FIELDS out of the customers' form, filters and previews."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from ..conf import ConfigurationError, conf
from .filters import CardsFilter

#: What shows a field under another name.
_FIELDS = {
    "is_enabled": "enabled",
    "is_trial": "trial",
    "cards_on_file": "existing_cards",
    "credit": "credit_limit",
    CardsFilter: "existing_cards",
}


def excluded_fields() -> Collection[str]:
    """Names of the excluded fields. None of them while the setting is wrong."""
    try:
        return conf.EXCLUDE_FIELDS
    except ConfigurationError:
        return ()  # each push is refused with the reason


def without_excluded(names: Iterable[Any]) -> list[Any]:
    """These fields, columns or filters without the excluded ones."""
    excluded = excluded_fields()
    return [name for name in names if _FIELDS.get(name, name) not in excluded]


def fieldsets_without_excluded(fieldsets: Iterable[Any]) -> list[tuple[Any, dict[str, Any]]]:
    """The form's sections without the excluded fields, and without the sections that have no other."""
    shown = []
    for title, options in fieldsets:
        lines = [_line(line) for line in options["fields"]]
        if lines := [line for line in lines if line]:
            shown.append((title, {**options, "fields": lines}))
    return shown


def _line(line: str | Sequence[str]) -> str | tuple[str, ...]:
    """One line of the form: a field, or several beside each other. Blank if nothing is left of it."""
    left = without_excluded([line] if isinstance(line, str) else line)
    if isinstance(line, str):
        return line if left else ""
    return tuple(left)
