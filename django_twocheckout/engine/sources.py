"""Gives a batch its claims: the due rows, or the rows with given keys."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Protocol

from ..models import PAUSES, CustomerQuerySet, Source, Verb, attempts
from . import ask_claims, asks
from .ask_claims import release
from .claims import claim
from .records import Claim, Key

#: Seconds between the attempts to claim given rows that other transactions hold.
LOCKED_PAUSES = (*PAUSES, 0.5, 1.0)


class ClaimSource(Protocol):
    """The source of a batch's claims."""

    def claim(self, most: int) -> list[Claim]:
        """Claim up to *most* rows. Fewer mean that there are no more now."""


class DueRows:
    """An account's rows that are due: those just changed, then the longest due first, then what was asked for.

    The row with the key *first* precedes all others. *retries_first*: the first claim of several rows begins with
    retries, so that they are not put off for ever by a queue of rows just changed.
    """

    def __init__(
        self,
        customers: CustomerQuerySet,
        account: str,
        *,
        first: Key | None = None,
        source: Source | None = None,
        retries_first: bool = False,
    ) -> None:
        self.customers, self.account = customers, account
        self.first, self.source, self.retries_first = first, source, retries_first
        self.nothing_asked = False

    def claim(self, most: int) -> list[Claim]:
        claims: list[Claim] = []
        if self.first is not None:
            # A long queue of older rows must not delay the newest one.
            first = self.customers.due().filter(pk=self.first)
            claims = claim(first, Verb.PUSH, source=self.source, wait=False)
            self.first = None
        with released_on_error(claims):
            if self.retries_first and most > 1:
                self.retries_first = False
                again = self.customers.due_again()[: most - len(claims)]
                claims += claim(again, Verb.PUSH, source=self.source, wait=False)
            # Most wake-ups are for one row, and claiming takes as long for none as for many.
            if len(claims) < most and (not claims or self.customers.due().exists()):
                due = self.customers.due()[: most - len(claims)]
                claims += claim(due, Verb.PUSH, source=self.source, wait=False)
            if self._asks_are_due():
                claims[:] = ask_claims.attach(claims, self.account)
                # One by one, so that what is claimed is released if claiming more rows fails.
                for asked in ask_claims.claim_asked(self.customers, self.account, most - len(claims)):
                    claims.append(asked)
        return claims

    def _asks_are_due(self) -> bool:
        """Whether anything was asked for. Without any ask at all, the next run looks again."""
        if not self.nothing_asked:
            due_in = asks.due_in(self.customers.db, self.account)
            self.nothing_asked = due_in is None
            return due_in == 0
        return False


class AskedPulls:
    """An account's due pulls that *source* asked for."""

    def __init__(self, customers: CustomerQuerySet, account: str, source: Source) -> None:
        self.customers, self.account, self.source = customers, account, source

    def claim(self, most: int) -> list[Claim]:
        claims: list[Claim] = []
        with released_on_error(claims):
            for asked in ask_claims.claim_asked(self.customers, self.account, most, self.source):
                claims.append(asked)
        return claims


class KeySource(Iterator[Key]):
    """The rows with these keys, in any state. Iteration yields the keys not claimed yet."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._new = iter(keys)
        self._again: deque[Key] = deque()
        self._aside: list[Key] = []

    def __next__(self) -> Key:
        return self._again.popleft() if self._again else next(self._new)

    def set_aside(self, keys: Iterable[Key]) -> None:
        """Yield these keys again after :meth:`fetch_back`: they are another account's."""
        self._aside.extend(keys)

    def fetch_back(self) -> None:
        """Yield the keys set aside."""
        self._again.extend(self._aside)
        self._aside.clear()

    def put_back(self, claims: Iterable[Claim]) -> None:
        """Yield the keys of these claims once more."""
        self._again.extend(claim.pk for claim in claims)


class GivenRows:
    """The rows of one account with the keys of a :class:`KeySource`. Sets the keys of the *others* aside."""

    def __init__(
        self,
        customers: CustomerQuerySet,
        account: str,
        keys: KeySource,
        verb: Verb,
        source: Source,
        user: object,
        *,
        others: Collection[str] = (),
    ) -> None:
        self.customers, self.account, self.keys, self.others = customers, account, keys, others
        self.verb, self.source, self.user = verb, source, user

    def claim(self, most: int) -> list[Claim]:
        claims: list[Claim] = []
        with released_on_error(claims):
            while len(claims) < most and (some := list(islice(self.keys, most - len(claims)))):
                some = self._without_others(some)
                left = set(some)
                for _attempt in attempts(LOCKED_PAUSES):
                    rows = self.customers.filter(pk__in=left, account=self.account, erased=False).unclaimed()
                    new = claim(rows, self.verb, source=self.source, user=self.user, wait=False)
                    claims += new
                    left -= {one.pk for one in new}
                    if not left or not rows.exists():  # else some are locked right now
                        break
        return claims

    def _without_others(self, pks: list[Key]) -> list[Key]:
        if not self.others:
            return pks
        others = set(self.customers.filter(pk__in=pks, account__in=self.others).values_list("pk", flat=True))
        self.keys.set_aside(pk for pk in pks if pk in others)
        return [pk for pk in pks if pk not in others]


@contextmanager
def released_on_error(claims: list[Claim]) -> Iterator[None]:
    """Release these claims if claiming more rows fails."""
    try:
        yield
    except BaseException:
        release(claims)
        raise
