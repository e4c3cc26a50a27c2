"""One worker's run: claims rows, has threads reconcile them, and settles the results, until no row is due.

Only this thread uses the database. It claims the next rows while earlier ones are in flight, so the threads of
:mod:`.pool` do not wait for the database.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from ..client import TwoCheckoutClient
from ..conf import conf
from ..models import Account
from . import admission, ask_settle, circuit_breaker, erase_row, history, rate_limit, report
from .ask_claims import release
from .guard import run_guarded
from .operations import operation_of
from .pool import Pool
from .records import Claim, Finished, Mode, Operation, Permit, Result, Settled
from .settle import settle, settle_patiently
from .sources import ClaimSource, released_on_error
from .summary import Summary

#: Seconds after which results are settled, while more rows are in flight.
SETTLE_SECONDS = 1.0
#: Seconds until rows locked by other transactions are tried again.
LOCKED_SECONDS = 0.5
#: After so many rounds, a row saved again while in flight waits for the next wake-up.
ROUNDS = 5

Reconciled = tuple[Claim, Result]


def finish(
    reconciled: Sequence[Reconciled],
    mode: Mode = Mode.NORMAL,
    *,
    wait: bool = True,
    note_code: bool = False,
    operation: Operation | None = None,
) -> tuple[Summary, list[Reconciled]]:
    """Decide, settle, end erasures, write the history, close the asks, report, and record one account's results.

    *wait*: try locked rows again for a moment, and then give them up. Otherwise returns their pairs beside the summary:
    they are not settled yet. *note_code*: the account's row does not have the merchant code of its acknowledgements
    yet. *operation*: another one than that of each claim's verb.
    """
    finished = [
        Finished(claim, result, (operation or operation_of(claim)).decide(claim, result, mode))
        for claim, result in reconciled
    ]
    settled = list(zip(finished, (settle_patiently if wait else settle)(finished), strict=True))
    locked = [(one.claim, one.result) for one, what in settled if what is Settled.ROW_LOCKED]
    written = [(one, what) for one, what in settled if what is not Settled.ROW_LOCKED]
    erase_row.finish(written)
    ended = [(one, history.line(one), what) for one, what in written]
    total = Summary()
    if written:
        database, account = written[0][0].claim.database, written[0][0].claim.account
        if note_code and any(one.result.base is not None and what.is_written for one, what in written):
            Account.objects.note_code(database, account)
        left = [line for one, line, what in ended if what is not Settled.LEASE_LOST and history.leaves_line(one)]
        history.write(left, database)
        ask_settle.settle(written)
        report.exchanges([(line, what) for _one, line, what in ended], database)
        for one, what in written:
            total += (operation or operation_of(one.claim)).report(one, what)
        total.wait = circuit_breaker.record(database, account, [one for one, _what in written], mode)
    return total, locked


def run_one(claim: Claim, client: TwoCheckoutClient, operation: Operation | None = None) -> tuple[Summary, Result]:
    """Reconcile and finish one claimed row, even if the circuit is open: somebody asked for this row.

    *operation*: another one than that of the claim's verb. Raises AnotherMerchantCode, after releasing the row.
    """
    with released_on_error([claim]):
        state = circuit_breaker.confirmed_state(claim.database, claim.account)
    mode = Mode.FORCED if state and state.open_until else Mode.NORMAL
    result = run_guarded((operation or operation_of(claim)).reconcile, claim, client)
    rate_limit.reserve(claim.database, claim.account, result.requests)
    note_code = state is None or not state.merchant_code
    summary, _locked = finish([(claim, result)], mode, note_code=note_code, operation=operation)
    return summary, result


class Batch:
    """One run over the rows of a source, all of one account.

    *limit*: the most rows. *seconds*: claim no rows after so long. *on_backlog*: called once if there is work for
    another worker. *on_settled*: called now and then with the settled rows. *on_released*: called with claims that were
    not started. *operation*: another one than that of each claim's verb.
    """

    def __init__(
        self,
        source: ClaimSource,
        client: TwoCheckoutClient,
        database: str,
        account: str,
        *,
        limit: int | None = None,
        seconds: float | None = None,
        on_backlog: Callable[[], object] | None = None,
        on_settled: Callable[[list[Reconciled]], object] | None = None,
        on_released: Callable[[list[Claim]], object] | None = None,
        operation: Operation | None = None,
    ) -> None:
        self.source, self.operation, self.database, self.account = source, operation, database, account
        self.conf = conf.of(account)
        self.limit, self.on_backlog, self.on_settled, self.on_released = limit, on_backlog, on_settled, on_released
        self.pool = Pool(client, operation)
        self.until = None if seconds is None else time.monotonic() + seconds
        self.total = Summary()
        self.claimed = 0
        self.rounds = 0
        self.exhausted = False  # the source had no more rows at the last claim
        self.unstarted = False  # rows were released, and no row was claimed since
        self.trial: Permit | None = None
        self.note_code = False
        self.reconciled: list[Reconciled] = []
        self.locked: list[Reconciled] = []  # those of the reconciled not settled yet
        self.released: list[Claim] = []

    def run(self) -> Summary:
        """Claim, reconcile and settle until no row is due, the circuit opens, or the limit or the time is reached."""
        try:
            while self._claim_enough() or self.pool.in_flight or self.reconciled:
                self._collect_and_settle()
        finally:
            self._close()
        self.total.more |= self.unstarted
        return self.total

    def _claim_enough(self) -> bool:
        """Claim rows until the threads have enough work. Returns whether any were claimed."""
        claimed = False
        while self._claim_more():
            claimed = True
        return claimed

    def _claim_more(self) -> bool:
        """Claim rows if the threads need work and the admission allows it. Returns whether any were claimed."""
        if self.exhausted or not self._wants_more() or (most := self._most()) < 1:
            return False
        permit = admission.acquire(self.database, self.account, most)
        if permit.rows < 1:
            self.total += Summary(wait=permit.wait, more=True)
            self.exhausted = True
            return False
        self.note_code = not permit.code_noted
        if permit.trial and (self.pool.in_flight or self.reconciled != self.locked):
            # These rows were started before the circuit opened. Their results must not count as the trial's.
            admission.release(self.database, self.account, permit, 0)
            return False
        claims = self._claim(permit)
        self.claimed += len(claims)
        self.unstarted = False  # the released rows are due, so they are among these
        self.exhausted = len(claims) < permit.rows
        self.trial = permit if permit.trial and claims else None
        self._start(claims)
        return bool(claims)

    def _claim(self, permit: Permit) -> list[Claim]:
        claims: list[Claim] = []
        try:
            claims = self.source.claim(permit.rows)
            admission.release(self.database, self.account, permit, len(claims))
        except BaseException:
            release(claims)
            admission.release(self.database, self.account, permit, 0)
            raise
        return claims

    def _wants_more(self) -> bool:
        """Whether the threads will soon be idle."""
        return not self.pool.closing and not self.trial and self.pool.in_flight < self._few()

    def _few(self) -> int:
        """With fewer rows in flight, it is time to claim more."""
        return len(self.pool.threads) + self.conf.CONCURRENCY

    def _most(self) -> int:
        """How many rows to claim now."""
        if self.until is not None and time.monotonic() > self.until:
            self.total.more = self.exhausted = True
            return 0
        most = self.conf.BATCH_SIZE
        if self.limit is not None:
            most = min(most, self.limit - self.claimed)
            if most < 1:
                self.total.more = self.exhausted = True
        if self.conf.RATE_LIMIT:
            # A reserved request must be sent at once, so no row may wait for a thread.
            most = min(most, self.conf.CONCURRENCY - self.pool.in_flight)
        return most

    def _start(self, claims: list[Claim]) -> None:
        last = self.exhausted or self.trial or self.claimed == self.limit
        if last and len(claims) == 1 and self.pool.in_flight == 0 and not self.pool.threads:
            return self.pool.run_here(claims[0])
        self.pool.submit(claims, self.conf.CONCURRENCY)
        more = not self.exhausted and self.claimed != self.limit
        if more and self.pool.threads and self.on_backlog and not self.conf.RATE_LIMIT:
            self.on_backlog()
            self.on_backlog = None
        return None

    def _collect_and_settle(self) -> None:
        """Wait until it is time to settle or to claim more rows, then settle the results."""
        while self.pool.in_flight:
            self.pool.wait(self._enough(), SETTLE_SECONDS)
            for claim, result in self.pool.collect():
                if result is None:
                    self.released.append(claim)
                else:
                    self.reconciled.append((claim, result))
            if self.reconciled or self.released:
                break
        if not self.released and not self.conf.RATE_LIMIT:
            self._claim_enough()  # before settling, so that the threads have work meanwhile
        try:
            self._settle()
        finally:
            released, self.released = self.released, []
            self._release(released)

    def _enough(self) -> int:
        """How many results are worth settling, or let more rows be claimed."""
        enough = [self.pool.in_flight, self.conf.BATCH_SIZE - len(self.reconciled)]
        if not self.exhausted and not self.trial:
            enough.append(self.pool.in_flight - self._few() + 1)
        return min(enough)

    def _settle(self) -> None:
        if not self.reconciled:
            return
        # Pause for locked rows only when there is nothing else to do.
        idle = not self.pool.in_flight and (self.exhausted or self.pool.closing)
        stuck = self.reconciled == self.locked and idle
        give_up = stuck and (self.pool.closing or time.monotonic() > self._patient_until())
        if stuck and not give_up:
            time.sleep(LOCKED_SECONDS)
        mode = Mode.TRIAL if self.trial else Mode.NORMAL
        summary, locked = finish(
            self.reconciled, mode, wait=give_up, note_code=self.note_code, operation=self.operation
        )
        settled = [one for one in self.reconciled if one not in locked]
        self.reconciled, self.locked = [*locked], locked
        self.total += summary
        rate_limit.correct(self.database, self.account, [result for _claim, result in settled])
        self.pool.closing |= summary.wait is not None
        if self.trial and settled:
            circuit_breaker.end_trial(self.database, self.account, self.trial)
            self.trial = None
        if self.on_settled:
            self.on_settled(settled)
        if stuck:
            self.exhausted = self.pool.closing  # other rows may be due meanwhile
        elif not self.pool.in_flight and not self.pool.closing and self.rounds < ROUNDS:
            # Rows saved in flight are due once more, and new rows may be due too.
            self.rounds += self.exhausted
            self.exhausted = False

    def _patient_until(self) -> float:
        """When to give up locked rows: at the end of the batch's time, and before their leases end."""
        ends = [claim.send_by for claim, _result in self.locked]
        return min(ends if self.until is None else [self.until, *ends])

    def _release(self, claims: list[Claim]) -> None:
        if claims:
            release(claims)
            admission.release_unstarted(self.database, self.account, len(claims))
            self.unstarted = True
            if self.on_released:
                self.on_released(claims)

    def _close(self) -> None:
        """End the threads, settle their results, and release claims that were not started."""
        self.pool.close()
        self._collect_and_settle()
        if self.reconciled:
            self._settle()
