"""PUSH and PULL: the functions that differ between a push and a pull, for everything else in the engine."""

from __future__ import annotations

from ..models import Verb
from . import reconcile, report, retry
from .records import Claim, Operation

PUSH = Operation(reconcile.push, retry.after_push, report.pushed)
PULL = Operation(reconcile.pull, retry.after_pull, report.pulled)
OPERATIONS = {Verb.PUSH: PUSH, Verb.PULL: PULL}


def operation_of(claim: Claim) -> Operation:
    """The operation that the row was claimed for."""
    return OPERATIONS[claim.verb]
