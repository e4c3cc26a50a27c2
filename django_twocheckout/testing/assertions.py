"""Says what the vendor in a box should have and has not, for the tests of a project."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .store import TEXTS


def assert_pushed(customers: Iterable[Mapping[str, Any]], customer: Any, expected: Mapping[str, Any]) -> dict[str, Any]:
    """Raise AssertionError unless the customer, a row or a reference, is among *customers* with these values.

    Returns the customer as it is there.
    """
    is_reference = isinstance(customer, str)
    references = {customer} if is_reference else _references(customer)
    found = [one for one in customers if not references.isdisjoint(_references_of(one))]
    if not found:
        raise AssertionError(f"2Checkout has no such customer.{_advice(customer)}")
    if len(found) > 1:
        raise AssertionError(f"2Checkout has {len(found)} such customers, and there should be one.")
    [theirs] = found
    ours = expected or ({} if is_reference else _values(customer))
    wrong = [name for name in ours if _plain(name, ours[name]) != _plain(name, theirs.get(name))]
    if wrong:
        lines = [f"  {name}: {theirs.get(name)!r}, and not {ours[name]!r}" for name in wrong]
        raise AssertionError("\n".join(["2Checkout has the customer with other values.", *lines]) + _advice(customer))
    return dict(theirs)


def _references(row: Any) -> set[str]:
    return {value for value in (row.customer_reference, row.external_customer_reference) if value}


def _references_of(customer: Mapping[str, Any]) -> set[str]:
    return {str(customer[name]) for name in ("CustomerReference", "ExternalCustomerReference") if customer.get(name)}


def _values(row: Any) -> dict[str, Any]:
    """The row's values in CustomerInformation's names. A row without a reference of ours may have any there."""
    values = {name: getattr(row, re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()) for name in TEXTS}
    return {name: value for name, value in values.items() if value or name != "ExternalCustomerReference"}


def _plain(name: str, value: Any) -> Any:
    if name == "CountryCode" and isinstance(value, str):
        return value.upper()
    return "" if value is None else value


def _advice(customer: Any) -> str:
    """What most often keeps a save from 2Checkout in a test, if the row may tell."""
    if isinstance(customer, str):
        return ""
    state = f" The row, as this object has it, is {customer.sync_state}"
    reason = f": {customer.sync_error}" if customer.sync_error else "."
    return (
        f"\n{state.strip()}{reason} Tasks run at the commit, and a test in one transaction never commits: see "
        "twocheckout_eager. Without it, push by sync.push() or sync.sweep()."
    )
