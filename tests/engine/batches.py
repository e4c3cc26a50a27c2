"""Batches as a worker runs them, and results that need no request."""

from __future__ import annotations

from typing import Any

from django_twocheckout.engine.batch import Batch
from django_twocheckout.engine.clients import current_client
from django_twocheckout.engine.records import Claim, Result
from django_twocheckout.engine.sources import DueRows
from django_twocheckout.models import Customer


def batch_of_due(**options: Any) -> Batch:
    """A batch of all rows that are due."""
    return Batch(DueRows(Customer.objects.all(), "default"), current_client("default"), "default", "default", **options)


def created(claim: Claim) -> Result:
    """The result of a create that succeeded."""
    return Result(str(1000 + claim.pk), [], base=dict(claim.local))
