from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from django_twocheckout.admin.display import chart
from django_twocheckout.admin.display.settings import HIDDEN
from django_twocheckout.engine import circuit_breaker
from django_twocheckout.exceptions import AuthenticationFailed, RateLimited
from django_twocheckout.flows import account as account_flow
from django_twocheckout.flows import status as status_flow
from django_twocheckout.flows.status import Slot, throughput
from django_twocheckout.models import Account, Attempt, Customer

from ..accounts import pause_ends
from ..customers import ADA, claim_of
from .pages import STATUS, read, said

RESUME = f"{STATUS}resume/"


PUSH_DUE = f"{STATUS}push-due/"


NOON = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)


@pytest.fixture
def swept(db):
    Account.objects.note_sweep("default", "default")


@pytest.fixture
def paused(swept):
    circuit_breaker.trip("default", "default", RateLimited("GET customers/…/: 429", status=429, retry_after=200))


def text(response):
    """What a person reads, with the markup gone and each run of blanks as one."""
    assert response.status_code == 200
    body = response.content.decode().partition("<h1>")[2].partition("</main>")[0]
    return read(body)


def headline(client):
    return text(client.get(STATUS)).partition("As it was on")[0].removeprefix("Sync status").strip()


def customers(count, **columns):
    """So many customers, settled like this; their primary keys."""
    before = set(Customer.objects.values_list("pk", flat=True))
    Customer.objects.bulk_create(Customer(**ADA) for _ in range(count))
    fresh = Customer.objects.exclude(pk__in=before)
    pks = sorted(fresh.values_list("pk", flat=True))
    fresh.update_unmarked(**columns)
    return pks


# The answer in one sentence.


@pytest.mark.usefixtures("swept")
def test_headline__follows_the_customers(admin_client):
    assert headline(admin_client) == "✓ There are no customers yet."
    customers(3, sync_state="synced")
    assert headline(admin_client) == "✓ All customers are in step."
    customers(1, sync_state="failed", error_code="NotSent")
    assert headline(admin_client) == "✗ 1 customer failed. All others are in step."
    customers(1, pending_since=timezone.now() - timedelta(minutes=3, seconds=5))
    assert headline(admin_client) == "◷ 1 customer waits, for 3 minutes. 1 customer failed."
    customers(1001, pending_since=timezone.now())
    assert headline(admin_client) == "◷ 1,002 customers wait; the oldest for 3 minutes. 1 customer failed."
    Customer.objects.update_unmarked(pending_since=timezone.now())
    assert "the oldest for less than a minute." in headline(admin_client)


def test_headline__no_sweep(admin_client, db):
    assert headline(admin_client) == "⚠ No sweep has ever run: is Celery beat running?"
    Account.objects.note_sweep("default", "default")
    Account.objects.update(swept_at=timezone.now() - timedelta(hours=2, seconds=5))
    page = text(admin_client.get(STATUS))
    assert "⚠ No sweep has run for 2 hours: is Celery beat running?" in page
    assert "The last sweep was 2 hours ago. A worker was last seen less than a minute ago. ⚠ The sweep should" in page
    Account.objects.note_sweep("default", "default")
    page = text(admin_client.get(STATUS))
    assert "The last sweep was less than a minute ago." in page
    assert "Celery beat" not in page


@pytest.mark.usefixtures("paused")
def test_headline__a_pause_goes_before_all_others(admin_client):
    customers(2)
    page = text(admin_client.get(STATUS))
    assert "✗ Nothing flows: the account is paused, and goes on in 3 minutes." in page
    assert "Why 2Checkout asks us to slow down. (HTTP 429) Since" in page
    assert "Push what is due now" not in page

    pause_ends()
    assert headline(admin_client).startswith("✗ Nothing flows yet: the account was paused, and the next worker tries")


# The numbers.


