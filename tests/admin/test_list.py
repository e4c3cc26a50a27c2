from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.utils import timezone
from django.utils.html import strip_tags

from django_twocheckout.admin import paging
from django_twocheckout.admin.display import state_summary
from django_twocheckout.models import Account, Customer

from ..customers import ADA
from .pages import LIST


def test_list(admin_client, pushed, django_assert_max_num_queries):
    Account.objects.note_sweep("default", "default")
    Customer.objects.create(**{**ADA, "first_name": "Charles"})
    failed = Customer.objects.create(**ADA)
    Customer.objects.filter(pk=failed.pk).update_unmarked(sync_state="failed", sync_error='The "VAT" <ID>')

    with django_assert_max_num_queries(11):
        page = admin_client.get(LIST).content.decode()

    for state, word in (("pending", "Pending"), ("synced", "Synced"), ("failed", "Failed")):
        assert re.search(rf'class="tco-state tco-state-{state}"[^>]*><span aria-hidden="true">.</span> {word}', page)
    assert 'title="The &quot;VAT&quot; &lt;ID&gt;"' in page
    assert 'href="/static/twocheckout/admin.css"' in page
    assert "601952421" in page
    assert "style=" not in "".join(re.findall(r"<td.*?</td>", page))


@pytest.mark.parametrize("term", ["Ada", "lovelace", "ada@example", "601952421", "dj-"])
def test_list__search(admin_client, pushed, term):
    assert "1 customer" in admin_client.get(LIST, {"q": term}).content.decode()


def test_list__filter(admin_client, pushed):
    assert "1 customer" in admin_client.get(LIST, {"sync_state__exact": "synced"}).content.decode()
    assert "0 customers" in admin_client.get(LIST, {"sync_state__exact": "failed"}).content.decode()


@pytest.fixture
def several(db):
    now = timezone.now()

    def make(name, **engine):
        customer = Customer.objects.create(**{**ADA, "first_name": name})
        Customer.objects.filter(pk=customer.pk).update_unmarked(**engine)

    make("Fresh", sync_state="synced", customer_reference="600000001", pulled_at=now, country_code="FR")
    make("Old", sync_state="synced", customer_reference="600000002", pulled_at=now - timedelta(days=8))
    make("Never", sync_state="synced", customer_reference="600000003", existing_cards=[{"type": "Visa"}])
    make("Vat", sync_state="failed", error_code="SIM_INVALID_FISCAL_CODE", trial=True)
    make("Zip", sync_state="failed", error_code="NotSent", enabled=True)
    make(
        "Waiting",
        sync_state="pending",
        error_code="ServerFailed",
        failed_attempts=2,
        next_attempt_at=now + timedelta(minutes=9),
    )


def names(page):
    return re.findall(r'class="field-name"><a [^>]+>(\w+) Lovelace', page.content.decode())


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["Waiting", "Zip", "Vat", "Never", "Old", "Fresh"]),
        ({"sync_state__exact": "failed"}, ["Zip", "Vat"]),
        ({"error_code": "NotSent"}, ["Zip"]),
        ({"error_code": "ServerFailed"}, ["Waiting"]),
        ({"stale": "7"}, ["Never", "Old"]),
        ({"stale": "30"}, ["Never"]),
        ({"stale": "never"}, ["Waiting", "Zip", "Vat", "Never"]),
        ({"stale": "nonsense"}, ["Waiting", "Zip", "Vat", "Never", "Old", "Fresh"]),
        ({"cards": "yes"}, ["Never"]),
        ({"cards": "no"}, ["Waiting", "Zip", "Vat", "Old", "Fresh"]),
        ({"enabled__exact": "1"}, ["Zip"]),
        ({"trial__exact": "1"}, ["Vat"]),
        ({"country": "FR"}, ["Fresh"]),
        ({"country": "nonsense"}, ["Waiting", "Zip", "Vat", "Never", "Old", "Fresh"]),
        ({"country": "FR", "sync_state__exact": "failed"}, []),
        ({"q": "600000002"}, ["Old"]),
        ({"q": "zip"}, ["Zip"]),
        ({"q": ADA["email"]}, ["Waiting", "Zip", "Vat", "Never", "Old", "Fresh"]),
    ],
)
@pytest.mark.usefixtures("several")
def test_filters_and_search(admin_client, query, found):
    assert names(admin_client.get(LIST, query)) == found


@pytest.mark.usefixtures("several")
def test_reasons_are_those_that_there_are(admin_client):
    page = admin_client.get(LIST).content.decode()
    assert set(re.findall(r'\?error_code=(\w+)"', page)) == {"SIM_INVALID_FISCAL_CODE", "NotSent"}


