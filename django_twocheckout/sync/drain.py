"""Pushes whatever is due, side by side, until nothing is: one worker's part of the work.

This thread alone talks to the database: it takes rows, hands them to a few threads which talk to 2Checkout over
kept-alive connections and never touch the database, and settles together what has ended. It takes the next rows while
the last ones are still under way, so the threads are never idle for the database's sake. Threads and their connections
end with the drain. A row that is alone is pushed in this thread, on a connection that is kept.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any

from ..client import TwoCheckoutClient
from ..conf import conf
from . import gate, rows
from .ending import Sweep, end_pushes
from .exchange import Claim, Outcome, Talk, safely, unclear
from .gate import Permit
from .rows import steadily

#: What has ended is written down at least so often while more is under way.
SETTLE_SECONDS = 1.0
#: A row that is saved again and again while it is in flight is left to the next wake-up after so many rounds.
ROUNDS = 5

Take = Callable[[int], list[Claim]]
End = Callable[..., Sweep]


class Keys(Iterator[Any]):
    """Keys to be worked on; what could not be begun comes again."""

    def __init__(self, pks: Iterable[Any]) -> None:
        self._new = iter(pks)
        self._again: deque[Any] = deque()

    def __next__(self) -> Any:
        return self._again.popleft() if self._again else next(self._new)

    def put_back(self, claims: Iterable[Claim]) -> None:
        self._again.extend(claim.pk for claim in claims)


class Drain:
    """One run. ``take(n)`` takes up to n rows into our hands, and returns fewer only if there are no more now.

    *limit*: the most rows. *seconds*: take no more rows after so long. *on_backlog*: called once if there is more than
    one worker's portion to do, so that another one may be asked to help. *on_ended*: called with the exchanges that
    have ended and been written down, now and then. *on_given_back*: called with claims that could not be begun.
    """

    def __init__(
        self,
        take: Take,
        talk: Talk,
        client: TwoCheckoutClient,
        database: str,
        *,
        end: End = end_pushes,
        limit: int | None = None,
        seconds: float | None = None,
        on_backlog: Callable[[], Any] | None = None,
        on_ended: Callable[[list[tuple[Claim, Outcome]]], Any] | None = None,
        on_given_back: Callable[[list[Claim]], Any] | None = None,
    ) -> None:
        self.take, self.talk, self.client, self.database, self.end = take, talk, client, database, end
        self.limit, self.on_backlog, self.on_ended, self.on_given_back = limit, on_backlog, on_ended, on_given_back
        self.until = None if seconds is None else time.monotonic() + seconds
        self.total = Sweep()
        self.begun_or_waiting = 0  # rows in our hands whose exchange has not ended
        self.taken = 0
        self.rounds = 0
        self.dry = False  # nothing more was due when last asked
        self.unbegun = False  # rows went back, and nothing was taken since
        self.closing = False
        self.silences = 0  # in a row
        self.probe: Permit | None = None
        self.todo: SimpleQueue[Claim | None] = SimpleQueue()
        self.done: SimpleQueue[tuple[Claim, Outcome | None]] = SimpleQueue()
        self.given_back: list[Claim] = []
        self.enough = 1  # so many in there are worth waking this thread
        self.bell = Event()
        self.ended: list[tuple[Claim, Outcome]] = []
        self.locked: list[tuple[Claim, Outcome]] = []  # of the ended, those that could not be written down yet
        self.threads: list[Thread] = []

    def run(self) -> Sweep:
        """Take, push and settle until nothing is due, or the gate closes, or the limit or the time is reached."""
        try:
            while self._take_enough() or self.begun_or_waiting or self.ended:
                self._await()
        finally:
            self._finish()
        self.total.more |= self.unbegun
        return self.total

    def _take_enough(self) -> bool:
        """Take rows until the threads will not soon be idle; whether any were taken."""
        taken = False
        while self._take_more():
            taken = True
        return taken

    def _take_more(self) -> bool:
        """Take rows if that is in order now; whether any were taken."""
        if self.dry or not self._wants_more():
            return False
        most = self._most()
        if most < 1:
            return False
        permit = steadily(lambda: gate.ask(self.database, most), self.database)
        if permit.rows < 1:
            self.total += Sweep(wait=permit.wait, more=True)
            self.dry = True
            return False
        if permit.probe and self.begun_or_waiting:
            # What was begun before the pause ended must not be taken for the probe's answer.
            gate.hand_back(self.database, permit, 0)
            return False
        claims: list[Claim] = []
        try:
            claims = self.take(permit.rows)
            steadily(lambda: gate.hand_back(self.database, permit, len(claims)), self.database)
        except BaseException:
            rows.give_back(claims)
            gate.hand_back(self.database, permit, 0)
            raise
        self.taken += len(claims)
        self.unbegun = False  # what went back is due, and was among these
        self.dry = len(claims) < permit.rows
        self.probe = permit if permit.probe and claims else None
        self._begin(claims)
        more = not self.dry and self.taken != self.limit
        if self.threads and more and self.on_backlog and not conf.RATE_LIMIT:
            self.on_backlog()
            self.on_backlog = None
        return bool(claims)

    def _wants_more(self) -> bool:
        """Whether the threads will soon be idle."""
        return not self.closing and not self.probe and self.begun_or_waiting < self._few()

    def _few(self) -> int:
        """With fewer rows than that in our hands it is time to take more."""
        return len(self.threads) + int(conf.CONCURRENCY)

    def _most(self) -> int:
        """How many rows to take now."""
        if self.until is not None and time.monotonic() > self.until:
            self.total.more = self.dry = True
            return 0
        most: int = conf.BATCH_SIZE
        if self.limit is not None:
            most = min(most, self.limit - self.taken)
            if most < 1:
                self.total.more = self.dry = True
        if conf.RATE_LIMIT:
            # What is taken of the rate must be used at once, so no row waits for a thread.
            most = min(most, conf.CONCURRENCY - self.begun_or_waiting)
        return most

    def _begin(self, claims: list[Claim]) -> None:
        last = self.dry or self.probe or self.taken == self.limit
        alone = last and len(claims) == 1 and self.begun_or_waiting == 0 and not self.threads
        self.begun_or_waiting += len(claims)
        if alone:
            return self._talk(claims[0])
        for claim in claims:
            self.todo.put(claim)
        while len(self.threads) < min(conf.CONCURRENCY, self.begun_or_waiting):
            thread = Thread(target=self._work, name=f"twocheckout-{len(self.threads)}", daemon=True)
            thread.start()
            self.threads.append(thread)
        return None

    def _work(self) -> None:
        try:
            while (claim := self.todo.get()) is not None:
                self._talk(claim)
        finally:
            self.todo.put(None)  # for the next thread
            self.client.close()

    def _talk(self, claim: Claim) -> None:
        if self.closing or time.monotonic() > claim.begin_until:
            return self._put(claim, None)
        outcome = unclear(claim, "Interrupted.")  # by what is no Exception: an exit, a time limit
        try:
            outcome = safely(self.talk, claim, self.client)
        finally:
            self.silences = self.silences + 1 if gate.is_silence(outcome.error) else 0
            if gate.is_trouble(outcome.error) or self.silences >= gate.STRIKES:
                self.closing = True  # before it is written down, so that no more rows pay for it
            self._put(claim, outcome)
        return None

    def _put(self, claim: Claim, outcome: Outcome | None) -> None:
        self.done.put((claim, outcome))
        if self.done.qsize() >= self.enough or self.closing:
            self.bell.set()

    def _await(self) -> None:
        """Collect what has ended, when it is time to settle or to take more rows, and settle it."""
        while self.begun_or_waiting:
            self._sleep()
            while not self.done.empty():
                claim, outcome = self.done.get()
                self.begun_or_waiting -= 1
                if outcome is None:
                    self.given_back.append(claim)
                else:
                    self.ended.append((claim, outcome))
            if self.ended or self.given_back:
                break
            if self.threads and not any(thread.is_alive() for thread in self.threads):
                raise RuntimeError("All threads have died.")
        try:
            self._settle()
        finally:
            given_back, self.given_back = self.given_back, []
            self._give_back(given_back)

    def _sleep(self) -> None:
        """Wait for SETTLE_SECONDS at the most; woken for each row by itself this thread would slow the others down."""
        enough = [self.begun_or_waiting, conf.BATCH_SIZE - len(self.ended)]
        if not self.dry and not self.closing and not self.probe:
            enough.append(self.begun_or_waiting - self._few() + 1)
        self.enough = 1 if self.closing else max(min(enough), 1)
        self.bell.clear()
        if self.done.qsize() < self.enough:
            self.bell.wait(SETTLE_SECONDS)

    def _settle(self) -> None:
        if not self.ended:
            return
        # A row that the project is writing right now is waited for when there is nothing else to do.
        wait = self.ended == self.locked and not self.begun_or_waiting and (self.dry or self.closing)
        done = self.end(self.ended, probe=bool(self.probe), lifts=bool(self.probe), wait=wait)
        landed = [pair for pair in self.ended if pair not in done.locked]
        self.ended, self.locked, done.locked = [*done.locked], done.locked, []
        self.total += done
        gate.book_difference(self.database, landed)
        self.closing |= done.wait is not None
        if self.probe and landed:
            gate.end_probe(self.database, self.probe)
            self.probe = None
        if self.on_ended:
            self.on_ended(landed)
        if not self.begun_or_waiting and not self.closing and self.rounds < ROUNDS:
            # What was saved while it was in flight is due once more, and so may be what came meanwhile.
            self.rounds += self.dry
            self.dry = False

    def _give_back(self, claims: list[Claim]) -> None:
        if claims:
            rows.give_back(claims)
            gate.hand_back_unbegun(self.database, len(claims))
            self.unbegun = True
            if self.on_given_back:
                self.on_given_back(claims)

    def _finish(self) -> None:
        """End the threads; whatever has ended by then is settled, and what was not begun goes back."""
        self.closing = True
        self.todo.put(None)
        for thread in self.threads:
            thread.join()
        while not self.todo.empty():  # no thread was there to take these
            if claim := self.todo.get():
                self._put(claim, None)
        self.begun_or_waiting = self.done.qsize()  # all that will ever come
        self._await()
        if self.ended:
            self._settle()