@pytest.mark.usefixtures("swept")
def test_counts__each_with_the_way_to_its_customers(admin_client, twocheckout):
    customers(4, sync_state="synced")
    customers(2, sync_state="failed")
    customers(5, next_attempt_at=timezone.now() + timedelta(hours=1))
    oldest, held = customers(2)
    Customer.objects.filter(pk=oldest).update_unmarked(pending_since=timezone.now() - timedelta(minutes=7, seconds=5))
    claim_of(Customer.objects.get(pk=held))

    response = admin_client.get(STATUS)

    for state, count in (("pending", 7), ("synced", 4), ("failed", 2)):
        address = f"/admin/twocheckout/customer/?sync_state__exact={state}"
        assert f'<a href="{address}">{count}</a>' in response.content.decode()
        assert f"{count} customer" in admin_client.get(address).content.decode()
    assert "Due now 1 In a worker's hands 1" in text(response)
    way = reverse("admin:twocheckout_customer_change", args=[oldest])
    assert f'<a href="{way}">The customer that waits longest</a> has been waiting for 7' in response.content.decode()


@pytest.mark.usefixtures("swept")
def test_failures__by_code(admin_client):
    customers(3, sync_state="failed", error_code="SIM_A&B", sync_error="No <such> thing (SIM_A&B)")
    customers(2, sync_state="failed", error_code="NotFound")
    customers(1, sync_state="failed", error_code="CardRefusal")
    customers(1, sync_state="failed")
    response = admin_client.get(STATUS)
    page = text(response).partition("Reason Customers What to do ")[2]
    known = "2Checkout knows no customer under this reference. 2 Try all 2 again"
    assert page.startswith(f"No <such> thing SIM_A&B 3 Try all 3 again {known} ")
    assert "No reason was given 1 Try it again CardRefusal CardRefusal 1 Try it again " in page
    addresses = re.findall(r'<th scope="row"[^>]*><a href="([^"]+)">', response.content.decode())
    assert list(map(unescape, addresses)) == [
        "/admin/twocheckout/customer/?sync_state__exact=failed&error_code=SIM_A%26B",
        "/admin/twocheckout/customer/?sync_state__exact=failed&error_code=NotFound",
        "/admin/twocheckout/customer/?sync_state__exact=failed",
        "/admin/twocheckout/customer/?sync_state__exact=failed&error_code=CardRefusal",
    ]
    assert "2 customers" in admin_client.get(unescape(addresses[1])).content.decode()


def test_as_few_queries_for_many_as_for_none(admin_client, django_assert_num_queries):
    Account.objects.note_sweep("default", "default")
    admin_client.get(STATUS)
    # The session and the user, six for the status, one for the last hour, four for notifications.
    with django_assert_num_queries(14):
        admin_client.get(STATUS)
    pks = customers(30, sync_state="failed", error_code="NotSent")
    for number, pk in enumerate(pks):
        Customer.objects.filter(pk=pk).update_unmarked(error_code=f"CODE_{number}")
    Attempt.objects.bulk_create(attempts(pks[0], *[(minute, "done") for minute in range(60)]))
    with django_assert_num_queries(15):  # and one for an example of each reason
        admin_client.get(STATUS)


# The last hour.


def attempts(pk, *ended):
    """Attempts, each so many minutes ago with this end."""
    now = timezone.now()
    return [
        Attempt(customer_id=pk, at=now - timedelta(minutes=minutes), verb="push", outcome=outcome, source="save")
        for minutes, outcome in ended
    ]


