from __future__ import annotations

import contextlib
import io
import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from django_twocheckout import signals, sync
from django_twocheckout.engine import circuit_breaker, claims, sources
from django_twocheckout.exceptions import AuthenticationFailed, RateLimited
from django_twocheckout.management import base
from django_twocheckout.models import Account, Ask, Attempt, Customer

from ..accounts import pause_ends
from ..customers import ADA
from ..vendor_log import methods


def run_to_1(name, *arguments):
    """What a command that ends with 1 printed, and its last words."""
    out = io.StringIO()
    with pytest.raises(CommandError) as ended:
        call_command(f"twocheckout_{name}", *map(str, arguments), stdout=out)
    return out.getvalue(), str(ended.value)


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
    Customer.objects.filter(address2="row 2").update_unmarked(next_attempt_at=timezone.now() + timedelta(hours=1))
    assert run("push") == "Pushed: 2. Failed: 0. To be retried: 0.\n"
    assert len(twocheckout.customers) == 2
    assert set(Attempt.objects.values_list("source", flat=True)) == {"command"}


@pytest.mark.usefixtures("three")
def test_push__has_a_limit(twocheckout):
    assert run("push", "--limit", 2).startswith("Pushed: 2.")
    assert run("push", "--all", "--limit", 5).startswith("Pushed: 1.")


def test_push__the_given_ones_in_any_state(three, twocheckout):
    Customer.objects.update_unmarked(sync_state="failed", sync_error="No.")
    assert run("push", three[0].pk, three[2].pk).startswith("Pushed: 2.")
    assert Customer.objects.filter(sync_state="synced").count() == 2


def test_push__all_is_also_what_failed_or_waits(three, twocheckout):
    Customer.objects.filter(pk=three[0].pk).update_unmarked(sync_state="failed", sync_error="No.")
    Customer.objects.filter(pk=three[1].pk).update_unmarked(next_attempt_at=timezone.now() + timedelta(hours=1))
    assert run("push", "--all").startswith("Pushed: 3.")
    assert run("push", "--all").startswith("Pushed: 0.")


@pytest.mark.usefixtures("three")
def test_push__ends_with_1_if_any_failed(refused, twocheckout):
    out = io.StringIO()
    with pytest.raises(CommandError, match="1 customer failed") as caught:
        call_command("twocheckout_push", stdout=out)
    assert caught.value.returncode == 1
    assert out.getvalue() == "Pushed: 3. Failed: 1. To be retried: 0.\n  SIM_INVALID_FISCAL_CODE: 1\n"
    for private in ("Ada", "INVALID\n", "example.org"):
        assert private not in out.getvalue()


@pytest.mark.usefixtures("three", "refused")
def test_push__json(twocheckout, configure):
    configure(CONCURRENCY=1)  # the first in line meets the fault
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
    circuit_breaker.trip("default", "default", AuthenticationFailed())
    with pytest.raises(CommandError, match=r"The account is paused until .*: 2Checkout refused our credentials"):
        run("push")
    assert twocheckout.requests == []


@pytest.mark.usefixtures("three")
def test_push__waits_for_the_rate_as_no_worker_does(twocheckout, configure, monkeypatch):
    configure(RATE_LIMIT="2/h", READ_BEFORE_WRITE=False)
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        Account.objects.named("default", "default").update(window=[])

    monkeypatch.setattr(base.time, "sleep", sleep)
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
        (["ada"], "There is no customer ada."),
        (["1", "--all"], "not both"),
        (["1", "--verify"], "not both"),
        (["--limit", "0"], "--limit must be above 0"),
        (["--limit", "9" * 20], "no more than a billion"),
        (["9" * 24, "ada"], "There is no customer 9{24}, ada."),
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
    assert err.getvalue().startswith("\r3/3  ")
    assert "/s  0:00:00 left" in err.getvalue()


# twocheckout_pull


@pytest.fixture
def three_pushed(three, twocheckout):
    sync.push_pending()
    for customer in twocheckout.customers:
        twocheckout.edit(customer["CustomerReference"], Phone="555")
    twocheckout.requests.clear()
    return three


def test_pull__all(three_pushed, twocheckout):
    Customer.objects.create(**ADA)  # which 2Checkout does not have
    assert run("pull", "--all") == "Re-fetched: 3. Failed: 0. To be retried: 0.\n"
    assert Customer.objects.filter(phone="555").count() == 3
    assert methods(twocheckout) == ["GET"] * 3


def test_pull__some(three_pushed, twocheckout):
    assert run("pull", three_pushed[0].pk).startswith("Re-fetched: 1.")
    assert run("pull", "--older-than", 1).startswith("Re-fetched: 2.")
    assert run("pull", "--older-than", 1).startswith("Re-fetched: 0.")
    assert run("pull", "--all", "--limit", 2).startswith("Re-fetched: 2.")


