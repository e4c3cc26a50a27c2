"""PUSH, PULL and ERASE: the functions that differ between them, for everything else in the engine."""

from __future__ import annotations

from ..models import Verb
from . import erase_remote, reconcile, report, retry
from .records import Claim, Operation

PUSH = Operation(reconcile.push, retry.after_push, report.pushed)
PULL = Operation(reconcile.pull, retry.after_pull, report.pulled)
ERASE = Operation(erase_remote.erase, retry.after_erase, report.erased)
OPERATIONS = {Verb.PUSH: PUSH, Verb.PULL: PULL, Verb.ERASE: ERASE}


def operation_of(claim: Claim) -> Operation:
    """The operation that the row was claimed for."""
    return OPERATIONS[claim.verb]