def test_throughput__to_the_attempt(admin_client, ada, monkeypatch):
    for module in (status_flow, account_flow):
        monkeypatch.setattr(module, "read_clock", lambda database: NOON)  # the database's clock stands still too
    with time_machine.travel(NOON, tick=False):
        Attempt.objects.bulk_create(
            attempts(
                ada.pk,
                *[(60, "done"), (59, "agreed"), (55.01, "failed"), (55, "retry"), (5.01, "done"), (5, "failed")],
                *[(0, "done"), (0, "done"), (0, "retry"), (60.001, "done"), (-1, "failed")],
            )
        )
        slots = throughput()
        page = admin_client.get(STATUS, headers={"accept-language": "en"})

    assert (slots[0].start, slots[0].end) == (NOON - timedelta(hours=1), NOON - timedelta(minutes=55))
    assert (slots[-1].end, len(slots)) == (NOON, 12)
    counts = [(slot.done, slot.retry, slot.failed) for slot in slots]
    assert counts == [(2, 0, 1), (0, 1, 0), *[(0, 0, 0)] * 8, (1, 0, 0), (2, 1, 2)]

    html = page.content.decode()
    rows = re.findall(r'<td class="tco-number">([\d,]+)</td>', html.partition("<details")[2].partition("</details")[0])
    assert [tuple(map(int, rows[at : at + 3])) for at in range(0, 36, 3)] == counts
    assert "Done: 5. To be tried again: 2. Failed: 3. The most within five minutes: 5." in html
    svg = html.partition('<svg class="tco-chart"')[2].partition("</svg>")[0]
    assert re.search(r'role="img" aria-labelledby="tco-chart-title tco-chart-desc"', svg)
    # Of the highest bar, in units of a drawing 200 high: 2 of 5 done, 1 to be tried again, 2 failed.
    assert re.findall(r'class="tco-bar-(\w+)" x="553" y="(\d+)" width="44" height="(\d+)"', svg) == [
        ("done", "120", "80"),
        ("retry", "80", "40"),
        ("failed", "0", "80"),
    ]
    assert svg.count("<rect") == 7


def test_throughput__none(admin_client, ada, configure):
    assert "2Checkout was not talked to in the last hour." in text(admin_client.get(STATUS))
    configure(HISTORY_DAYS=0)
    assert "No history is kept, because HISTORY_DAYS is 0." in text(admin_client.get(STATUS))


@pytest.mark.parametrize(("most", "top"), [(0, 1), (1, 1), (2, 2), (3, 5), (6, 10), (11, 20), (999_999, 1_000_000)])
def test_chart__has_a_round_top(most, top):
    assert chart.round_up(most) == top


def test_chart__shows_one_failure_among_thousands_and_stays_in_its_frame():
    drawn = chart.draw([Slot(NOON, NOON, done=10_000, retry=1, failed=1)])
    assert [part.height for part in drawn.bars[0].parts] == [100, 3, 3]
    assert drawn.top == 20_000


def test_numbers__are_units_in_every_language(admin_client, ada, settings):
    settings.LANGUAGE_CODE = "de"
    settings.USE_THOUSAND_SEPARATOR = True
    Attempt.objects.bulk_create(attempts(ada.pk, *[(1, "done")] * 3, (1, "failed")))
    svg = admin_client.get(STATUS).content.decode().partition('<svg class="tco-chart"')[2].partition("</svg>")[0]
    assert all(re.fullmatch(r"-?\d+", number) for number in re.findall(r' (?:x|y|width|height|x1|y1)="([^"]*)"', svg))
    assert 'viewBox="0 -6 600 206"' in svg


# The settings.


def test_settings__each_with_its_meaning(admin_client, db, configure):
    configure(RATE_LIMIT="300/m", CONFLICT="local")
    page = text(admin_client.get(STATUS)).partition("Settings in force")[2]
    assert "RATE_LIMIT '300/m' The most requests" in page
    assert "CONFLICT 'local' (default) Who wins" in page
    assert "BATCH_SIZE 100 (default)" in page
    assert "MERCHANT_CODE 'YOURCODE123' Who we are" in page


