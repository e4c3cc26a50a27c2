from __future__ import annotations

import contextlib
import io
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from django_twocheckout import sync
from django_twocheckout.exceptions import AuthenticationFailed, RateLimited
from django_twocheckout.management import terminal
from django_twocheckout.models import Attempt, Customer
from django_twocheckout.sync import gate, rows

from .conftest import ADA

SOON = timedelta(seconds=1)


def run(name, *arguments):
    out = io.StringIO()
    call_command(f"twocheckout_{name}", *map(str, arguments), stdout=out)
    return out.getvalue()


@pytest.fixture
def three(db):
    return [Customer.objects.create(**ADA, address2=f"row {number}") for number in range(3)]


@pytest.fixture
def refused(db):
    return Customer.objects.create(**ADA, company="Engines", fiscal_code="INVALID")


# twocheckout_push


@pytest.mark.usefixtures("three")
def test_push__what_is_due(twocheckout):
    Customer.objects.filter(address2="row 2").settle(next_try_at=timezone.now() + timedelta(hours=1))
    assert run("push") == "Pushed: 2. Failed: 0. To be retried: 0.\n"
    assert len(twocheckout.customers) == 2
    assert set(Attempt.objects.values_list("source", flat=True)) == {"command"}


@pytest.mark.usefixtures("three")
def test_push__has_a_limit(twocheckout):
    assert run("push", "--limit", 2).startswith("Pushed: 2.")
    assert run("push", "--all", "--limit", 5).startswith("Pushed: 1.")


def test_push__the_given_ones_whatever_their_state(three, twocheckout):
    Customer.objects.settle(sync_state="failed", sync_error="No.")
    assert run("push", three[0].pk, three[2].pk).startswith("Pushed: 2.")
    assert Customer.objects.filter(sync_state="synced").count() == 2


def test_push__all_is_also_what_failed_or_waits(three, twocheckout):
    Customer.objects.filter(pk=three[0].pk).settle(sync_state="failed", sync_error="No.")
    Customer.objects.filter(pk=three[1].pk).settle(next_try_at=timezone.now() + timedelta(hours=1))
    assert run("push", "--all").startswith("Pushed: 3.")
    assert run("push", "--all").startswith("Pushed: 0.")


@pytest.mark.usefixtures("three")
def test_push__ends_with_1_if_any_failed(refused, twocheckout):
    out = io.StringIO()
    with pytest.raises(CommandError, match="1 customers failed") as caught:
        call_command("twocheckout_push", stdout=out)
    assert caught.value.returncode == 1
    assert out.getvalue() == "Pushed: 3. Failed: 1. To be retried: 0.\n  SIM_INVALID_FISCAL_CODE: 1\n"
    for private in ("Ada", "INVALID\n", "example.org"):
        assert private not in out.getvalue()


@pytest.mark.usefixtures("three", "refused")
def test_push__json(twocheckout, settings):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "CONCURRENCY": 1}  # the first in line meets the fault
    out = io.StringIO()
    twocheckout.fail("reset")
    with pytest.raises(CommandError):
        call_command("twocheckout_push", "--json", stdout=out)
    assert json.loads(out.getvalue()) == {
        "done": 2,
        "failed": 1,
        "waiting": 1,
        "failures": {"SIM_INVALID_FISCAL_CODE": 1},
        "paused": None,
    }


@pytest.mark.usefixtures("three")
def test_push__while_the_account_is_paused(twocheckout):
    gate.pause("default", AuthenticationFailed())
    with pytest.raises(CommandError, match=r"The account is paused until .*: 2Checkout refused our credentials"):
        run("push")
    assert twocheckout.requests == []


@pytest.mark.usefixtures("three")
def test_push__waits_for_the_rate_as_no_worker_does(twocheckout, settings, monkeypatch):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "RATE_LIMIT": "2/h", "READ_BEFORE_WRITE": False}
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        gate._rows("default").update(window=[])

    monkeypatch.setattr(terminal.time, "sleep", sleep)
    assert run("push").startswith("Pushed: 3.")
    assert 0 < slept[0] <= 3960


@pytest.mark.django_db
def test_push__verify_finds_what_raw_sql_wrote(three, twocheckout):
    run("push")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE twocheckout_customer SET city = 'Paris' WHERE id = %s", [three[1].pk])
    assert run("push").startswith("Pushed: 0.")
    twocheckout.requests.clear()

    assert run("push", "--verify", "--dry-run") == f"customer {three[1].pk}: update City\nWould push: 1.\n"
    assert twocheckout.requests == []
    assert run("push", "--verify") == ("Found changed without a mark: 1.\nPushed: 1. Failed: 0. To be retried: 0.\n")
    assert sorted(customer["City"] for customer in twocheckout.customers) == ["London", "London", "Paris"]
    assert run("push", "--verify").startswith("Found changed without a mark: 0.")


