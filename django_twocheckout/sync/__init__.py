"""The one place where rows and 2Checkout meet; admin, tasks and commands all come through these functions.

``push`` (ours to theirs), ``pull`` (theirs to our row), ``push_pending`` (the sweep), ``cards`` and ``delete_card``.
Each takes rows into its hands (:mod:`.rows`) if the account is in order (:mod:`.gate`), talks to 2Checkout about them
(:mod:`.exchange`, over :mod:`.connection`; many side by side: :mod:`.drain`), and writes down what came of it
(:mod:`.ending`). What a person asked to be done with many customers is worked off by :mod:`.jobs`.
``find`` and ``add`` are for customers that only 2Checkout has (:mod:`.adding`).
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from django.db import router
from django.views.decorators.debug import sensitive_variables

from .. import signals
from ..client import TwoCheckoutClient
from ..exceptions import CustomerBusy, NotFound, TwoCheckoutError
from ..managers import CustomerQuerySet
from ..models import Customer, Source, Verb
from ..serializers import Card
from . import exchange, gate, history, jobs, rows
from .adding import Found, add, find
from .connection import current_client
from .differences import Choice, Difference, Resolution, differences_of, resolution_of
from .drain import ROUNDS, Drain, Keys
from .ending import Sweep, end_pulls, end_pushes, pull_one, push_one, tell
from .exchange import Choices, Claim, Outcome
from .gate import arrange, look, resume
from .status import Slot, Status, status, throughput
from .tokens import cards_of

__all__ = [
    "Choice", "Difference", "Found", "Keys", "Resolution", "Slot", "Status", "Sweep", "add", "arrange", "cards",
    "compare", "delete_card", "find", "jobs", "look", "plans", "pull", "pull_each", "push", "push_due", "push_each",
    "push_pending", "resolve", "resume", "status", "throughput", "unseen", "work_off",
]  # fmt: skip

#: Rows that are looked at together.
PORTION = 1000

logger = logging.getLogger("twocheckout")

Callback = Callable[..., Any] | None


def push(customer: Customer, *, source: Source = Source.CODE, user: Any = "") -> Customer:
    """Push this customer now, whatever its state: create it at 2Checkout, or update what differs there.

    What came of it stands on the row (``sync_state``, ``sync_error``) and is loaded into the instance; fields that were
    assigned and not saved stay as they are. Goes out also while the account is paused: one that was asked for is as
    good a trial as any. *source* and *user* (a primary key) are for the history. Raises nothing that 2Checkout does,
    but ConfigurationError where a setting is wrong, DoesNotExist where the row is gone, and RuntimeError inside a
    transaction. If another worker has the row in its hands, that one pushes it.
    """
    client = current_client()
    for _ in range(ROUNDS):
        taken = _claim(customer, to_push=True, source=source, user=user)
        if taken is None or not push_one(taken, client).changed:
            break
    return _reload(customer)


def push_pending(
    limit: int | None = None,
    *,
    database: str | None = None,
    source: Source = Source.SWEEP,
    seconds: float | None = None,
    on_backlog: Callback = None,
    on_ended: Callback = None,
) -> Sweep:
    """Push every row that is due, at most *limit* of them: the sweep, which needs no message to find its work.

    Ends early where 2Checkout is evidently not there, where RATE_LIMIT is reached, or after *seconds*; the rows stay
    due. Also purges the history and old jobs. The other arguments are those of :class:`.drain.Drain`. Raises
    ConfigurationError.
    """
    customers = _rows(database)
    sweep = _drain(customers, source=source, limit=limit, seconds=seconds, on_backlog=on_backlog, on_ended=on_ended)
    gate.swept(customers.db)
    history.purge(customers.db)
    jobs.purge(customers.db)
    return sweep


def push_due(
    pk: Any, *, database: str | None = None, seconds: float | None = None, on_backlog: Callback = None
) -> Sweep:
    """Push this row if it is due, and with it whatever else is: what a wake-up does.

    Raises ConfigurationError.
    """
    return _drain(_rows(database), first=pk, seconds=seconds, on_backlog=on_backlog)


def push_each(
    pks: Iterable[Any], *, database: str | None = None, source: Source = Source.CODE, user: Any = "", **options: Any
) -> Sweep:
    """Push these rows whatever their state, side by side, while the account is in order. Raises ConfigurationError."""
    return _each(pks, database, source, user, to_push=True, **options)


def pull_each(
    pks: Iterable[Any], *, database: str | None = None, source: Source = Source.CODE, user: Any = "", **options: Any
) -> Sweep:
    """Pull these rows, side by side, while the account is in order; failures are logged, and leave the rows as they
    were. Raises ConfigurationError."""
    return _each(pks, database, source, user, to_push=False, **options)


def work_off(job: Any, *, database: str | None = None, seconds: float, on_backlog: Callback = None) -> float | None:
    """Do what is left of the job with this key, for *seconds* at the most; see :func:`.jobs.work`.

    Returns the seconds after which somebody should go on, or None if nobody has to. Raises ConfigurationError.
    """
    by_verb = {Verb.PUSH: push_each, Verb.PULL: pull_each}
    return jobs.work(job, by_verb, database=_rows(database).db, seconds=seconds, on_backlog=on_backlog)


def unseen(database: str | None = None) -> Iterator[Any]:
    """The keys of rows that are said to be synced and whose values 2Checkout never got: what raw SQL leaves behind."""
    yield from rows.unseen(_rows(database))


def plans(pks: Iterable[Any], *, database: str | None = None) -> Iterator[exchange.Plan]:
    """What a push of each of these rows would begin with, as far as can be told without asking 2Checkout."""
    customers, remaining = _rows(database), iter(pks)
    while some := list(islice(remaining, PORTION)):
        for claim in rows.look_at(customers.filter(pk__in=some)):
            yield exchange.plan(claim)


def pull(customer: Customer, *, source: Source = Source.CODE, user: Any = "") -> Customer:
    """Fetch this customer from 2Checkout into our row; what changed only here stays, and stays pending.

    The instance is loaded with what was written. Wakes nobody. *source* and *user* are for the history. Raises
    CustomerBusy where another worker has the row in its hands, NotFound where 2Checkout does not have the customer, or
    another TwoCheckoutError, or ConfigurationError, or RuntimeError inside a transaction.
    """
    client = current_client()
    outcome = pull_one(_take(customer, source, user), client)
    if outcome.error:
        raise outcome.error
    return _reload(customer)


def compare(customer: Customer, *, ask: bool = True) -> list[Difference]:
    """Compare our row with 2Checkout, field by field, as a push would; nothing is written.

    Without *ask* only with what 2Checkout last acknowledged. Raises NotFound where 2Checkout does not have the
    customer, or another TwoCheckoutError, or ConfigurationError, or DoesNotExist where the row is gone.
    """
    row = _rows(_home(customer)).filter(pk=customer.pk)
    claim = next(iter(rows.look_at(row)), None)
    if claim is None:
        raise Customer.DoesNotExist
    return differences_of(claim, exchange.compare(claim, current_client()) if ask else None)


def resolve(customer: Customer, choices: Choices, *, source: Source = Source.CODE, user: Any = "") -> Resolution:
    """Let these fields be as a person chose: take 2Checkout's values over, and send it ours.

    *choices*: by CustomerInformation's names. What was not chosen is treated as by :func:`pull`; if a choice is to
    send, all that differs is pushed. A choice whose values are no longer those that were seen counts as not made, and
    is told. Raises what :func:`pull` does; what came of sending stands on the row.
    """
    client = current_client()
    outcome = pull_one(_take(customer, source, user), client, choices)
    if outcome.error:
        raise outcome.error
    resolution = resolution_of(_reload(customer), choices, outcome)
    if resolution.to_send:
        push(customer, source=source, user=user)
    return resolution


def cards(customer: Customer) -> list[Card]:
    """Fetch the customer's cards with their transient tokens. Nothing is stored.

    Where 2Checkout lists them without tokens, it is asked once more by single sign-on, unless ``CARDS_BY_SSO`` is
    False; a card whose token could not be had by either way has none, and its ``reason`` says why.
    Raises NotFound where 2Checkout does not have the customer, or another TwoCheckoutError, or ConfigurationError.
    """
    row = _rows(_home(customer)).get(pk=customer.pk)
    return cards_of(row.pk, _reference(row), current_client())


@sensitive_variables("token")
def delete_card(customer: Customer, token: str, *, source: Source = Source.CODE, user: Any = "") -> None:
    """Delete the card behind this token at 2Checkout, then pull, so that the row's list of cards is right again.

    A card that is gone already counts as deleted. *source* and *user* are for the history. Raises CardNotDeleted with
    2Checkout's reasons, CustomerBusy, NotFound where 2Checkout does not have the customer, or another
    TwoCheckoutError, or ConfigurationError.
    """
    client = current_client()
    taken = _take(customer, source, user)

    @sensitive_variables("token")
    def delete(claim: Claim, client: TwoCheckoutClient) -> Outcome:
        outcome = Outcome(claim.reference, claim.doubts)
        try:
            reference = _reference(claim)
            with contextlib.suppress(NotFound):  # gone already is what was asked for
                client.delete_card(reference, token)
        except TwoCheckoutError as error:
            outcome.error = error
        return outcome

    deleted = exchange.safely(delete, taken, client)
    history.write([history.attempt(taken, deleted, Verb.DELETE)], taken.database)
    if deleted.error:
        rows.give_back([taken])
        if _rows(taken.database).due().filter(pk=taken.pk).exists():
            # A wake-up that came while we had the row in our hands found it taken.
            signals.customers_marked.send_robust(sender=Customer, using=taken.database)
        raise deleted.error
    pulled = pull_one(taken, client)
    logger.info("customer %s: card deleted", taken.pk, extra={"event": "card.deleted", "customer": taken.pk})
    if isinstance(pulled.error, NotFound):
        raise pulled.error
    if pulled.error:
        logger.warning("customer %s: card deleted, list not re-fetched: %s", taken.pk, pulled.error)
    tell(signals.card_deleted, taken)
    _reload(customer)


def _drain(customers: CustomerQuerySet, *, first: Any = None, source: Source | None = None, **options: Any) -> Sweep:
    """Push what is due of these rows; the *first* one before all others."""
    client = current_client()
    if wait := rows.due_in(customers):
        return Sweep(due_in=wait)
    if wait is None:
        return Sweep()

    def take(most: int) -> list[Claim]:
        nonlocal first
        claims: list[Claim] = []
        if first is not None:
            # A long queue of older rows must not keep the newest waiting.
            claims = rows.take(customers.due().filter(pk=first), to_push=True, source=source)
            first = None
        with _or_given_back(claims):
            if len(claims) < most:
                due = customers.due()[: most - len(claims)]
                claims += rows.take(due, to_push=True, source=source, wait=False)
        return claims

    sweep = Drain(take, exchange.push, client, customers.db, **options).run()
    sweep.due_in = rows.due_in(customers)
    return sweep


@contextlib.contextmanager
def _or_given_back(claims: list[Claim]) -> Iterator[None]:
    """Where taking more rows fails, those already in our hands go back."""
    try:
        yield
    except BaseException:
        rows.give_back(claims)
        raise


def _each(
    pks: Iterable[Any],
    database: str | None,
    source: Source,
    user: Any,
    *,
    to_push: bool,
    limit: int | None = None,
    **options: Any,
) -> Sweep:
    customers, keys = _rows(database), pks if isinstance(pks, Keys) else Keys(pks)

    def take_these(pks: list[Any], *, wait: bool) -> list[Claim]:
        return rows.take(customers.filter(pk__in=pks), to_push=to_push, source=source, user=user, wait=wait)

    def take(most: int) -> list[Claim]:
        claims: list[Claim] = []
        with _or_given_back(claims):
            while len(claims) < most and (some := list(islice(keys, most - len(claims)))):
                claims += take_these(some, wait=False)
                # What the project is writing right now is waited for one by one, lest two wait for each other's rows.
                for pk in set(some) - {claim.pk for claim in claims}:
                    claims += take_these([pk], wait=True)
        return claims

    talk, end = (exchange.push, end_pushes) if to_push else (exchange.pull, end_pulls)
    total = Sweep()
    while True:
        again: list[Claim] = []
        options |= {"limit": None if limit is None else limit - total.tried, "on_given_back": again.extend}
        some = Drain(take, talk, current_client(), customers.db, end=end, **options).run()
        keys.put_back(again)
        total += some
        if not again or some.wait is not None or not some.tried:
            total.more = bool(again) or (some.more and limit is not None)
            return total


def _rows(database: str | None) -> CustomerQuerySet:
    return Customer.objects.using(database or router.db_for_write(Customer))


def _home(customer: Customer) -> str:
    """The database in which the row is written, wherever this instance was read."""
    return router.db_for_write(type(customer), instance=customer)


def _claim(customer: Customer, *, to_push: bool, source: Source, user: Any) -> Claim | None:
    """Take the row into our hands; None if another worker has it."""
    row = _rows(_home(customer)).filter(pk=customer.pk)
    taken = rows.take(row, to_push=to_push, source=source, user=user)
    if not taken:
        row.get()  # raises if the row is gone
    return taken[0] if taken else None


def _take(customer: Customer, source: Source, user: Any) -> Claim:
    taken = _claim(customer, to_push=False, source=source, user=user)
    if taken is None:
        raise CustomerBusy
    return taken


def _reference(of: Customer | Claim) -> str:
    reference = of.customer_reference if isinstance(of, Customer) else of.reference
    if not reference:
        raise NotFound(exchange.UNKNOWN_THERE)
    return reference


def _reload(customer: Customer) -> Customer:
    """Load the row into the host's instance, without taking away what was assigned and not saved."""
    names = {field.attname for field in customer._meta.concrete_fields} - customer.unsaved_fields()
    customer.refresh_from_db(using=_home(customer), fields=names)
    return customer