SECRET = "Zx9-most-secret-Qy7"


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"MERCHANT_CODE": SECRET},
        {"QUEUE": f"x{SECRET}x"},
        {"BASE_URL": f"https://user:{SECRET}@api.2checkout.com/rest/6.0/"},
        {"SECRET_KEY": f" {SECRET}"},
        {"SECRET_KEY": [SECRET]},
        {"BASE_URL": f"https://api.2checkout.com/rest/6.0/{SECRET}/?key={SECRET}"},
        {"TIMEOUT": SECRET, "CONFLICT": SECRET},
    ],
)
def test_settings__no_secret_anywhere(admin_client, db, configure, wrong):
    configure(**{"SECRET_KEY": SECRET, **wrong})
    page = admin_client.get(STATUS).content.decode()
    assert f"<code>{HIDDEN}</code>" in page
    for length in range(4, len(SECRET)):
        assert SECRET[:length] not in page
        assert SECRET[-length:] not in page


def test_settings__no_secret_under_a_second_name_however_it_is_quoted(admin_client, db, configure):
    configure(SECRET_KEY="back\\slash", MERCHANT_CODE="back\\slash")
    assert "slash" not in text(admin_client.get(STATUS))


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://user:hunter2@api.example.org:8443/rest/", f"'https://{HIDDEN}@api.example.org:8443/rest/'"),
        ("https://hunter2@api.example.org/", f"'https://{HIDDEN}@api.example.org/'"),
        ("https://api.example.org/?token=hunter2", f"'https://api.example.org/?{HIDDEN}'"),
        ("https://api.example.org/#hunter2", f"'https://api.example.org/?{HIDDEN}'"),
        ("https://[hunter2", HIDDEN),
        ("hunter2", HIDDEN),
        (b"https://hunter2@api.example.org/", HIDDEN),
        (42, HIDDEN),
    ],
)
def test_settings__an_address_without_its_credentials(admin_client, db, configure, address, shown):
    configure(BASE_URL=address)
    page = text(admin_client.get(STATUS))
    assert f"BASE_URL {shown} Where" in page
    assert "hunter2" not in page


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (None, "TWOCHECKOUT is not set."),
        ("text", "TWOCHECKOUT must be a dictionary."),
        ({}, "TWOCHECKOUT['MERCHANT_CODE'] is missing or blank."),
        ({"MERCHANT_CODE": ["a"], "SECRET_KEY": 7}, "TWOCHECKOUT['MERCHANT_CODE'] is wrong"),
        ({"MERCHANT_CODE": "A", "SECRET_KEY": "B", "RATE_LIMT": "1/s"}, "Did you mean 'RATE_LIMIT'?"),
        ({"MERCHANT_CODE": "A", "SECRET_KEY": "B", "TIMEOUT": object()}, "TWOCHECKOUT['TIMEOUT'] is wrong"),
        ({"MERCHANT_CODE": "A", "SECRET_KEY": "B", "HISTORY_DAYS": None}, "TWOCHECKOUT['HISTORY_DAYS'] is wrong."),
    ],
)
def test_settings__that_are_wrong_do_not_break_the_page(admin_client, db, settings, wrong, words):
    settings.TWOCHECKOUT = wrong
    assert headline(admin_client) == "✗ Nothing flows: the settings are wrong."
    assert words in text(admin_client.get(STATUS))
    assert admin_client.post(RESUME, follow=True).status_code == 200
    assert admin_client.post(PUSH_DUE, follow=True).status_code == 200


def test_settings__what_only_production_minds(admin_client, other_broker, settings):
    other_broker("memory://")
    assert "(twocheckout.W001)" in text(admin_client.get(STATUS))
    assert "settings are wrong" not in headline(admin_client)
    settings.SILENCED_SYSTEM_CHECKS = ["twocheckout.W001"]
    assert "W001" not in text(admin_client.get(STATUS))


# Who may.


