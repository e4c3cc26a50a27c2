from __future__ import annotations

import pytest

from django_twocheckout.testing import FakeTwoCheckout


@pytest.fixture
def vendor():
    """A fake vendor that listens."""
    with FakeTwoCheckout().serve() as vendor:
        yield vendor
