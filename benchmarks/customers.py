"""The customers that everything here is done with, by number. Known to both sides, so the vendor need not be filled."""

from __future__ import annotations

#: 2Checkout's reference of customer number 0.
FIRST_REFERENCE = 1_000_000
#: What the vendor gives to customers that are created; far from the above.
FIRST_CREATED = 500_000_000

WIRE = {
    "external_customer_reference": "ExternalCustomerReference",
    "first_name": "FirstName",
    "last_name": "LastName",
    "company": "Company",
    "fiscal_code": "FiscalCode",
    "address1": "Address1",
    "address2": "Address2",
    "city": "City",
    "state": "State",
    "zip": "Zip",
    "country_code": "CountryCode",
    "phone": "Phone",
    "fax": "Fax",
    "email": "Email",
    "language": "Language",
}


def values(number: int | str) -> dict[str, str]:
    """The values of a customer, by the model's attributes."""
    return {
        "external_customer_reference": f"dj-benchmark-{number}",
        "first_name": f"Ada{number}",
        "last_name": f"Lovelace{number}",
        "company": "Analytical Engines Ltd",
        "fiscal_code": "",
        "address1": f"{number} St James's Square",
        "address2": "Second floor",
        "city": "London",
        "state": "Greater London",
        "zip": "SW1Y 4JH",
        "country_code": "GB",
        "phone": "+44 20 7946 0000",
        "fax": "",
        "email": f"ada{number}@example.org",
        "language": "en",
    }


def information(number: int) -> dict[str, str]:
    """The same in CustomerInformation's own names."""
    return {WIRE[name]: value for name, value in values(number).items()}
