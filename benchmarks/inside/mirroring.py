"""Saves, marks and mirrors objects of a project; the mirror is registered in this process alone. PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from benchmarks.inside.rows import memory_from_now_on, peak_memory_of_this, tidy
from benchmarks.rivals.models import Mirrored, Plain, Shopper, Unmirrored
from django_twocheckout import mirrors
from django_twocheckout.mirrors import portions
from django_twocheckout.models import Customer, MirrorMark

#: Rows of the bare writes in one statement: as many as a sweep mirrors in one transaction.
PORTION = portions.PORTION
FIELDS = ("first_name", "last_name", "email", "phone", "city", "country_code")
KINDS = ("mirrored", "by hand", "plain")


@mirrors.register(Mirrored, link="customer")
def customer_fields(shopper: Mirrored) -> mirrors.CustomerFields:
    return of(shopper)


def of(shopper: Shopper) -> Any:
    return {name: getattr(shopper, name) for name in FIELDS}


def values(number: int | str) -> dict[str, str]:
    return {
        "first_name": f"Ada{number}",
        "last_name": f"Lovelace{number}",
        "email": f"ada{number}@example.org",
        "phone": "+44 20 7946 0000",
        "city": "London",
        "country_code": "GB",
    }


# Objects saved one by one.


def create(kind: str, number: int) -> tuple[Shopper, Callable[[], None]]:
    """A new object, and what saves it: by its mirror, by hand together with its customer, or alone."""
    if kind == "mirrored":
        mirrored = Mirrored(**values(number))
        return mirrored, mirrored.save
    shopper = Unmirrored(**values(number))
    return shopper, shopper.save if kind == "plain" else lambda: save_both(shopper, Customer(**of(shopper)))


def update(kind: str, key: int, field: str) -> tuple[Shopper, Callable[[], None]]:
    """The same for one that is there. By hand its customer is there too, loaded already."""
    model: Any = Mirrored if kind == "mirrored" else Unmirrored
    shopper = model.objects.select_related("customer").get(pk=key)
    setattr(shopper, field, f"+44 {time.perf_counter_ns()}")
    if kind != "by hand":
        return shopper, shopper.save

    def save() -> None:
        customer = shopper.customer
        if field in FIELDS:
            setattr(customer, field, getattr(shopper, field))
            save_both(shopper, customer)
        else:
            shopper.save()

    return shopper, save


def save_both(shopper: Unmirrored, customer: Customer) -> None:
    with transaction.atomic():
        customer.save()
        shopper.customer = customer
        shopper.save()


def rounds(count: int) -> dict[str, dict[str, dict[str, list[float]]]]:
    """Seconds and statements of *count* saves of each sort, by sort and kind, in turns that shift."""
    sorts = {"create": "", "update": "phone", "other field": "note"}
    found: dict[str, dict[str, dict[str, list[float]]]] = {
        sort: {kind: {"seconds": [], "statements": []} for kind in KINDS} for sort in sorts
    }
    for number in range(count):
        shift = number % len(KINDS)
        for kind in KINDS[shift:] + KINDS[:shift]:
            shopper, save = create(kind, number)
            note(found["create"][kind], save)
            for sort in ("update", "other field"):
                note(found[sort][kind], update(kind, shopper.pk, sorts[sort])[1])
    expected = 2 * count  # by the mirror, and by hand
    assert Customer.objects.count() == expected, f"{Customer.objects.count()} customers instead of {expected}"
    return found


def note(found: dict[str, list[float]], save: Callable[[], None]) -> None:
    with counted() as statements:
        begun = time.perf_counter()
        save()
        found["seconds"].append(time.perf_counter() - begun)
    found["statements"].append(len(statements))


@contextmanager
def counted() -> Iterator[list[str]]:
    """The SQL that is executed meanwhile, without BEGIN and COMMIT, which the driver sends."""
    seen: list[str] = []

    def see(execute: Any, sql: str, *arguments: Any) -> Any:
        seen.append(sql)
        return execute(sql, *arguments)

    with connection.execute_wrapper(see):
        yield seen


# Many at once.


def fill(count: int) -> None:
    """Begin anew with *count* objects of each model, none of which has a customer."""
    for model in (MirrorMark, Mirrored, Unmirrored, Plain, Customer):
        QuerySet(model).delete()
    for model in (Mirrored, Unmirrored):
        shown = {name: value.replace("#", "{n}") for name, value in values("#").items()}
        table, columns = connection.ops.quote_name(model._meta.db_table), ", ".join([*shown, "note"])
        selected = ", ".join(["replace(%s, '{n}', n::text)"] * len(shown) + ["''"])
        sql = f"INSERT INTO {table} ({columns}) SELECT {selected} FROM generate_series(1, {count}) n"
        with connection.cursor() as cursor:
            cursor.execute(sql, list(shown.values()))
    tidy()


def made() -> dict[str, float]:
    """The customers of all objects made by the mirror, as ``twocheckout_push --mirrors`` does; beside bare rows."""
    found = timed(lambda: portions.apply_all("default"))
    count = Mirrored.objects.count()
    assert Mirrored.objects.filter(customer__isnull=False).count() == Customer.objects.count() == count
    rows = list(Customer.objects.order_by("pk").values(*FIELDS, "external_customer_reference"))
    bare = timed(lambda: [Plain.objects.bulk_create(Plain(**row) for row in some) for some in parts(rows)])
    QuerySet(Customer).update(sync_state="synced")
    tidy()
    return {"seconds": found["seconds"], "memory": found["memory"], "bare": bare["seconds"]}


def marked(how: str) -> dict[str, float]:
    """All objects marked for the sweep: by ``refresh``, or by an ``update`` that changes them. Beside a bare update."""
    phone = f"+44 {time.time_ns()}"
    if how == "refresh":
        found = timed(lambda: mirrors.refresh(Mirrored.objects.all()))
    else:
        found = timed(lambda: Mirrored.objects.update(phone=phone))
    count = Mirrored.objects.count()
    assert MirrorMark.objects.count() == count, f"{MirrorMark.objects.count()} of {count} objects are marked"
    bare = timed(lambda: Unmirrored.objects.update(phone=phone))
    tidy()
    return {"seconds": found["seconds"], "memory": found["memory"], "bare": bare["seconds"]}


def applied(changed: bool) -> dict[str, float]:
    """What is marked, mirrored by the sweep. Beside as many customers' bare rows written by ``bulk_update``."""
    found = timed(lambda: portions.apply_due("default"))
    count = Customer.objects.filter(sync_state="pending").count()
    assert count == (Mirrored.objects.count() if changed else 0), f"{count} customers were changed"
    assert not MirrorMark.objects.exists()
    bare = timed(write_plain_rows)
    QuerySet(Customer).update(sync_state="synced")
    tidy()
    return {"seconds": found["seconds"], "memory": found["memory"], "bare": bare["seconds"]}


def write_plain_rows() -> None:
    keys = list(Plain.objects.order_by("pk").values_list("pk", flat=True))
    for some in parts(keys):
        rows = list(Plain.objects.filter(pk__in=some))
        for row in rows:
            row.phone = f"+44 {time.perf_counter_ns()}"
        Plain.objects.bulk_update(rows, ["phone"])


def parts(rows: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(rows), PORTION):
        yield rows[start : start + PORTION]


def timed(act: Callable[[], object]) -> dict[str, float]:
    before, begun = memory_from_now_on(), time.perf_counter()
    act()
    return {"seconds": time.perf_counter() - begun, "memory": peak_memory_of_this() - before}
