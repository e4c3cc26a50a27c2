"""Fills a large table, and times finding due work and the admin's list in it. PostgreSQL."""

from __future__ import annotations

import time
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client

from benchmarks.customers import FIRST_REFERENCE, values
from django_twocheckout.models import Customer


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
    global _browser
    if _browser is None:
        user, _ = get_user_model().objects.get_or_create(username="ada", is_superuser=True, is_staff=True)
        _browser = Client()
        _browser.force_login(user)
    begun = time.perf_counter()
    page = _browser.get("/admin/twocheckout/customer/")
    seconds = time.perf_counter() - begun
    assert page.status_code == 200
    return seconds


_browser: Any = None


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
