"""Holds every request that the suite sends against the vendor's own OpenAPI document.

Known defects of the document, and what is done about them here:

- Its ``includePaymentData`` was published as a path parameter without a place in the path; the copy beside this file
  has it in the query, as the vendor's other documentation does.
- ``ExistingCards`` is declared as a list of texts; answers have objects. We never send it.
- The answers of create and update have no schema, so only requests are checked.
- No field is marked as required; our serializer is stricter, and tests for that stand beside it.
- It lacks the two calls of single sign-on, which the vendor documents elsewhere. A document of ours beside it has them,
  with the pages that they come from; the Prism mock knows nothing of it.
"""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import requests
from openapi_core import OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest

DOCUMENT = Path(__file__).with_name("2checkout-customers.openapi.json")
BASE_PATH = "/rest/6.0/"

SINGLE_SIGN_ON = Path(__file__).with_name("2checkout-single-sign-on.openapi.json")


def _both() -> dict:
    document = json.loads(DOCUMENT.read_text())
    for path, operations in json.loads(SINGLE_SIGN_ON.read_text())["paths"].items():
        document["paths"].setdefault(path, {}).update(operations)
    return document


_openapi = OpenAPI.from_dict(_both())


def check(request: requests.PreparedRequest) -> None:
    """Raise openapi-core's error unless the document has this request."""
    parts = urlsplit(request.url)
    copy = request.copy()
    path = parts.path.removeprefix(BASE_PATH).removeprefix("/")
    copy.url = f"https://api.2checkout.com{BASE_PATH}{path}" + (f"?{parts.query}" if parts.query else "")
    _openapi.validate_request(RequestsOpenAPIRequest(copy))
