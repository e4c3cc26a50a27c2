"""Marks rows as pending in the statement of a bulk write: ``update``, ``bulk_update`` and ``bulk_create``.

``update_unmarked`` is for the engine alone. It marks no row, so the engine's writes wake no worker. The engine alone
writes the ``ENGINE_FIELDS``.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from django.db import IntegrityError, connections, models, transaction
from django.dispatch import Signal

from ..exceptions import AccountIsFixed, BeingErased
from .clock import database_now, utc_now

if TYPE_CHECKING:
    from .customer import Customer

logger = logging.getLogger("twocheckout")

#: The database's own rule: no write of a project makes a row pending while it is being erased.
ERASED_CONSTRAINT = "twocheckout_being_erased"

#: A bulk write marked rows, without ``post_save``, or rows are due without a wake-up. Carries ``using``, the database's
#: alias.
customers_marked = Signal()

#: The time of the next attempt of a row just changed: long past by any clock, so it is due at once, and before retries.
LONG_DUE = datetime(2000, 1, 1, tzinfo=UTC)

#: The order of due rows. Rows just changed have one time for all, so the longest pending of them comes first.
IN_TURN = ("next_attempt_at", "pending_since", "pk")


def mark(names: Collection[str] = ()) -> dict[str, object]:
    """The columns of a row that is pending, due now, and changed since its claim.

    *names*: the columns that are written. A row with another reference may be at 2Checkout under it.
    """
    tried = {"untried": False} if "external_customer_reference" in names else {}
    return tried | {
        "sync_state": "pending",
        "sync_error": "",
        "error_code": "",
        "failed_attempts": 0,
        "next_attempt_at": LONG_DUE,
        "pending_since": utc_now(),
        "changed_since_claim": True,
    }


#: Places in the project's code with a dropped and logged write to the engine's columns.
_logged_at: set[tuple[str, int]] = set()


def log_dropped(names: Iterable[str]) -> None:
    """Log the dropped columns, once for each place in the project's code."""
    ours = ("django", "django_twocheckout")
    place = next(
        (
            (frame.f_code.co_filename, line)
            for frame, line in traceback.walk_stack(None)
            if str(frame.f_globals.get("__name__", "")).partition(".")[0] not in ours
        ),
        ("", 0),
    )
    if place in _logged_at:
        return
    _logged_at.add(place)
    words = "%s:%d: not written, for only the engine writes it: %s; mark_pending() has rows pushed"
    logger.warning(words, *place, ", ".join(sorted(names)), extra={"action": "engine.columns"})


def log_erased() -> None:
    """Log that a write of the project was dropped, because it was about a customer that is being erased."""
    logger.warning("not written: the customer is being erased", extra={"action": "erase.write_dropped"})