@pytest.mark.usefixtures("several")
def test_counts_on_demand(admin_client, django_assert_max_num_queries):
    page = admin_client.get(LIST).content.decode()
    assert "Failed (2)" not in page
    assert "Show counts" in page
    page = admin_client.get(LIST, {"_facets": "True"}).content.decode()
    for words in (
        "Failed (2)",
        "Refused on our side before anything was sent. (1)",
        "More than 7 days ago (2)",
        "Has cards (1)",
    ):
        assert words in page


@pytest.mark.usefixtures("several")
def test_a_country_is_chosen_among_what_is_filtered_already(admin_client):
    page = admin_client.get(LIST, {"sync_state__exact": "synced", "q": "lovelace", "country": "FR"}).content.decode()
    assert page.count('<form id="tco-country-form" method="get"></form>') == 1
    [fields] = re.findall(r'<div class="tco-filter">.*?</div>', page, re.DOTALL)
    assert '<input type="hidden" form="tco-country-form" name="sync_state__exact" value="synced">' in fields
    assert '<input type="hidden" form="tco-country-form" name="q" value="lovelace">' in fields
    assert 'name="country" value' not in fields
    assert '<option value="FR" selected>France</option>' in fields
    assert re.findall(r"<option[^>]*>([^<]+)", fields) == ["All", "France", "United Kingdom"]  # those in use
    assert fields.count('form="tco-country-form"') == 4  # the two above, the choice and the button


@pytest.mark.usefixtures("several")
def test_what_a_line_shows(admin_client):
    page = admin_client.get(LIST).content.decode()
    assert re.search(r"Pending</span>.*next try in (8|9)\xa0minutes", page)
    assert 'title="As soon as a worker is free."' not in page  # the only pending one is being retried
    assert "not at 2Checkout yet" in page
    assert re.search(r'class="field-pushed[^>]*>never', page)


@pytest.mark.usefixtures("several")
def test_how_many_are_not_in_step_is_said_above_the_list(admin_client):
    shown = above_the_list(admin_client.get(LIST, {"sync_state__exact": "synced"}))
    assert shown == {"failed": "✗ 2 failed", "pending": "◷ 1 pending"}
    Customer.objects.filter(sync_state="failed").update_unmarked(sync_state="synced")
    assert above_the_list(admin_client.get(LIST)) == {"pending": "◷ 1 pending"}


@pytest.mark.usefixtures("several")
def test_that_count_stops_somewhere_too(admin_client, monkeypatch):
    monkeypatch.setattr(state_summary, "MANY", 1)
    assert above_the_list(admin_client.get(LIST)) == {"failed": "✗ > 1 failed", "pending": "◷ 1 pending"}


def above_the_list(page):
    found = re.findall(r'class="tco-count" href="\?sync_state__exact=(\w+)">(.*?)</a>', page.content.decode())
    return {state: unescape(strip_tags(words)) for state, words in found}


def test_the_queries_do_not_grow_with_the_list(admin_client, db, django_assert_num_queries):
    Account.objects.note_sweep("default", "default")
    Customer.objects.bulk_create([Customer(**ADA) for _ in range(3)])
    admin_client.get(LIST)
    with django_assert_num_queries(11) as few:
        admin_client.get(LIST)
    Customer.objects.bulk_create([Customer(**ADA) for _ in range(90)])
    with django_assert_num_queries(len(few)):
        admin_client.get(LIST)


def test_counting_stops_somewhere(admin_client, db, monkeypatch):
    monkeypatch.setattr(paging, "MOST", 5)
    Customer.objects.bulk_create([Customer(**ADA) for _ in range(5)])
    page = admin_client.get(LIST).content.decode()
    assert "5 customers" in page
    assert "There are more than" not in page
    Customer.objects.bulk_create([Customer(**ADA)])
    page = admin_client.get(LIST).content.decode()
    assert "5 customers" in page
    assert "There are more than 5. Search or filter to reach the others." in page


def test_all_is_not_offered_where_all_are_more_than_it_says(admin_client, db, monkeypatch):
    monkeypatch.setattr(paging, "MOST", 120)
    Customer.objects.bulk_create([Customer(**ADA) for _ in range(120)])
    assert "Select all 120 customers" in admin_client.get(LIST).content.decode()
    Customer.objects.create(**ADA)
    page = admin_client.get(LIST).content.decode()
    assert "Select all 120" not in page
    assert "0 of 100 selected" in page


def test_an_empty_list_says_what_to_do_first(admin_client, db):
    page = admin_client.get(LIST).content.decode()
    assert "There are no customers yet." in page
    assert "Add the first one" in page
    assert "bring in one that 2Checkout has already" in page
    Customer.objects.create(**ADA)
    assert "There are no customers yet." not in admin_client.get(LIST, {"q": "nobody"}).content.decode()
