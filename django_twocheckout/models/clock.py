"""The database's clock, common to all workers, in UTC. Leases, retries, pauses and wake-ups are compared with it alone.

The host's clock may be wrong or frozen, and the project's own times may have no zone and jump with summer time. So the
times that are compared have a field of their own, and the statement that writes one reads the database's clock.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import connections, models
from django.db.models.functions import Now
from django.utils import timezone

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.sql.compiler import SQLCompiler

M = TypeVar("M", bound=models.Model)

#: A statement and its parameters.
Sql = tuple[str, Any]


class UTCDateTimeField(models.DateTimeField):  # type: ignore[type-arg]
    """A time that the database keeps in UTC, without a zone. In Python it is aware and in UTC, even without USE_TZ.

    A naive value is taken as local time by TIME_ZONE.
    """

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        # PostgreSQL has a type with a zone too, which is read in the session's zone.
        return "timestamp" if connection.vendor == "postgresql" else str(connection.data_types["DateTimeField"])

    def get_prep_value(self, value: Any) -> Any:
        moment = super().get_prep_value(value)
        if moment is None:
            return None
        aware = moment if timezone.is_aware(moment) else timezone.make_aware(moment)
        return aware.astimezone(UTC).replace(tzinfo=None)

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> datetime | None:
        # What Django attaches to it is the zone of its connection, which this time was never in.
        return None if value is None else _in_utc(value)


def _in_utc(value: str | datetime) -> datetime:
    """As a database returns it. SQLite's expressions are texts."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.replace(tzinfo=UTC)


def _as_mysql(compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> Sql:
    # CURRENT_TIMESTAMP is in the session's time zone, and Django does not set it.
    return _DATABASE_NOW.as_sql(compiler, connection, template="UTC_TIMESTAMP(6)", **context)


def _as_postgresql(compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> Sql:
    template = "(STATEMENT_TIMESTAMP() AT TIME ZONE 'UTC')"
    return _DATABASE_NOW.as_sql(compiler, connection, template=template, **context)


# Of the class Now itself, not of a subclass: packages that cache queries leave out those with that class alone. One for
# all: making and comparing them costs more than the rest of settling a row.
_DATABASE_NOW = Now(output_field=UTCDateTimeField())
vars(_DATABASE_NOW).update(as_mysql=_as_mysql, as_postgresql=_as_postgresql)


class _HostNow(models.Expression):
    """The host's clock, as ``auto_now`` has it."""

    output_field = models.DateTimeField()

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Sql:
        return compiler.compile(models.Value(timezone.now(), self.output_field))


_HOST_NOW = _HostNow()


def database_now() -> Now:
    """The expression for "now" in a statement, for a :class:`UTCDateTimeField`."""
    return _DATABASE_NOW


def host_now() -> models.Expression:
    """The expression for "now" in a field that is only shown."""
    return _HOST_NOW


def utc_now() -> datetime:
    """The host's clock as a :class:`UTCDateTimeField` has it, for words and for the order of rows."""
    return datetime.now(UTC)


def read_clock(database: str) -> datetime:
    """The database's clock, in a statement of its own, where no row has it: see :func:`with_clock`."""
    sql, parameters = models.sql.Query(None).get_compiler(database).compile(database_now())
    with connections[database].cursor() as cursor:
        cursor.execute(f"SELECT {sql}", parameters)
        [value] = cursor.fetchone()
    return _in_utc(value)


def with_clock(rows: models.QuerySet[M]) -> models.QuerySet[M]:
    """The rows, each with the database's clock for :func:`clock_of`."""
    annotated: models.QuerySet[Any] = rows.annotate(now=database_now())
    return annotated


def clock_of(row: object) -> datetime:
    """The database's clock at the moment of reading the row of :func:`with_clock`."""
    now: datetime = vars(row)["now"]
    return now
