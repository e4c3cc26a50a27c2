"""Takes the leases of rows, and reads the rows: the statements of a claim, without a request and without a wait.

Where the database can pass over locked rows, one statement locks and reads. Elsewhere a conditional UPDATE comes first,
and what it hit is read.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import Case, F, Func, JSONField, Value, When
from django.db.models.functions import JSONArray, JSONObject

from ..models import IN_TURN, Customer, CustomerQuerySet, Verb, database_now, has_row_locks, locking
from ..redaction import RedactedDict
from ..wire import OWNED_BY_2CHECKOUT
from .database import durable, retry_lost_connection
from .records import Key, ModelValues

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.sql.compiler import SQLCompiler

#: What a claim reads of a row.
READ = [
    "pk", "account", "lease", "sync_state", "failed_attempts", "customer_reference", "presence", "acknowledged",
    "shown", "written", "pulled_at", *OWNED_BY_2CHECKOUT, *sorted(Customer.PUSHED_FIELDS)
]  # fmt: skip

#: A row as ``values()`` reads it.
Row = RedactedDict[str, Any]


@retry_lost_connection
def take(database: str, customers: CustomerQuerySet, verb: Verb, seconds: float) -> list[Row]:
    """Lease those of the rows that nobody has, for so many seconds, and return them in their turn.

    *verb*: a push writes the row's values into ``in_doubt``; rows that are being erased are leased for that alone. Rows
    that another transaction holds are left out.
    """
    # Durable: the values in doubt must survive a rollback of any outer transaction.
    if has_row_locks(database):
        with durable(database):
            return _lock_and_lease(customers, verb, seconds)
    pks = list(customers.values_list("pk", flat=True))
    if not pks:
        return []
    with durable(database):
        return _lease_and_read(database, pks, verb, seconds)


def _lock_and_lease(customers: CustomerQuerySet, verb: Verb, seconds: float) -> list[Row]:
    in_turn = customers if customers.query.is_sliced else customers.order_by(*IN_TURN)
    found = list(read(locking(in_turn), "untried", "in_doubt", "lease_expires_at", "erased"))
    rows = [row for row in found if _is_free(row, verb)]
    is_push = verb is Verb.PUSH
    alike: dict[tuple[bool, bool], list[Row]] = defaultdict(list)
    for row in rows:
        row["untried"] = is_push and row["untried"] and not row["in_doubt"]
        alike[row["untried"], bool(row["in_doubt"])].append(row)
    for (_untried, is_uncertain), some in alike.items():
        columns = {"lease": uuid.uuid4().hex, **_until(seconds)}
        if is_push:
            columns["untried"] = False
        if is_push and not is_uncertain:
            columns["in_doubt"] = _Copy(sorted(Customer.shared_fields()))
        leased = Customer.objects.using(customers.db).filter(pk__in=[row["pk"] for row in some])
        leased.update_unmarked(**columns)
        for row in some:
            row["lease"] = columns["lease"]
    if is_push:
        _add_in_doubt(customers.db, [row for row in rows if row["in_doubt"]])
    return rows


def _is_free(row: Row, verb: Verb) -> bool:
    """Whether nobody has the row, by the time of the statement that locked it."""
    expires_at = row["lease_expires_at"]
    return (expires_at is None or bool(expires_at <= row["now"])) and bool(row["erased"]) == (verb is Verb.ERASE)


def _until(seconds: float) -> dict[str, Any]:
    return {"lease_expires_at": database_now() + timedelta(seconds=seconds), "changed_since_claim": False}


class _Leases(NamedTuple):
    """The names of the leases of one statement: by them its rows are known apart afterwards."""

    #: Rows with nothing in doubt. Of these, those with a reference that was just made here.
    clean: str
    untried: str
    #: Rows with values in doubt.
    uncertain: str


def _lease_and_read(database: str, pks: Sequence[Key], verb: Verb, seconds: float) -> list[Row]:
    leases = _Leases(uuid.uuid4().hex, uuid.uuid4().hex, uuid.uuid4().hex)
    count = _lease(database, pks, leases, verb, seconds)
    claimed = Customer.objects.using(database).filter(pk__in=pks, lease__in=leases)
    rows = list(read(claimed.order_by(*IN_TURN)))
    in_doubt: RedactedDict[Key, list[ModelValues]] = RedactedDict()
    if count < len(pks):
        in_doubt.update(claimed.filter(lease=leases.uncertain).values_list("pk", "in_doubt"))
    for row in rows:
        row["untried"] = row["lease"] == leases.untried
        row["in_doubt"] = in_doubt.get(row["pk"], [])
    if verb is Verb.PUSH:
        _add_in_doubt(database, [row for row in rows if row["pk"] in in_doubt])
    return rows


def _lease(database: str, pks: Sequence[Key], leases: _Leases, verb: Verb, seconds: float) -> int:
    """Lease the rows. Copy the values of rows with nothing in doubt into ``in_doubt``; returns the number of these."""
    free = Customer.objects.using(database).filter(pk__in=pks, erased=verb is Verb.ERASE).unclaimed()
    columns, count = _until(seconds), 0
    if verb is Verb.PUSH:
        values = _Copy(sorted(Customer.shared_fields()))
        # The lease first: MySQL evaluates the columns in their order, each with those before it as they are then.
        lease = Case(When(untried=True, then=Value(leases.untried)), default=Value(leases.clean))
        count = free.filter(in_doubt=[]).update_unmarked(lease=lease, untried=False, in_doubt=values, **columns)
        columns["untried"] = False
    if count < len(pks):
        free.update_unmarked(lease=leases.uncertain, **columns)
    return count


def _add_in_doubt(database: str, rows: Iterable[Row]) -> None:
    """Add the values that are about to be sent to those in doubt already."""
    for row in rows:
        values = pushed_values(row)
        if values not in row["in_doubt"]:
            one = Customer.objects.using(database).filter(pk=row["pk"])
            one.update_unmarked(in_doubt=[*row["in_doubt"], values])


class _Copy(Func):
    """A JSON array with an object of these columns of the same row, for an UPDATE: so no value travels.

    Django resolves the two dozen parts of the expression anew in each statement. That costs more than all else of a
    claim, so the SQL is kept.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(output_field=JSONField())
        self.names = tuple(names)

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *arguments: Any, **context: Any
    ) -> tuple[str, tuple[Any, ...]]:
        key = self.names, connection.alias, compiler.query.get_initial_alias()
        if key not in _copies:
            whole = JSONArray(JSONObject(**{name: F(name) for name in self.names}))
            sql, parameters = compiler.compile(whole.resolve_expression(compiler.query))
            _copies[key] = sql, tuple(parameters)
        return _copies[key]


#: By columns, database and table: the SQL, and its parameters.
_copies: dict[tuple[tuple[str, ...], str, str], tuple[str, tuple[Any, ...]]] = {}


def read(customers: CustomerQuerySet, *names: str) -> Iterable[Row]:
    """What a claim needs of the rows, with the database's clock."""
    return map(RedactedDict, customers.values(*READ, *names, now=database_now()))


def pushed_values(row: Row) -> ModelValues:
    return RedactedDict({name: row[name] for name in sorted(Customer.shared_fields())})