def test_push__dry_run_says_what_it_would_begin_with(three, twocheckout):
    sync.push(three[0])
    twocheckout.fail("reset-after-commit")
    sync.push(three[1])
    Customer.objects.filter(pk=three[0].pk).update(city="Paris", phone="555")
    Customer.objects.filter(pk=three[2].pk).update(city="")
    last = Customer.objects.create(**ADA)
    before = list(Customer.objects.order_by("pk").values())
    twocheckout.requests.clear()

    lines = run("push", "--all", "--dry-run").splitlines()

    assert lines[0] == f"customer {three[0].pk}: update City, Phone"
    assert lines[1].startswith(f"customer {three[1].pk}: look up")
    assert lines[2] == f"customer {three[2].pk}: refused Not sent to 2Checkout: City is required."
    assert lines[3].startswith(f"customer {last.pk}: create")
    assert lines[4] == "Would push: 4."
    assert twocheckout.requests == []
    assert list(Customer.objects.order_by("pk").values()) == before
    plan = json.loads(run("push", "--dry-run", "--json", three[0].pk))
    assert plan == [{"customer": three[0].pk, "what": "update", "fields": ["City", "Phone"], "reason": ""}]
    assert run("push", "--all", "--dry-run", "--limit", 2).endswith("Would push: 2.\n")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["4711"], "There is no customer 4711."),
        (["ada"], "Not a primary key: ada."),
        (["1", "--all"], "not both"),
        (["1", "--verify"], "not both"),
        (["--limit", "0"], "--limit must be above 0"),
        (["--limit", "9" * 20], "no more than a billion"),
        (["9" * 24], "Not a primary key|There is no customer"),
        (["--database", "nowhere"], "There is no database 'nowhere'."),
    ],
)
def test_push__wrong_arguments(arguments, words):
    with pytest.raises(CommandError, match=words):
        run("push", *arguments)


@pytest.mark.usefixtures("three")
def test_push__a_bar_on_a_terminal(twocheckout):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    err = Terminal()
    call_command("twocheckout_push", stdout=io.StringIO(), stderr=err)
    assert "[....................................................................]"[:20] in err.getvalue()


# twocheckout_pull


@pytest.fixture
def pushed(three, twocheckout):
    sync.push_pending()
    for customer in twocheckout.customers:
        twocheckout.edit(customer["CustomerReference"], Phone="555")
    twocheckout.requests.clear()
    return three


def test_pull__all(pushed, twocheckout):
    Customer.objects.create(**ADA)  # which 2Checkout does not have
    assert run("pull", "--all") == "Re-fetched: 3. Failed: 0. To be retried: 0.\n"
    assert Customer.objects.filter(phone="555").count() == 3
    assert [request.method for request in twocheckout.requests] == ["GET"] * 3


def test_pull__some(pushed, twocheckout):
    assert run("pull", pushed[0].pk).startswith("Re-fetched: 1.")
    assert run("pull", "--older-than", 1).startswith("Re-fetched: 2.")
    assert run("pull", "--older-than", 1).startswith("Re-fetched: 0.")
    assert run("pull", "--all", "--limit", 2).startswith("Re-fetched: 2.")


def test_pull__dry_run(pushed, twocheckout):
    assert run("pull", "--all", "--dry-run") == "Would re-fetch: 3.\n"
    assert run("pull", "--all", "--dry-run", "--limit", 2) == "Would re-fetch: 2.\n"
    assert twocheckout.requests == []


@pytest.mark.usefixtures("pushed")
def test_pull__ends_with_1_if_any_failed(twocheckout):
    twocheckout.forget(twocheckout.customers[0]["CustomerReference"])
    with pytest.raises(CommandError, match="1 customers could not be re-fetched"):
        run("pull", "--all")
    assert Customer.objects.filter(phone="555").count() == 2
    assert not Customer.objects.exclude(sync_state="synced").exists()


@pytest.mark.django_db
@pytest.mark.parametrize("arguments", [[], ["1", "--all"], ["--all", "--older-than", "1"], ["--older-than", "-1"]])
def test_pull__wrong_arguments(arguments):
    with pytest.raises(CommandError, match=r"Give primary keys, or --all|between 0 and"):
        run("pull", *arguments)


