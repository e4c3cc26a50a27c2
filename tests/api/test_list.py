"""The list: filters, a search and orders on indexes, pages by a cursor, and nothing that is silently ignored."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_twocheckout import sync
from django_twocheckout.api.filters import EXACT, SEARCHED
from django_twocheckout.models import Customer

from ..customers import ADA
from .addresses import LIST


def listed(api, **query):
    answer = api.get(LIST, query)
    assert answer.status_code == 200, answer.content
    return [customer["id"] for customer in answer.json()["results"]]


@pytest.fixture
def seven(db):
    """Customers with names of which some are equal, after all others."""
    names = ["Adams", "Baker", "", "Baker", "Baker", "Clark", ""]
    rows = [Customer(**{**ADA, "last_name": name, "email": f"{name}@example.org"}) for name in names]
    Customer.objects.bulk_create(rows)
    return list(Customer.objects.order_by("pk"))[-len(names) :]


def test_the_newest_first(seven, api):
    assert listed(api) == [row.pk for row in reversed(seven)]


@pytest.mark.parametrize("name", EXACT)
def test_filters(pushed, seven, api, name):
    value = getattr(pushed, name)
    same = [row.pk for row in Customer.objects.order_by("-pk") if getattr(row, name) == value]
    assert listed(api, **{name: value}) == same
    assert pushed.pk in same


def test_filters__several(pushed, seven, api):
    assert listed(api, sync_state="pending", last_name="Baker") == [
        row.pk for row in reversed(seven) if row.last_name == "Baker" and row.pk != pushed.pk
    ]
    assert listed(api, sync_state="synced", last_name="Baker") == []


def test_filters__in_the_column_s_spelling(seven, api):
    assert len(listed(api, country_code="gb")) == 7


@pytest.mark.parametrize("name", SEARCHED)
def test_search(pushed, seven, api, name):
    assert listed(api, search=getattr(pushed, name)) == [pushed.pk]


def test_search__for_whole_values(pushed, api):
    assert listed(api, search="Lovel") == []


@pytest.mark.parametrize("ordering", ["id", "-id", "last_name", "-last_name", "email", "-email"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 200])
def test_pages(seven, api, ordering, size):
    """Forward to the end and back to the start: each customer once on each way, equal names or not."""
    column, sign = ordering.removeprefix("-").replace("id", "pk"), "-" if ordering.startswith("-") else ""
    right = list(Customer.objects.order_by(f"{sign}{column}", f"{sign}pk").values_list("pk", flat=True))
    address, pages = f"{LIST}?ordering={ordering}&page_size={size}", []
    while address:
        page = api.get(address).json()
        pages.append([row["id"] for row in page["results"]])
        address = page["next"]
        assert len(pages) < 10
    assert [key for keys in pages for key in keys] == right
    back = [pages[-1]]
    while page["previous"]:
        page = api.get(page["previous"]).json()
        back.insert(0, [row["id"] for row in page["results"]])
        assert page["next"]
        assert len(back) < 10
    assert back == pages


def test_pages__keep_the_filters(seven, api):
    page = api.get(LIST, {"last_name": "Baker", "page_size": 2}).json()
    assert [row["last_name"] for row in api.get(page["next"]).json()["results"]] == ["Baker"]


def test_pages__no_value_in_the_address(seven, api):
    page = api.get(LIST, {"ordering": "email", "page_size": 4}).json()
    assert (
        page["next"] == f"http://testserver{LIST}?cursor=after-{page['results'][-1]['id']}&ordering=email&page_size=4"
    )


def test_pages__a_row_that_left_the_filter_keeps_its_place(pushed, seven, api):
    page = api.get(LIST, {"ordering": "email", "sync_state": "pending", "page_size": 3}).json()
    Customer.objects.filter(pk=page["results"][-1]["id"]).update_unmarked(sync_state="synced")
    rest = api.get(page["next"]).json()["results"]
    assert len({row["id"] for row in page["results"] + rest}) == 6


def test_pages__a_row_that_is_gone(seven, api):
    by_key = api.get(LIST, {"page_size": 3}).json()
    by_name = api.get(LIST, {"page_size": 3, "ordering": "last_name"}).json()
    Customer.objects.filter(pk__in=[by_key["results"][-1]["id"], by_name["results"][-1]["id"]]).delete()
    assert api.get(by_key["next"]).status_code == 200
    answer = api.get(by_name["next"])
    assert (answer.status_code, "Start again" in answer.json()["detail"]) == (404, True)


@pytest.mark.parametrize(
    "cursor", ["x", "after-", "after-x", "before", "after-%00", "sideways-1", f"after-{'9' * 70}", "cD0x", "after-1.5"]
)
def test_pages__no_such_place(seven, api, cursor):
    assert api.get(f"{LIST}?cursor={cursor}").status_code in (400, 404)


@pytest.mark.parametrize("ordering", ["id", "email"])
def test_pages__a_key_that_no_database_has(seven, api, ordering):
    answer = api.get(LIST, {"cursor": f"after-{'9' * 60}", "ordering": ordering})
    assert answer.status_code == (200 if ordering == "id" else 404)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("sync_state=gone", "sync_state"),
        ("sycn_state=failed", "sycn_state"),
        ("ordering=city", "ordering"),
        ("ordering=last_name,email", "ordering"),
        ("page_size=0", "page_size"),
        ("page_size=201", "page_size"),
        ("page_size=many", "page_size"),
        ("email=", "email"),
        ("email=%00", "email"),
        ("search=%00", "search"),
        ("search=", "search"),
        ("search=" + "x" * 256, "search"),
        ("first_name=Ada", "first_name"),
        ("city=London", "city"),
        ("sync_state__ne=synced", "sync_state__ne"),
    ],
)
def test_refused_in_words(seven, api, query, name):
    answer = api.get(f"{LIST}?{query}")
    assert (answer.status_code, list(answer.json())) == (400, [name])


@pytest.mark.parametrize("text", ["\ud800", "💳", "' OR 1=1 --", "\u202e", "%", "_"])
def test_hostile_texts_find_nothing(seven, api, text):
    assert api.get(f"{LIST}?search={quote(text.encode('utf-8', 'surrogatepass'))}").json()["results"] == []


def test_format_is_the_frameworks(seven, api):
    assert api.get(f"{LIST}?format=json").status_code == 200


@pytest.mark.parametrize("query", [{}, {"ordering": "last_name"}, {"search": "Baker"}, {"sync_state": "pending"}])
def test_one_query_for_any_number_of_rows(api, query, db, twocheckout):
    counts = []
    for count in (1, 20):
        for _ in range(count):
            Customer.objects.create(**{**ADA, "last_name": "Baker"})
        with CaptureQueriesContext(
            connection,
        ) as queries:
            api.get(LIST, query)
        counts.append(sum("twocheckout_customer" in found["sql"] for found in queries))
    assert counts == [1, 1]


def test_two_queries_with_a_cursor(seven, api):
    address = api.get(LIST, {"ordering": "email", "page_size": 2}).json()["next"]
    with CaptureQueriesContext(connection) as queries:
        api.get(address)
    assert sum("twocheckout_customer" in found["sql"] for found in queries) == 2


def test_status(pushed, seven, api, configure):
    answer = api.get(f"{LIST}status/")
    found = answer.json()
    assert (found["counts"], found["enabled"]) == ({"pending": 7, "synced": 1, "failed": 0}, True)
    assert "no-store" in answer.headers["Cache-Control"]
    assert api.get(f"{LIST}status/?account=default").json()["counts"]["pending"] == 7
    assert api.get(f"{LIST}status/?account=us").status_code == 404
    assert api.get(f"{LIST}status/?acount=us").json() == {"acount": ["There is no such parameter."]}
    assert set(found) < {*sync.status().as_dict()}
