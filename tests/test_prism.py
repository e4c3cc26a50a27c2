"""Our requests before an independent judge: a Prism mock server started on the vendor's own document.

``PRISM_URL`` says where it listens; it refuses, with 4xx, whatever the document does not have.
"""

from __future__ import annotations

import os

import pytest

from django_twocheckout.client import TwoCheckoutClient
from django_twocheckout.exceptions import TransientError, UnreadableAnswer
from django_twocheckout.merge import request_body
from django_twocheckout.models import Customer
from django_twocheckout.wire import to_wire

from . import answers
from .customers import ADA

URL = os.environ.get("PRISM_URL", "")

pytestmark = [pytest.mark.service, pytest.mark.skipif(not URL, reason="PRISM_URL is not set")]

OURS = to_wire(vars(Customer(**ADA, company="Engines", fiscal_code="RO1")))
CREDIT = {"Limit": 51.0, "Remaining": 21.0, "Currency": "EUR"}


@pytest.fixture
def accepted():
    """Make a request; a refusal fails the test. The mock's answers without a schema are empty, hence unreadable."""
    client = TwoCheckoutClient(merchant_code="YOURCODE123", secret_key="SECRET_KEY", base_url=URL)

    def ask(operation, *arguments, **options):
        try:
            return getattr(client, operation)(*arguments, **options)
        except UnreadableAnswer:
            return None  # but accepted: a refusal is a RequestRejected
        except TransientError as error:
            pytest.fail(f"Prism is not there: {error}")

    return ask


@pytest.mark.parametrize(
    ("operation", "arguments", "options"),
    [
        ("create_customer", [{name: value for name, value in OURS.items() if value}], {}),
        ("retrieve_customer", ["601952421"], {}),
        ("retrieve_customer", ["dj-a/b?c#d %2e ü@example.org"], {"include_payment_data": True}),
        ("update_customer", ["601952421", OURS], {}),
        ("update_customer", ["601952421", request_body({**answers.CUSTOMER, "Credit": CREDIT}, OURS)], {}),
        ("update_customer", ["601952421", OURS], {"end_user_update": True}),
        ("delete_card", ["601952421", "t/1+2=="], {}),
    ],
)
def test_accepted(accepted, operation, arguments, options):
    accepted(operation, *arguments, **options)
