"""What a customer must be: checks the body of a create or an update."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .answers import HTTPRefusal
from .behaviour import Behaviour
from .store import DERIVED, TEXTS, Customer, Store

REQUIRED = ["FirstName", "LastName", "Address1", "City", "Zip", "CountryCode", "Email"]
#: Codes that no country has.
NOWHERE = frozenset({"XX", "ZZ", "QQ", "AA"})
#: The words of 2Checkout's Control Panel.
DUPLICATE = (
    "The External ID you entered is used by another customer account. Please enter a new External ID and try again."
)


def checked(body: Mapping[str, Any], existing: Customer | None, behaviour: Behaviour, store: Store) -> dict[str, Any]:
    """The fields that the body gives the customer; *existing* is None at a create.

    Raises HTTPRefusal for the first fault found.
    """
    kept = existing.fields if existing and behaviour.put == "merge" else {}
    fields = {name: body[name] if name in body else kept.get(name) for name in TEXTS}
    if fault := _fault(body, fields, behaviour):
        raise HTTPRefusal(behaviour.invalid_field_status, *fault)
    _check_unique(fields["ExternalCustomerReference"], existing, behaviour, store)
    if behaviour.credit_writable and isinstance(body.get("Credit"), dict):
        fields["Credit"] = dict(body["Credit"])
    return fields


def _fault(body: Mapping[str, Any], fields: Mapping[str, Any], behaviour: Behaviour) -> tuple[str, str] | None:
    """Code and message for the first field that is wrong."""
    sent = [name for name in DERIVED if body.get(name) is not None]
    if sent and behaviour.derived_fields == "refuse":
        return "SIM_READ_ONLY", f"{sent[0]} cannot be set"
    if wrong := [name for name, value in fields.items() if not isinstance(value, str | None)]:
        return "SIM_INVALID_TYPE", f"{wrong[0]} must be a text"
    if missing := [name for name in REQUIRED if not fields[name]]:
        return "SIM_MISSING_FIELD", f"{missing[0]} is required"
    country = fields["CountryCode"].upper()
    if not re.fullmatch(r"[A-Z]{2}", country) or country in NOWHERE:
        return "SIM_INVALID_COUNTRY", f"CountryCode {country} is not a country"
    if fields["FiscalCode"] and not fields["Company"]:
        return "SIM_COMPANY_REQUIRED", "Company is required when FiscalCode is given"
    if fields["FiscalCode"] in behaviour.refused_fiscal_codes:
        return "SIM_INVALID_FISCAL_CODE", "The fiscal code is not a valid VAT ID"
    return None


def _check_unique(external: str | None, existing: Customer | None, behaviour: Behaviour, store: Store) -> None:
    if behaviour.duplicate_external_reference == "allow" or not external:
        return
    itself = existing.reference if existing else ""
    if any(store.has_external(other, external) and other.reference != itself for other in store.living()):
        raise HTTPRefusal(behaviour.duplicate_reference_status, "SIM_DUPLICATE_EXTERNAL_REFERENCE", DUPLICATE)