def test_pull__json(pushed, twocheckout):
    assert json.loads(run("pull", "--all", "--dry-run", "--json")) == {"would_pull": 3}
    twocheckout.fail("503")
    out = io.StringIO()
    with pytest.raises(CommandError):
        call_command("twocheckout_pull", "--all", "--json", stdout=out)
    assert json.loads(out.getvalue())["failures"] == {"SIM_MAINTENANCE": 1}


@pytest.mark.parametrize("command", ["push", "pull"])
def test_all_are_done_also_where_some_cannot_begin_in_time(pushed, twocheckout, monkeypatch, command):
    """What is given back has been taken from the list of keys already, and must come again."""
    Customer.objects.settle(sync_state="failed")
    Customer.objects.update(city="Paris")
    begin_until, late = rows.take, iter([True])

    def take_too_late(*args, **options):
        claims = begin_until(*args, **options)
        return [replace(claim, begin_until=0.0) for claim in claims] if next(late, False) else claims

    # Only the first of them can begin, so that there is some progress.
    monkeypatch.setattr(rows, "take", lambda *args, **options: [*take_too_late(*args, **options)])
    with contextlib.suppress(CommandError):
        run(command, "--all")
    run(command, "--all")
    assert Customer.objects.filter(**{"city": "Paris"} if command == "push" else {"phone": "555"}).count() == 3
    assert Customer.objects.filter(lease_until=None).count() == 3


@pytest.mark.usefixtures("three")
def test_a_pause_that_is_over_holds_up_no_command(twocheckout):
    gate.pause("default", RateLimited())
    gate._rows("default").update(paused_until=timezone.now() - SOON)
    assert "is to be tried again after" in run("status")
    assert json.loads(run("status", "--json"))["paused_now"] is False
    assert run("push").startswith("Pushed: 3.")
    gate.pause("default", RateLimited())
    gate._rows("default").update(paused_until=timezone.now() - SOON)
    assert run("push").startswith("Pushed: 0.")


# twocheckout_status


@pytest.mark.django_db
def test_status__of_nothing():
    assert run("status") == (
        "pending   0\nsynced    0\nfailed    0\ndue now   0\nin flight 0\nLast sweep: never.\n"
        "Does celery beat run? See “Install” in the README of django-twocheckout.\n"
    )


@pytest.mark.usefixtures("three", "refused")
def test_status(twocheckout):
    sync.push_pending()
    waiting = Customer.objects.create(**ADA)
    Customer.objects.filter(pk=waiting.pk).settle(pending_since=timezone.now() - timedelta(minutes=5))
    gate.pause("default", RateLimited("GET customers/…/: 429", status=429))

    out = run("status")

    assert "pending   1\nsynced    3\nfailed    1\ndue now   1\n" in out
    assert "The oldest pending one has been so for 5\xa0minutes." in out
    assert "Failed with SIM_INVALID_FISCAL_CODE: 1" in out
    assert "The account is paused until" in out
    assert "2Checkout asks us to slow down. (HTTP 429)" in out
    assert "Last sweep: 0\xa0minutes ago." in out

    told = json.loads(run("status", "--json"))
    assert told["counts"] == {"pending": 1, "synced": 3, "failed": 1}
    assert (told["failures"], told["sweep_is_late"]) == ({"SIM_INVALID_FISCAL_CODE": 1}, False)
    assert 300 <= told["oldest_pending_seconds"] < 400
    assert told["paused_until"]
    assert (told["paused_now"], told["oldest_pending_pk"]) == (True, waiting.pk)


@pytest.mark.usefixtures("three")
def test_status__for_a_monitor():
    assert run("status", "--max-age", 60)
    Customer.objects.settle(pending_since=timezone.now() - timedelta(seconds=61))
    with pytest.raises(CommandError, match="has been pending for 61 seconds"):
        run("status", "--max-age", 60)
    with pytest.raises(CommandError, match="no database"):
        run("status", "--database", "nowhere")
    for age in ("nan", "-1", "inf"):
        with pytest.raises(CommandError, match="must be a number of seconds"):
            run("status", "--max-age", age)


def test_status__and_push_say_the_same_of_a_pause(db, twocheckout):
    gate.pause("default", RateLimited())
    [paused] = [line for line in run("status").splitlines() if line.startswith("The account is paused until ")]
    with pytest.raises(CommandError) as caught:
        run("push")
    assert str(caught.value) == f"{paused} 2Checkout asks us to slow down."


@pytest.mark.django_db
def test_status__without_a_merchant_code(settings):
    settings.TWOCHECKOUT = {}
    assert "Last sweep: never." in run("status")


def test_status__takes_few_queries(db, django_assert_num_queries):
    with django_assert_num_queries(6):
        sync.status("default")
