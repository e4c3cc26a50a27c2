"""Takes over an account's customers: finds their references in the subscriptions, and asks for their first pulls.

2Checkout has no list of customers. A customer without a subscription cannot be found.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import islice

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from ..client import TwoCheckoutClient, is_reference
from ..conf import DEFAULT_ACCOUNT
from ..engine import asks, claims, rate_limit
from ..engine.reading import read_each
from ..engine.records import Key
from ..engine.retry import backoff, is_account_failure
from ..exceptions import TransientError, UnreadableAnswer
from ..models import Account, Customer, Erasure, Source, Verb, update_free
from ..redaction import RedactedDict, redacted_repr
from ..wire import shared_attributes
from . import one
from .references import keys_of, rows_with

#: No subscription is older.
FIRST_DAY = date(2005, 1, 1)
#: Subscriptions of a page, and the most pages of a window.
PAGE = 200
MOST_PAGES = 2000
#: Days of the first window. A window with few pages doubles the next one, a window with many halves it.
FIRST_SPAN = 31
FEW_PAGES, MANY_PAGES = 1, 10
#: Requests for one page, after failures that may pass, and the longest wait between two, in seconds.
TRIES = 3
PATIENCE = 120.0
#: The filters of the search, by the date that they look at.
PURCHASED, MODIFIED = "Purchased", "Modified"


@dataclass
class Imported:
    """What came of the references that were found."""

    #: Rows that had no customer of 2Checkout, and will have this one.
    linked: int = 0
    new: int = 0
    #: Rows that had this customer.
    unchanged: int = 0
    #: Customers that were erased here, and are left out.
    erased: int = 0
    #: The subscription or line, and why it was left out.
    refused: list[tuple[str, str]] = field(default_factory=list)

    __repr__ = redacted_repr

    @property
    def found(self) -> int:
        return self.linked + self.new + self.unchanged


@dataclass(frozen=True)
class Reference:
    """Both references of a customer. *place*: the subscription or line that it was found in."""

    internal: str
    external: str
    place: str

    __repr__ = redacted_repr


class Import:
    """One run for an account. Each window's rows and asks are stored before the next window, so any stop is safe."""

    def __init__(self, account: str = DEFAULT_ACCOUNT, *, database: str | None = None, dry_run: bool = False) -> None:
        self.customers = one.customers_in(database)
        self.database, self.account, self.dry_run = self.customers.db, account, dry_run
        self.client: TwoCheckoutClient = one.confirmed_client(self.database, account)
        self.result = Imported()
        #: The customers counted so far, and those of them that were pulled since the change that was seen.
        self._seen: set[int] = set()
        self._fresh: set[int] = set()

    def walk(self, since: date | None = None, limit: int | None = None) -> Iterator[Imported]:
        """Walk the subscriptions from this day, or from where the last run ended. Yields the counts so far.

        *limit*: the most customers. Raises TwoCheckoutError; what was found stays, and the next run goes on there.
        """
        until = Account.objects.current_or_new(self.database, self.account).imported_until
        start, today, span = since or until or FIRST_DAY, timezone.now().date(), FIRST_SPAN
        # Only a walk without a gap behind it moves the day from which the next run goes on.
        continues = since is None or (until is not None and since <= until)
        # Each subscription was purchased. Changes only matter since an earlier run.
        kinds = (PURCHASED,) if start == FIRST_DAY else (MODIFIED, PURCHASED)
        while True:
            end = min(start + timedelta(days=span), today + timedelta(days=1))
            pages = 0
            # The last window twice: subscriptions move between pages, and appear some minutes late.
            for _again in range(2 if end > today else 1):
                for kind in kinds:
                    for page in self._pages(kind, start, end):
                        pages += 1
                        room = None if limit is None else limit - self.result.found
                        self._take(page, pulled_before=end if kind is MODIFIED else None, room=room)
                        yield self.result
                        if limit is not None and self.result.found >= limit:
                            return
            if continues and not self.dry_run:
                # A day back, for 2Checkout's days begin at another hour than ours.
                self._note(min(end, today - timedelta(days=1)))
            if end > today:
                return
            start, span = end, _next_span(span, pages)

    def take_either(self, lines: Sequence[tuple[str, str]]) -> None:
        """Take over the customers with these references, each after its line's number.

        2Checkout's own are asked for in bulk. Under an external one without a row, 2Checkout is asked for the customer,
        side by side for several. Raises TwoCheckoutError for a failure of the account; what was found stays.
        """
        own = self.customers.filter(account=self.account)
        rows = keys_of(own, [reference for _place, reference in lines])
        self.result.unchanged += len([1 for _place, reference in lines if reference in rows])
        new = {reference: place for place, reference in lines if reference not in rows}
        bulk = [Reference(reference, "", place) for reference, place in new.items() if is_reference(reference)]
        try:
            bulk.extend(self._look_up({one: place for one, place in new.items() if not is_reference(one)}))
        finally:
            self._store(list({found.internal: found for found in bulk}.values()), pulled_before=None)

    def _look_up(self, places: Mapping[str, str]) -> Iterator[Reference]:
        """Ask 2Checkout for the customers under these external references. Notes those that it does not have."""
        unsaved = [Customer(account=self.account, external_customer_reference=reference) for reference in places]
        wanted = [claims.unsaved(customer, self.database) for customer in unsaved]
        left = set(places)
        for claim, result in read_each(wanted, self.client, self.database, self.account):
            external = claim.values["external_customer_reference"]
            if result.error is not None and is_account_failure(result.error):
                raise result.error
            left.discard(external)
            if result.error is not None:
                self.result.refused.append((places[external], result.error.words.rstrip(".")))
            elif result.reference:
                yield Reference(result.reference, external, places[external])
        if left:
            raise TransientError  # the account is paused

    def _pages(self, kind: str, start: date, end: date) -> Iterator[list[Mapping[str, object]]]:
        """The pages of a window, up to an empty one or one that repeats. Neighbours overlap by a day on both sides,
        for 2Checkout does not say whether the dates are included."""
        day, seen = timedelta(days=1), set[object]()
        dates = {f"{kind}After": f"{start - day}", f"{kind}Before": f"{end + day}"}
        for number in range(1, MOST_PAGES + 1):
            items, count = self._page(dates, number)
            new: dict[object, Mapping[str, object]] = {}
            for item in items:
                new.setdefault(_identity(item), item)
            new = {key: item for key, item in new.items() if key not in seen}
            seen |= new.keys()
            if new:
                yield list(new.values())
            if not new or (count is not None and len(seen) >= count):
                return
        raise UnreadableAnswer(_("2Checkout's pages of subscriptions do not end."))

    def _page(self, dates: Mapping[str, str], number: int) -> tuple[Sequence[Mapping[str, object]], int | None]:
        for tries in range(1, TRIES + 1):
            try:
                with one.fetching(self.client, self.database, self.account):
                    return self.client.search_subscriptions(number, PAGE, **dates)
            except TransientError as error:
                wait = backoff(error, tries)
                if tries == TRIES or wait > PATIENCE:
                    raise
            finally:
                rate_limit.reserve(self.database, self.account, 1)
            time.sleep(wait)
        raise AssertionError

    def _take(self, page: Sequence[Mapping[str, object]], pulled_before: date | None, room: int | None) -> None:
        found: dict[str, Reference] = {}
        for item in page:
            reference = _reference(item)
            if not reference.internal:
                if reference.place not in {place for place, _why in self.result.refused}:
                    self.result.refused.append((reference.place, _("carries no readable reference of its customer")))
            elif (key := int(reference.internal)) not in self._seen or (pulled_before and key in self._fresh):
                found.setdefault(reference.internal, reference)
        some = list(islice(found.values(), room))
        self._store(some, pulled_before)
        self._seen.update(int(one.internal) for one in some)

    def _store(self, references: Sequence[Reference], pulled_before: date | None) -> None:
        """Link, insert and ask, in one transaction. Once more if another worker was faster."""
        for attempt in (1, 2):
            try:
                with transaction.atomic(using=self.database):
                    part = self._store_once(references, pulled_before)
                break
            except IntegrityError:
                if attempt == 2:
                    raise
        total = self.result
        total.linked, total.new = total.linked + part.linked, total.new + part.new
        total.unchanged += part.unchanged
        total.erased += part.erased
        total.refused += part.refused

    def _store_once(self, references: Sequence[Reference], pulled_before: date | None) -> Imported:
        part, own = Imported(), self.customers.filter(account=self.account)
        rows = list(rows_with(own, [one.internal for one in references], [one.external for one in references]))
        by_internal = {row.customer_reference: row for row in rows}
        by_external = {row.external_customer_reference: row for row in rows}
        new: list[Customer] = []
        pulls: list[Key] = []
        external_taken: set[str] = set()
        erased = Erasure.objects.among(
            self.database, self.account, [one for found in references for one in (found.internal, found.external)]
        )
        for found in references:
            mine, other = by_internal.get(found.internal), by_external.get(found.external)
            if mine is not None:
                key, pulled_at = int(found.internal), mine.pulled_at
                part.unchanged += key not in self._seen
                if pulled_before is not None and (pulled_at is None or pulled_at.date() <= pulled_before):
                    pulls.append(mine.pk)
                    self._fresh.discard(key)
                elif pulled_before is not None:
                    self._fresh.add(key)
            elif found.internal in erased or (other is None and found.external in erased):
                part.erased += int(found.internal) not in self._seen
            elif other is not None and other.customer_reference is None:
                part.linked += 1
                pulls.append(other.pk)
            elif other is not None or found.external in external_taken:
                why = _("its external reference belongs to the row of another customer")
                part.refused.append((found.place, why))
            else:
                external_taken |= {found.external} - {""}
                new.append(_new(self.account, found))
        part.new = len(new)
        if not self.dry_run:
            self.customers.bulk_create(new)
            pks = [*pulls, *(self._keys(new) if any(row.pk is None for row in new) else [row.pk for row in new])]
            asks.ask(Verb.PULL, self.customers, pks, source=Source.COMMAND)
        return part

    def _keys(self, new: Sequence[Customer]) -> list[Key]:
        """The keys of new rows, on a database that does not return them."""
        own = self.customers.filter(account=self.account)
        return [row.pk for row in rows_with(own, [row.customer_reference or "" for row in new], [])]

    def _note(self, until: date) -> None:
        update_free(Account.objects.named(self.database, self.account), imported_until=until)