def test_pull__dry_run(three_pushed, twocheckout):
    assert run("pull", "--all", "--dry-run") == "Would re-fetch: 3.\n"
    assert run("pull", "--all", "--dry-run", "--limit", 2) == "Would re-fetch: 2.\n"
    assert twocheckout.requests == []


@pytest.mark.usefixtures("three_pushed")
def test_pull__ends_with_1_if_any_failed(twocheckout):
    twocheckout.forget(twocheckout.customers[0]["CustomerReference"])
    with pytest.raises(CommandError, match="1 customer could not be re-fetched"):
        run("pull", "--all")
    assert Customer.objects.filter(phone="555", sync_state="synced").count() == 2
    assert Customer.objects.filter(presence="gone", sync_state="failed").count() == 1
    assert "failed    0\ngone      1\n" in run("status")


@pytest.mark.django_db
@pytest.mark.parametrize("arguments", [[], ["1", "--all"], ["--all", "--older-than", "1"], ["--older-than", "-1"]])
def test_pull__wrong_arguments(arguments):
    with pytest.raises(CommandError, match=r"Give primary keys or references|between 0 and"):
        run("pull", *arguments)


def test_pull__json(three_pushed, twocheckout):
    assert json.loads(run("pull", "--all", "--dry-run", "--json")) == {"would_pull": 3}
    twocheckout.fail("503")
    out = io.StringIO()
    call_command("twocheckout_pull", "--all", "--json", stdout=out)
    result = json.loads(out.getvalue())
    assert (result["done"], result["waiting"]) == (2, 1)
    assert Ask.objects.count() == 1  # what failed for now is retried by the workers


@pytest.mark.parametrize("command", ["push", "pull"])
def test_all_are_done_also_where_some_cannot_begin_in_time(three_pushed, twocheckout, monkeypatch, command):
    """What is released has left the list of keys already, and must come again."""
    Customer.objects.update_unmarked(sync_state="failed")
    Customer.objects.update(city="Paris")
    claim, late = claims.claim, iter([True])

    def claim_too_late(*args, **options):
        claimed = claim(*args, **options)
        return [replace(one, start_by=0.0) for one in claimed] if next(late, False) else claimed

    # Only the first of them can begin, so that there is some progress.
    monkeypatch.setattr(sources, "claim", lambda *args, **options: [*claim_too_late(*args, **options)])
    with contextlib.suppress(CommandError):
        run(command, "--all")
    run(command, "--all")
    assert Customer.objects.filter(**{"city": "Paris"} if command == "push" else {"phone": "555"}).count() == 3
    assert Customer.objects.filter(lease_expires_at=None).count() == 3


@pytest.mark.usefixtures("three")
def test_a_pause_that_is_over_holds_up_no_command(twocheckout):
    circuit_breaker.trip("default", "default", RateLimited())
    pause_ends()
    assert "is to be tried again after" in run("status")
    assert json.loads(run("status", "--json"))["paused_now"] is False
    assert run("push").startswith("Pushed: 3.")
    circuit_breaker.trip("default", "default", RateLimited())
    pause_ends()
    assert run("push").startswith("Pushed: 0.")


# twocheckout_status


@pytest.mark.django_db
def test_status__of_nothing():
    assert run("status") == (
        "pending   0\nsynced    0\nfailed    0\ndue now   0\nin flight 0\nLast sweep: never.\n"
        "A worker was last seen: never.\n"
        "Does celery beat run? See “Install” in the README of django-twocheckout.\n"
        "Last notification (default): never. Forged in the last day: 0.\n"
    )


@pytest.mark.usefixtures("three", "refused")
def test_status(twocheckout):
    sync.push_pending()
    waiting = Customer.objects.create(**ADA)
    Customer.objects.filter(pk=waiting.pk).update_unmarked(pending_since=timezone.now() - timedelta(minutes=5))
    circuit_breaker.trip("default", "default", RateLimited("GET customers/…/: 429", status=429))

    out, words = run_to_1("status")

    assert words == "The account 'default' is paused."
    assert "pending   1\nsynced    3\nfailed    1\ndue now   1\n" in out
    assert "The oldest pending one has been so for 5\xa0minutes." in out
    assert "Failed with SIM_INVALID_FISCAL_CODE: 1" in out
    assert "The account is paused until" in out
    assert "2Checkout asks us to slow down. (HTTP 429)" in out
    assert "Last sweep: less than a minute ago." in out

    status = json.loads(run_to_1("status", "--json")[0])
    assert status["counts"] == {"pending": 1, "synced": 3, "failed": 1}
    assert status["failed_keys"] == list(Customer.objects.filter(sync_state="failed").values_list("pk", flat=True))
    for name in ("now", "paused_since", "paused_until", "swept_at", "worked_at", "oldest_pending"):
        assert datetime.fromisoformat(status[name]).isoformat() == status[name]
    assert (status["failures"], status["sweep_is_late"]) == ({"SIM_INVALID_FISCAL_CODE": 1}, False)
    assert 300 <= status["oldest_pending_seconds"] < 400
    assert status["paused_until"]
    assert (status["paused_now"], status["oldest_pending_pk"]) == (True, waiting.pk)


