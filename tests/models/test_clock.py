"""One clock, the database's: whatever zone the project has, and whatever the hosts' own clocks say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core import serializers
from django.db import connection
from django.db.models.functions import Now
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from django_twocheckout import sync
from django_twocheckout.engine import admission, circuit_breaker, claims, history
from django_twocheckout.exceptions import RateLimited
from django_twocheckout.flows.status import throughput
from django_twocheckout.flows.sweep import reserve_wakeup
from django_twocheckout.models import Account, Attempt, Customer, database_now, read_clock

from ..accounts import pause_ends
from ..clock import ZONES, in_zone, leases_expire, overdue, retries_come_due
from ..customers import ADA, change, claim_of
from ..vendor_log import methods

BUCHAREST = ZoneInfo("Europe/Bucharest")
#: The moments at which the clocks of Bucharest are changed.
SPRING, AUTUMN = datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)


def now() -> datetime:
    return datetime.now(UTC)


#: What a host may take for the time, one moment and a moment later.
HOSTS = {
    "right": lambda: (now(), now()),
    "an hour ahead": lambda: (now() + timedelta(hours=1), now() + timedelta(hours=1)),
    "an hour behind": lambda: (now() - timedelta(hours=1), now() - timedelta(hours=1)),
    "ahead, then behind": lambda: (now() + timedelta(hours=1), now() - timedelta(hours=1)),
    "behind, then ahead": lambda: (now() - timedelta(hours=1), now() + timedelta(hours=1)),
    "2031": lambda: (datetime(2031, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)),
    "1999": lambda: (datetime(1999, 1, 1, tzinfo=UTC), datetime(1999, 1, 1, tzinfo=UTC)),
    "2031, then right": lambda: (datetime(2031, 1, 1, tzinfo=UTC), now()),
    "over the switch in spring": lambda: (SPRING - timedelta(seconds=5), SPRING + timedelta(seconds=5)),
    "over the switch in autumn": lambda: (AUTUMN - timedelta(minutes=5), AUTUMN + timedelta(minutes=5)),
    "in the repeated hour": lambda: (AUTUMN + timedelta(minutes=55), AUTUMN + timedelta(minutes=56)),
}


@pytest.fixture(params=ZONES)
def zone(request, db):
    with in_zone(request.param):
        yield request.param


#: Every clock without time zones, which is where most can go wrong, and some with each other setting.
TRIED = [
    *((name, "naive") for name in HOSTS),
    *((name, "aware") for name in ("ahead, then behind", "2031, then right")),
    *((name, "database-zone") for name in ("right", "2031")),
    ("right", "naive-west"),
]


@pytest.fixture(params=TRIED, ids=" in ".join)
def host(request, db):
    """Sets the clock of a host: ``host(0)`` of the first one, ``host(1)`` of another, or of the same a moment later."""
    name, zone = request.param
    moments, travelling = HOSTS[name](), []

    def travel(number):
        while travelling:
            travelling.pop().stop()
        travelling.append(time_machine.travel(moments[number], tick=False))
        travelling[-1].start()

    with in_zone(zone):
        yield travel
    while travelling:
        travelling.pop().stop()


def test_saved_is_due_at_once(host, twocheckout):
    host(0)
    Customer.objects.create(**ADA)
    host(1)
    assert Customer.objects.due().count() == 1
    assert claims.due_in(Customer.objects.all()) == 0
    assert sync.push_pending().pushed == 1
    host(0)
    change(Customer.objects.get(), city="Paris")
    host(1)
    assert sync.push_pending().pushed == 1
    assert sync.status().due == 0


def test_a_lease_holds_and_ends(host, db):
    host(0)
    ada = Customer.objects.create(**ADA)
    assert claim_of(ada)
    host(1)
    assert claim_of(ada) is None
    assert not Customer.objects.due().exists()
    assert sync.status().in_flight == 1
    leases_expire()
    assert Customer.objects.due().count() == 1
    assert sync.status().in_flight == 0
    assert claim_of(ada)


def test_a_retry_waits_and_comes(host, twocheckout):
    host(0)
    Customer.objects.create(**ADA)
    twocheckout.fail("500")
    assert sync.push_pending().waiting == 1
    host(1)
    assert not Customer.objects.due().exists()
    assert 0 < claims.due_in(Customer.objects.all()) <= 80
    assert sync.push_pending().tried == 0
    retries_come_due()
    assert sync.push_pending().pushed == 1
    assert set(methods(twocheckout)) == {"POST", "GET"}


def test_a_pause_lasts_and_ends(host, twocheckout, configure):
    configure(RATE_LIMIT="10/m")
    host(0)
    circuit_breaker.trip("default", "default", RateLimited(retry_after=600))
    host(1)
    assert 300 < admission.acquire("default", "default", 10).wait <= 600
    assert sync.status().paused_now
    assert timedelta(0) <= sync.status().now - sync.status().paused_since < timedelta(minutes=5)
    pause_ends()
    assert not sync.status().paused_now
    assert admission.acquire("default", "default", 10).trial


def test_the_rate_is_of_all_hosts(host, db, configure):
    configure(RATE_LIMIT="10/h")
    host(0)
    assert admission.acquire("default", "default", 4).rows == 4
    host(1)
    assert admission.acquire("default", "default", 4).rows == 1
    assert admission.acquire("default", "default", 4).rows == 0


def test_the_history_is_kept_and_purged(host, twocheckout, configure):
    configure(HISTORY_DAYS=30)
    host(0)
    ada = Customer.objects.create(**ADA)
    sync.push(ada)
    host(1)
    assert history.purge("default") == 0
    assert [slot.total for slot in throughput()][-1] == 1
    Attempt.objects.update(at=database_now() - timedelta(days=31))
    assert history.purge("default") == 1


def test_the_sweep_was_just_now(host, twocheckout):
    host(0)
    sync.push_pending()
    host(1)
    assert not sync.status().sweep_is_late
    Account.objects.update(swept_at=database_now() - timedelta(hours=1))
    assert sync.status().sweep_is_late


def test_a_wakeup_is_reserved_once(host, twocheckout):
    host(0)
    assert reserve_wakeup(None, "default", 60)
    host(1)
    assert not reserve_wakeup(None, "default", 120)
    Account.objects.update(wakeup_at=overdue())
    assert reserve_wakeup(None, "default", 120)


def test_the_age_of_the_oldest_is_never_negative(host, db):
    host(0)
    Customer.objects.create(**ADA)
    host(1)
    assert sync.status().oldest_pending_seconds >= 0


def test_the_pages_tell_it(host, client, admin_user, twocheckout):
    host(0)
    ada, other = Customer.objects.create(**ADA), Customer.objects.create(**ADA)
    sync.push(ada)
    twocheckout.fail("500")
    sync.push(other)
    circuit_breaker.trip("default", "default", RateLimited(retry_after=60))
    host(1)
    client.force_login(admin_user)
    for customer in (ada, other):
        for page in ("change", "history"):
            answer = client.get(reverse(f"admin:twocheckout_customer_{page}", args=[customer.pk]))
            assert answer.status_code == 200
    for page in ("changelist", "status"):
        assert client.get(reverse(f"admin:twocheckout_customer_{page}")).status_code == 200


@pytest.mark.parametrize("name", ["aware", "naive"])
def test_the_pages_show_local_time(name, admin_client, twocheckout, monkeypatch):
    with in_zone(name):
        sync.push(Customer.objects.create(**ADA))
        Attempt.objects.update(at=datetime(2026, 7, 1, 9, 30, tzinfo=UTC))
        page = admin_client.get(reverse("admin:twocheckout_customer_history", args=[Customer.objects.get().pk]))
    assert {"aware": "9:30", "naive": "12:30"}[name] in page.content.decode()


def test_a_fixture_keeps_the_moments(zone):
    ada = Customer.objects.create(**ADA)
    Customer.objects.update_unmarked(lease_expires_at=AUTUMN + timedelta(minutes=30))
    dumped = serializers.serialize("json", Customer.objects.all())
    [read] = serializers.deserialize("json", dumped)
    assert read.object.pk == ada.pk
    assert read.object.lease_expires_at == AUTUMN + timedelta(minutes=30)


class TestMoments(TestCase):
    """What is written is read again, and the database has it in the order of time, also over both switches."""

    @given(
        minutes=st.lists(st.integers(-180, 180), min_size=2, max_size=2, unique=True),
        switch=st.sampled_from([SPRING, AUTUMN]),
        name=st.sampled_from(sorted(ZONES)),
    )
    def test_round_trip_and_order(self, minutes, switch, name):
        earlier, later = sorted(switch + timedelta(minutes=number) for number in minutes)
        with in_zone(name):
            row, rows = Account.objects.create(merchant_code="x"), Account.objects.filter(merchant_code="x")
            rows.update(opened_at=earlier, open_until=later.astimezone(BUCHAREST))
            row.refresh_from_db()
            assert (row.opened_at, row.open_until) == (earlier, later)
            assert rows.filter(opened_at=earlier, opened_at__lt=later, open_until__gt=earlier).count() == 1
            assert rows.filter(open_until__gt=database_now()).exists() is (later > now())
            row.delete()


def test_the_clock_reads_alike_everywhere(zone):
    """Within seconds of the host's, which is right here."""
    Account.objects.create(merchant_code="x", open_until=now())
    read = Account.objects.annotate(now=database_now()).get()
    assert abs(read.now - now()) < timedelta(minutes=10)
    assert abs(read_clock("default") - read.now) < timedelta(minutes=10)
    assert Account.objects.filter(open_until__lt=database_now() + timedelta(minutes=10)).exists()
    assert Account.objects.filter(open_until__gt=database_now() - timedelta(minutes=10)).exists()