@pytest.mark.usefixtures("paused")
def test_permissions(client, support):
    assert client.get(STATUS).status_code == 302  # to the login
    stranger = User.objects.create_user("nobody", is_staff=True)
    client.force_login(stranger)
    assert client.get(STATUS).status_code == 403

    viewer = support()
    page = text(viewer.get(STATUS))
    assert "Nothing flows" in page
    for kept in ("Resume", "Settings in force", "Push what is due now", "SECRET_KEY"):
        assert kept not in page
    assert viewer.post(RESUME).status_code == viewer.post(PUSH_DUE).status_code == 403
    assert circuit_breaker.is_open("default", "default")

    pusher = support("push_customer")
    page = text(pusher.get(STATUS))
    assert "Resume" in page
    assert "Settings in force" in page


@pytest.mark.usefixtures("swept")
def test_permissions__a_person_who_may_push_and_not_see(client):
    user = User.objects.create_user("blind", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="push_customer"))
    client.force_login(user)
    assert client.get(STATUS).status_code == client.post(PUSH_DUE).status_code == 403


# Its buttons.


@pytest.mark.usefixtures("paused")
def test_resume(support, sent):
    client = support("push_customer")
    assert f'action="{RESUME}"' in client.get(STATUS).content.decode()
    assert client.get(RESUME)["Location"] == client.get(PUSH_DUE)["Location"] == STATUS
    assert (circuit_breaker.is_open("default", "default"), sent) == (True, [])

    response = client.post(RESUME, follow=True)
    assert response.redirect_chain == [(STATUS, 302)]
    assert said(response) == ("success", "The account is resumed. A worker was told to push what is due.")
    assert not circuit_breaker.is_open("default", "default")
    assert [message.task for message in sent] == ["twocheckout.push_pending"]
    entry = LogEntry.objects.get()
    assert (entry.user.username, entry.get_change_message()) == ("support", "Resumed.")
    assert entry.get_edited_object() == Account.objects.get()

    assert said(client.post(RESUME, follow=True)) == ("info", "The account was not paused.")
    assert (len(sent), LogEntry.objects.count()) == (1, 1)


def test_resume__where_nothing_is_known_of_the_account(admin_client, sent):
    assert said(admin_client.post(RESUME, follow=True)) == ("info", "The account was not paused.")
    assert sent == []


@pytest.mark.usefixtures("swept")
def test_push_what_is_due(support, sent):
    client = support("push_customer")
    assert f'action="{PUSH_DUE}"' in client.get(STATUS).content.decode()
    response = client.post(PUSH_DUE, follow=True)
    assert response.redirect_chain == [(STATUS, 302)]
    assert said(response) == ("success", "A worker was told to push what is due.")
    assert [(message.task, message.kwargs) for message in sent] == [("twocheckout.push_pending", {})]


@pytest.mark.usefixtures("paused")
def test_buttons__and_a_dead_broker(admin_client, other_broker):
    options = {"max_retries": 0, "socket_connect_timeout": 0.2}
    other_broker("redis://127.0.0.1:1/0", broker_transport_options=options, task_publish_retry=False)
    words = "The broker does not answer, so it may take until the next sweep."
    assert said(admin_client.post(RESUME, follow=True)) == ("warning", f"The account is resumed. {words}")
    assert not circuit_breaker.is_open("default", "default")
    assert said(admin_client.post(PUSH_DUE, follow=True)) == ("warning", words)


def test_buttons__ask_for_the_token(admin_user):
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    assert client.post(RESUME).status_code == client.post(PUSH_DUE).status_code == 403


# The frame.


def test_page__says_where_it_is_and_loads_only_files(admin_client, db):
    html = admin_client.get(STATUS).content.decode()
    assert '<li><a href="/admin/twocheckout/customer/">Customers</a></li>' in html
    assert '<li aria-current="page">Sync status</li>' in html
    assert 'href="/static/twocheckout/status.css"' in html
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", html)


@pytest.mark.usefixtures("swept")
def test_page__of_an_account_that_was_refused(admin_client):
    circuit_breaker.trip("default", "default", AuthenticationFailed("GET customers/…/: 401", status=401))
    assert "2Checkout refused our credentials, or they lack the right for this. (HTTP 401)" in text(
        admin_client.get(STATUS)
    )