@pytest.mark.usefixtures("three")
def test_status__for_a_monitor():
    assert run("status", "--max-age", 60)
    Customer.objects.update_unmarked(pending_since=timezone.now() - timedelta(seconds=61))
    with pytest.raises(CommandError, match="has been pending for 61 seconds"):
        run("status", "--max-age", 60)
    with pytest.raises(CommandError, match="no database"):
        run("status", "--database", "nowhere")
    Customer.objects.update_unmarked(pending_since=timezone.now(), sync_state="failed")
    assert run("status", "--max-failed", 3)
    assert run_to_1("status", "--max-failed", 2)[1] == "3 customers failed."
    with pytest.raises(CommandError, match="must be 0 or more"):
        run("status", "--max-failed", "-1")
    for age in ("nan", "-1", "inf"):
        with pytest.raises(CommandError, match="must be a number of seconds"):
            run("status", "--max-age", age)


def test_status__and_push_say_the_same_of_a_pause(db, twocheckout):
    circuit_breaker.trip("default", "default", RateLimited())
    [paused] = [line for line in run_to_1("status")[0].splitlines() if line.startswith("The account is paused until ")]
    with pytest.raises(CommandError) as caught:
        run("push")
    assert str(caught.value) == f"{paused} 2Checkout asks us to slow down."


@pytest.mark.usefixtures("three")
def test_status__no_worker_was_seen():
    Account.objects.note_sweep("default", "default")
    Account.objects.update(worked_at=timezone.now() - timedelta(hours=2, seconds=5))
    assert run("status")  # nothing has waited for long
    Customer.objects.update_unmarked(pending_since=timezone.now() - timedelta(hours=1))
    words = "No worker was seen for 2\xa0hours: is a worker running? Is beat or cron running?"
    assert run_to_1("status", "-v", 0) == ("", words)
    assert json.loads(run_to_1("status", "--json")[0])["standstill"] is True
    Account.objects.update(worked_at=timezone.now())
    assert run("status")


@pytest.mark.django_db
def test_status__without_a_merchant_code(settings):
    settings.TWOCHECKOUT = {}
    assert "Last sweep: never." in run("status")


def test_status__takes_few_queries(db, django_assert_num_queries):
    with django_assert_num_queries(9):  # one more for the clock without an account's row, and two for a standstill
        sync.status()
    Account.objects.note_sweep("default", "default")
    with django_assert_num_queries(6):
        sync.status()


# All that push and pull.


@pytest.mark.parametrize(
    "arguments",
    [["push"], ["push", "--all"], ["push", "--verify"], ["push", "--verify", "--dry-run"], ["push", "--dry-run"],
     ["pull", "--all"], ["pull", "--all", "--dry-run"], ["pull", "--all", "--restored"], ["compare", "--dry-run"]],
)  # fmt: skip
def test_verbosity_0_is_silent(three_pushed, arguments, capfd):
    Customer.objects.filter(address2="row 0").update(city="Paris")
    errors = io.StringIO()
    errors.isatty = lambda: True
    out = io.StringIO()
    call_command(f"twocheckout_{arguments[0]}", *arguments[1:], "-v", "0", stdout=out, stderr=errors)
    assert (out.getvalue(), errors.getvalue(), capfd.readouterr().out) == ("", "", "")


@pytest.fixture
def ctrl_c(three_pushed):
    """A person presses Ctrl-C when the first customer is done."""

    def press(sender, **facts):
        raise KeyboardInterrupt

    signals.customer_pushed.connect(press)
    signals.customer_pulled.connect(press)
    yield
    signals.customer_pushed.disconnect(press)
    signals.customer_pulled.disconnect(press)


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize(
    ("arguments", "left"),
    [(["push", "--all"], "What is due is pushed by the next sweep."),
     (["pull", "--all"], "What was asked for is re-fetched by the next sweep.")],
)  # fmt: skip
def test_ctrl_c_is_one_sentence(arguments, left):
    Customer.objects.update(city="Paris")
    with pytest.raises(CommandError) as ended:
        run(*arguments)
    assert (str(ended.value), ended.value.returncode) == (f"Stopped. What was done stays done. {left}", 130)
    assert ended.value.__suppress_context__
    assert not Customer.objects.exclude(lease_expires_at=None).exists()