def test_a_naive_time_is_local(db):
    with in_zone("naive"):
        Account.objects.create(merchant_code="x", open_until=datetime(2026, 7, 1, 12))
        assert Account.objects.get().open_until == datetime(2026, 7, 1, 9, tzinfo=UTC)


def test_caches_of_queries_know_the_clock(db):
    """Packages such as cachalot leave out a query with Now, and look at the very class."""
    queries = [Customer.objects.due().query, Customer.objects.unclaimed().query]
    for query in queries:
        assert Now in {type(found.rhs) for found in lookups(query.where)}
    read = Account.objects.annotate(now=database_now()).query
    assert type(read.annotations["now"]) is Now


def lookups(node):
    for child in node.children:
        yield from lookups(child) if hasattr(child, "children") else [child]


def test_due__the_longest_pending_first(db):
    """Rows just changed have one time of the next attempt."""
    ages = {}
    for minutes in (1, 3, 2):
        row = Customer.objects.create(**ADA)
        Customer.objects.filter(pk=row.pk).update_unmarked(pending_since=now() - timedelta(minutes=minutes))
        ages[row.pk] = minutes
    waiting = Customer.objects.create(**ADA)
    Customer.objects.filter(pk=waiting.pk).update_unmarked(next_attempt_at=overdue(), pending_since=now())
    assert [ages.get(customer.pk) for customer in Customer.objects.due()] == [3, 2, 1, None]
    assert Customer.objects.due_again().get() == waiting


def test_sweep__begins_with_retries(db, twocheckout, configure):
    """A queue of rows just changed, however long, does not put off a retry for ever."""
    retried = Customer.objects.create(**ADA)
    twocheckout.fail("500")
    sync.push(retried)
    retries_come_due()
    for _ in range(4):
        Customer.objects.create(**ADA)
    assert sync.push_pending(limit=2).pushed == 2
    retried.refresh_from_db()
    assert retried.sync_state == "synced"


def test_the_index_serves_the_due(db):
    if connection.vendor != "sqlite":
        pytest.skip("the plan of an empty table is the whole table there")
    plan = Customer.objects.filter(account="default").due().explain()
    assert "twocheckout_due" in plan
    assert "TEMP B-TREE" not in plan
