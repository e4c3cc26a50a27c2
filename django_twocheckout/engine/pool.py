"""A few threads reconcile claimed rows for the batch, over kept-alive connections. They never use the database.

The threads end with the pool. Their connections are kept for the next one. A single row needs no thread: see
:meth:`Pool.run_here`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from queue import SimpleQueue
from threading import Event, Thread

from ..client import TwoCheckoutClient
from .circuit_breaker import UNANSWERED_LIMIT
from .guard import run_guarded, unknown_result
from .operations import operation_of
from .records import Claim, Operation, Result
from .retry import is_account_failure, is_no_answer


class Pool:
    """Threads with one queue of claims and one queue of results.

    ``closing``: start no more claims. Unstarted claims come back without a result. The pool closes itself after an
    account failure, so that no more rows pay for it.
    """

    def __init__(self, client: TwoCheckoutClient, operation: Operation | None = None) -> None:
        self.client, self.operation = client, operation
        self.threads: list[Thread] = []
        self.closing = False
        #: Claims without a result that did not come back either.
        self.in_flight = 0
        self._unanswered = 0  # in a row
        self._claims: SimpleQueue[Claim | None] = SimpleQueue()
        self._results: SimpleQueue[tuple[Claim, Result | None]] = SimpleQueue()
        self._wakeup = Event()
        self._enough = 1  # how many results wake the collecting thread

    def submit(self, claims: Iterable[Claim], concurrency: int) -> None:
        """Let up to *concurrency* threads reconcile these."""
        for claim in claims:
            self.in_flight += 1
            self._claims.put(claim)
        while len(self.threads) < min(concurrency, self.in_flight):
            thread = Thread(target=self._work, name=f"twocheckout-{len(self.threads)}", daemon=True)
            thread.start()
            self.threads.append(thread)

    def run_here(self, claim: Claim) -> None:
        """Reconcile in this thread, on a connection that is kept."""
        self.in_flight += 1
        self._run(claim)

    def wait(self, enough: int, seconds: float) -> None:
        """Wait for *enough* results or for *seconds*. Waking this thread for each result would slow the others down."""
        self._enough = 1 if self.closing else max(enough, 1)
        self._wakeup.clear()
        if self._results.qsize() < self._enough:
            self._wakeup.wait(seconds)
        # In this order: a thread puts its last result before it dies.
        died = self.threads and not any(thread.is_alive() for thread in self.threads)
        if died and self._results.empty():
            raise RuntimeError("All threads have died.")

    def collect(self) -> Iterable[tuple[Claim, Result | None]]:
        """The results since the last call, with None for an unstarted claim."""
        while not self._results.empty():
            one = self._results.get()
            self.in_flight -= 1
            yield one

    def close(self) -> None:
        """End the threads. Their results and the unstarted claims can be collected afterwards."""
        self.closing = True
        self._claims.put(None)
        for thread in self.threads:
            thread.join()
        while not self._claims.empty():  # left without a thread
            if claim := self._claims.get():
                self._put(claim, None)
        self.in_flight = self._results.qsize()  # no more results can come

    def _work(self) -> None:
        try:
            while (claim := self._claims.get()) is not None:
                self._run(claim)
        finally:
            self._claims.put(None)  # for the next thread
            self.client.release()

    def _run(self, claim: Claim) -> None:
        if self.closing or time.monotonic() > claim.start_by:
            return self._put(claim, None)
        result = unknown_result(claim, "Interrupted.")  # by an exit or a time limit, which are no Exception
        try:
            result = run_guarded((self.operation or operation_of(claim)).reconcile, claim, self.client)
        finally:
            self._unanswered = self._unanswered + 1 if is_no_answer(result.error) else 0
            if is_account_failure(result.error) or self._unanswered >= UNANSWERED_LIMIT:
                self.closing = True
            self._put(claim, result)
        return None

    def _put(self, claim: Claim, result: Result | None) -> None:
        self._results.put((claim, result))
        if self._results.qsize() >= self._enough or self.closing:
            self._wakeup.set()