class CustomerQuerySet(models.QuerySet["Customer"]):
    def update(self, **values: object) -> int:
        """Update the rows. With a pushed field or the account among *values*, mark them in the same statement.

        Leaves out the engine's bookkeeping, and the rows that are being erased. Returns the number of rows, 0 if
        nothing else is to be written. Raises AccountIsFixed for a move of rows that 2Checkout may know.
        """
        written = self._writable(values)
        values = {name: value for name, value in values.items() if name in written}
        if not values:
            return 0
        if "account" in values:
            self._refuse_moves(values["account"])
        marked = "account" in values or not self.model.shared_fields().isdisjoint(values)
        if not marked and self.model.PUSHED_FIELDS.isdisjoint(values):
            return super().update(**values)
        if values.get("external_customer_reference") == "":
            values["external_customer_reference"] = None  # unique, so never blank
        marks = mark(values) if marked else {}
        count = super(CustomerQuerySet, self.filter(erased=False)).update(**(values | marks))
        if count and marked:
            self._send_marked()
        elif not count and self.filter(erased=True).exists():
            log_erased()
        return count

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(
        self,
        objs: Iterable[Customer],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Collection[str] | None = None,
        unique_fields: Collection[str] | None = None,
    ) -> list[Customer]:
        """Create the rows as pending. Mark the rows changed by ``update_conflicts``.

        The engine's bookkeeping on changed rows stays. Raises BeingErased if one of these is being erased.
        """
        objs = list(objs)
        if update_conflicts and update_fields:
            # Django needs at least one column, and the time of saving is right in any case.
            # The account of a row that is there stays: 2Checkout may know it.
            update_fields = self._writable(update_fields, fixed={"account"}) or ["saved_at"]
        written = update_fields or ()
        marks = mark(written) if update_conflicts and not self.model.shared_fields().isdisjoint(written) else {}
        if marks:
            update_fields = [*dict.fromkeys([*(update_fields or ()), *marks])]
        for customer in objs:
            customer.before_insert(copied=customer.is_copy(self.db))
            if update_conflicts and customer.external_customer_reference:
                # Perhaps the row is there, and was tried.
                customer.external_customer_reference = str(customer.external_customer_reference)
            customer.assign(**marks)
        try:
            created = super().bulk_create(
                objs, batch_size, ignore_conflicts, update_conflicts, update_fields, unique_fields
            )
        except IntegrityError as error:
            if not update_conflicts or ERASED_CONSTRAINT not in str(error):
                raise
            raise BeingErased from None
        if not ignore_conflicts:
            for customer in created:
                customer.remember_written(self.db, set(update_fields or ()) if update_conflicts else None)
        if created:
            self._send_marked()
        return created

    def bulk_update(self, objs: Iterable[Customer], fields: Iterable[str], batch_size: int | None = None) -> int:
        """Update these fields of the rows, as :meth:`update` does."""
        asked = list(fields)
        objs, fields = list(objs), self._writable(asked)
        if asked and not fields:
            return 0
        if "external_customer_reference" in fields:
            for customer in objs:
                customer.external_customer_reference = customer.external_customer_reference or None
        if "account" in fields:
            accounts = {customer.pk: customer.account for customer in objs}
            known = self.filter(pk__in=accounts).maybe_known().values_list("pk", "account")
            if any(accounts[pk] != account for pk, account in known):
                raise AccountIsFixed
        count = super().bulk_update(objs, fields, batch_size)
        if count < len(objs) and self.filter(pk__in=[customer.pk for customer in objs], erased=True).exists():
            log_erased()
        for customer in objs:
            customer.remember_written(self.db, set(fields))
        return count

    def mark_pending(self) -> int:
        """Mark the rows as pending and due now, as a save does. A failed row starts afresh."""
        return super(CustomerQuerySet, self.filter(erased=False)).update(**mark())

    def update_unmarked(self, **values: object) -> int:
        """Write the engine's columns, without a mark and a signal."""
        return super().update(**values)

    update_unmarked.alters_data = True  # type: ignore[attr-defined]
    mark_pending.alters_data = True  # type: ignore[attr-defined]

    def due(self) -> CustomerQuerySet:
        """Pending rows past their time and without a live claim: those just changed, then the longest due first."""
        pending = self.filter(sync_state="pending", presence="there", next_attempt_at__lte=database_now())
        return pending.unclaimed().order_by(*IN_TURN)

    def due_again(self) -> CustomerQuerySet:
        """The due rows after a failed attempt, the longest due first."""
        return self.due().filter(next_attempt_at__gt=LONG_DUE)

    def unclaimed(self) -> CustomerQuerySet:
        """Rows without a live claim."""
        return self.exclude(lease_expires_at__gt=database_now())

    def maybe_known(self) -> CustomerQuerySet:
        """Rows of customers that 2Checkout knows, or may know."""
        return self.exclude(customer_reference=None, acknowledged={}, in_doubt=[])

    def _refuse_moves(self, account: object) -> None:
        if self.maybe_known().exclude(account=account).exists():
            raise AccountIsFixed

    def _writable(self, names: Iterable[str], *, fixed: Collection[str] = ()) -> list[str]:
        """The columns without the engine's bookkeeping and the *fixed* ones. Those left out are logged."""
        asked = list(names)
        written = [name for name in asked if name not in self.model.ENGINE_FIELDS and name not in fixed]
        if len(written) < len(asked):
            log_dropped(set(asked) - set(written))
        return written

    def _send_marked(self) -> None:
        def send_customers_marked() -> None:
            customers_marked.send_robust(sender=self.model, using=self.db)

        after_commit(send_customers_marked, self.db)


def after_commit(function: Callable[[], None], using: str) -> None:
    """Call the function once the transaction is committed. Its errors are logged, and stop nothing else.

    Django logs it by its ``__qualname__``. Not called with autocommit off and commits by hand: Django cannot see such a
    commit, so the rows wait for the sweep.
    """
    connection = connections[using]
    if connection.in_atomic_block or connection.get_autocommit():
        transaction.on_commit(function, using=using, robust=True)


CustomerManager = models.Manager.from_queryset(CustomerQuerySet)
