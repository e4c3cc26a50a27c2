from __future__ import annotations

from dataclasses import replace

import pytest

from django_twocheckout.engine.operations import OPERATIONS
from django_twocheckout.models import Customer, Verb

from ..customers import ADA


@pytest.fixture
def many(db):
    """Thirty customers that are due, each with its number in its address."""
    return [Customer.objects.create(**ADA, address2=f"row {number}") for number in range(30)]


@pytest.fixture
def eight(db):
    """Eight customers that are due."""
    return [Customer.objects.create(**ADA) for _ in range(8)]


@pytest.fixture
def one_thread(configure):
    """One request at a time."""
    configure(CONCURRENCY=1)


@pytest.fixture
def pushes_by(monkeypatch):
    """Lets each push of a batch be this function."""

    def by(reconcile):
        monkeypatch.setitem(OPERATIONS, Verb.PUSH, replace(OPERATIONS[Verb.PUSH], reconcile=reconcile))

    return by
