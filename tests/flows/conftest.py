from __future__ import annotations

import json

import pytest

from django_twocheckout.testing import Fault


@pytest.fixture
def answer(twocheckout):
    """Makes the next GET answer with 2Checkout's object, changed like this."""

    def change(**changes):
        body = json.dumps({**twocheckout.customers[0], **changes})
        twocheckout.fail(Fault(200, body), method="GET")

    return change