def _next_span(span: int, pages: int) -> int:
    return span * 2 if pages <= FEW_PAGES else max(span // 2, 1) if pages > MANY_PAGES else span


def _identity(item: Mapping[str, object]) -> object:
    return str(item.get("SubscriptionReference") or sorted(item.items(), key=str))


def _reference(item: Mapping[str, object]) -> Reference:
    internal = str(item.get("AvangateCustomerReference") or item.get("CustomerReference") or "")
    external = item.get("ExternalCustomerReference")
    place = str(item.get("SubscriptionReference") or "?")[:64]
    external = str(external) if isinstance(external, str | int) and not isinstance(external, bool) else ""
    return Reference(
        internal if is_reference(internal) else "",
        external if external.isprintable() and len(external) <= 250 else "",
        place,
    )


def _new(account: str, found: Reference) -> Customer:
    """A row known by its references alone. It agrees with 2Checkout until its first pull, so nothing is pushed."""
    acknowledged = RedactedDict(dict.fromkeys(Customer.shared_fields(), ""))
    acknowledged["external_customer_reference"] = found.external
    return Customer(
        account=account,
        customer_reference=found.internal,
        external_customer_reference=found.external or None,
        acknowledged=acknowledged,
        written=dict.fromkeys(shared_attributes().values()),  # adopted, and not written by us
    )
