"""Fills a large table, and times in it what must not grow with it, or grow with its rows alone. PostgreSQL."""

from __future__ import annotations

import io
import itertools
import json
import time
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.db.models import QuerySet
from django.test import Client

from benchmarks.customers import FIRST_REFERENCE, values
from benchmarks.inside.rows import memory_from_now_on, peak_memory_of_this, tidy
from django_twocheckout.models import Customer

#: So many rows are changed without a mark before they are looked for.
UNMARKED = 10
#: Rows read together where nothing else is done with them.
PORTION = 1000


def fill(count: int) -> float:
    """*count* rows by one statement: of 1000, ten are due, one waits for later, one has failed."""
    begun = time.perf_counter()
    marked = {name: value.replace("#", "{n}") for name, value in values("#").items()}
    columns, expressions, parameters = [], [], []
    for field in Customer._meta.local_concrete_fields:
        if field.primary_key:
            continue
        columns.append(connection.ops.quote_name(field.column))
        if field.name in marked:
            expressions.append("replace(%s, '{n}', n::text)")
            parameters.append(marked[field.name])
        elif field.name == "customer_reference":
            expressions.append(f"({FIRST_REFERENCE} + n)::text")
        elif field.name == "acknowledged":  # as the engine leaves a row that it pushed
            expressions.append("replace(%s, '{n}', n::text)::jsonb")
            parameters.append(json.dumps(marked))
        elif field.name == "sync_state":
            expressions.append("CASE WHEN n %% 1000 < 11 THEN 'pending' WHEN n %% 1000 = 11 THEN 'failed' ELSE %s END")
            parameters.append("synced")
        elif field.name == "next_attempt_at":
            expressions.append(
                "now() - interval '1 day' + n * interval '1 ms' + CASE n %% 1000 WHEN 10 THEN interval '2 days'"
                " ELSE interval '0' END"
            )
        else:
            value = field.pre_save(Customer(), add=True) if getattr(field, "auto_now", False) else field.get_default()
            expressions.append(f"%s::{field.db_type(connection)}")
            parameters.append(field.get_db_prep_save(value, connection))
    table = connection.ops.quote_name(Customer._meta.db_table)
    sql = (
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(expressions)} FROM generate_series(1, {count}) n"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        cursor.execute("VACUUM ANALYZE")
    return time.perf_counter() - begun


def due() -> float:
    begun = time.perf_counter()
    found = len(Customer.objects.filter(account="default").due()[:100])
    seconds = time.perf_counter() - begun
    assert found == 100, f"{found} rows are due"
    return seconds


def listed() -> float:
    """The admin's list as a superuser sees it."""
    return page_seconds("/admin/twocheckout/customer/")


def compared() -> float:
    """The admin's page with one customer beside 2Checkout's object, which is fetched."""
    key = Customer.objects.order_by("pk").values_list("pk", flat=True)[next(_numbers) % 1000]
    return page_seconds(f"/admin/twocheckout/customer/{key}/differences/", "2Checkout")


def page_seconds(address: str, words: str = "") -> float:
    global _browser
    if _browser is None:
        user, _ = get_user_model().objects.get_or_create(username="ada", is_superuser=True, is_staff=True)
        _browser = Client()
        _browser.force_login(user)
    begun = time.perf_counter()
    page = _browser.get(address)
    seconds = time.perf_counter() - begun
    assert page.status_code == 200
    assert words in page.content.decode()
    return seconds


_browser: Any = None
_numbers = itertools.count()


def list_statements() -> list[list[str]]:
    """The list's statements with their seconds, the slowest first."""
    seen: list[tuple[float, str]] = []

    def note(execute: Any, sql: str, *arguments: Any) -> Any:
        begun = time.perf_counter()
        try:
            return execute(sql, *arguments)
        finally:
            seen.append((time.perf_counter() - begun, sql))

    with connection.execute_wrapper(note):
        listed()
    return [[f"{seconds:.4f}", sql] for seconds, sql in sorted(seen, reverse=True)]


def explain() -> str:
    return str(Customer.objects.filter(account="default").due()[:100].explain(analyze=True, buffers=True))


def mark_all() -> float:
    begun = time.perf_counter()
    Customer.objects.all().mark_pending()
    seconds = time.perf_counter() - begun
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return seconds


def mark_some(count: int) -> dict[str, float]:
    """The first rows marked by one statement: the seconds, and how much more memory this process took, in MB."""
    last = Customer.objects.order_by("pk").values_list("pk", flat=True)[count - 1]
    before, begun = memory_from_now_on(), time.perf_counter()
    marked = Customer.objects.filter(pk__lte=last).mark_pending()
    seconds, memory = time.perf_counter() - begun, peak_memory_of_this() - before
    assert marked == count, f"{marked} rows were marked instead of {count}"
    tidy()
    return {"seconds": seconds, "memory": memory}


def verify() -> dict[str, float]:
    """``twocheckout_push --verify`` where nothing else is due; beside reading the same columns of all rows."""
    QuerySet(Customer).exclude(sync_state="synced").update(sync_state="synced")
    some = Customer.objects.order_by("pk").values_list("pk", flat=True)[:UNMARKED]
    QuerySet(Customer).filter(pk__in=list(some)).update(phone=f"+44 {time.time_ns()}")
    tidy()
    begun = time.perf_counter()
    read_all()
    bare = time.perf_counter() - begun
    said = io.StringIO()
    before, begun = memory_from_now_on(), time.perf_counter()
    call_command("twocheckout_push", verify=True, stdout=said)
    seconds, memory = time.perf_counter() - begun, peak_memory_of_this() - before
    assert f"without a mark: {UNMARKED}." in said.getvalue(), said.getvalue()
    return {"seconds": seconds, "memory": memory, "bare": bare}


def read_all() -> None:
    names = ["pk", "acknowledged", *Customer.PUSHED_FIELDS]
    rows, last = Customer.objects.order_by("pk").values(*names), 0
    while some := list(rows.filter(pk__gt=last)[:PORTION]):
        last = some[-1]["pk"]
