from __future__ import annotations

import time
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from django_twocheckout import sync, tasks
from django_twocheckout.exceptions import AuthenticationFailed, RateLimited
from django_twocheckout.models import Account, Customer
from django_twocheckout.sync import exchange, gate, rows
from django_twocheckout.sync.connection import current_client
from django_twocheckout.sync.drain import Drain
from django_twocheckout.sync.ending import end_pushes
from django_twocheckout.testing import Fault
from django_twocheckout.testing.faults import FAULTS

from .conftest import ADA, hold

SOON = timedelta(seconds=1)


@pytest.fixture
def many(db):
    return [Customer.objects.create(**ADA) for _ in range(8)]


@pytest.fixture
def one_thread(settings):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "CONCURRENCY": 1}


def account() -> Account:
    return Account.objects.get()


def pause_is_over():
    Account.objects.update(paused_until=timezone.now() - SOON)


def everything_is_due():
    Customer.objects.filter(sync_state="pending", tries__gt=0).settle(next_try_at=timezone.now() - SOON)


# Pausing.


@pytest.mark.usefixtures("many", "one_thread")
@pytest.mark.parametrize(
    ("fault", "seconds", "code"),
    [
        ("401", gate.FIRST_PAUSE, "AUTHENTICATION_ERROR"),
        ("429", gate.FIRST_PAUSE, "SIM_RATE_LIMIT"),
        ("429-retry-after", 7.0, "RateLimited"),
        (Fault(503, "{}", {"Retry-After": "120"}), 120.0, "ServerFailed"),
        (Fault(403, "{}"), gate.FIRST_PAUSE, "AuthenticationFailed"),
    ],
)
def test_pause__at_the_first_sign_that_the_account_is_refused(twocheckout, fault, seconds, code):
    twocheckout.fail(fault)

    sweep = sync.push_pending()

    assert (len(twocheckout.requests), sweep.waiting, sweep.pushed) == (1, 1, 0)
    assert sweep.wait == pytest.approx(seconds)
    assert (account().error_code, account().pauses) == (code, 1)
    assert account().paused_until - account().paused_since == pytest.approx(timedelta(seconds=seconds), abs=SOON)
    assert Customer.objects.filter(in_doubt=[], lease_until=None, tries=0).count() >= 7  # nobody paid for it


@pytest.mark.django_db
def test_pause__lasts_by_the_databases_clock():
    assert not Account().paused_now
    gate.pause("default", RateLimited())
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        assert sync.look().paused_now
        assert sync.status().paused_now
    pause_is_over()
    assert not sync.look().paused_now


@pytest.mark.usefixtures("many")
def test_pause__holds_for_every_worker(twocheckout, sent):
    twocheckout.fail("429")
    sync.push_pending()
    asked = len(twocheckout.requests)
    everything_is_due()

    assert sync.push_pending().tried == 0
    tasks.push_customer(Customer.objects.latest("pk").pk)
    assert len(twocheckout.requests) == asked


def test_pause__of_five_in_a_row_that_get_no_answer(many, twocheckout):
    with twocheckout.outage("reset"):
        for customer in many[: gate.STRIKES - 1]:
            sync.push(customer)
        assert account().paused_until is None
        sync.push(many[-1])
    assert account().error_code == "ConnectionFailed"
    assert "No answer came from 2Checkout." in account().reason


def test_pause__an_answer_between_them_starts_the_count_anew(many, twocheckout):
    for customer in many:
        twocheckout.fail("500")
        sync.push(customer)
        if customer in (many[2], many[5]):
            sync.push(Customer.objects.create(**ADA))
    assert (account().paused_until, account().strikes) == (None, 2)


def test_pause__one_bad_row_is_no_outage(ada, twocheckout):
    with twocheckout.outage("500"):
        for _ in range(gate.STRIKES + 3):
            sync.push(ada)
    assert (account().paused_until, account().strikes, ada.tries) == (None, 1, gate.STRIKES + 3)


def test_pause__is_not_made_shorter_nor_longer_by_those_who_come_late(ada, twocheckout):
    gate.pause("default", RateLimited(retry_after=60))
    until = account().paused_until
    gate.pause("default", RateLimited())
    assert (account().paused_until, account().pauses) == (until, 1)
    gate.pause("default", RateLimited(retry_after=120))
    assert account().paused_until > until + timedelta(seconds=50)


# Resuming.


@pytest.mark.usefixtures("many")
def test_probe__one_row_is_tried_then_all(twocheckout):
    twocheckout.fail("429")
    sync.push_pending()
    pause_is_over()
    Customer.objects.filter(sync_state="pending").settle(next_try_at=timezone.now() - SOON)

    sweep = sync.push_pending()

    assert (sweep.pushed, sweep.wait) == (8 - len(twocheckout.customers) + sweep.pushed, None)
    assert len(twocheckout.customers) == 8
    assert (account().paused_until, account().paused_since, account().reason, account().pauses) == (None, None, "", 0)


@pytest.mark.usefixtures("many", "one_thread")
def test_probe__that_fails_makes_the_pause_longer_and_costs_no_tries(twocheckout):
    with twocheckout.outage("500"):
        sync.push_pending()
        burnt = sum(Customer.objects.values_list("tries", flat=True))
        for pauses in (2, 3, 4):
            pause_is_over()
            everything_is_due()
            before = len(twocheckout.requests)
            assert sync.push_pending().wait == gate.FIRST_PAUSE * 2 ** (pauses - 1)
            assert len(twocheckout.requests) == before + 1
            assert account().pauses == pauses
    assert sum(Customer.objects.values_list("tries", flat=True)) == burnt == gate.STRIKES


@pytest.mark.usefixtures("many")
def test_probe__is_one_worker(twocheckout):
    gate.pause("default", RateLimited())
    pause_is_over()
    first, second = gate.ask("default", 100), gate.ask("default", 100)
    assert (first.rows, first.probe) == (1, True)
    assert (second.rows, second.wait > 0) == (0, True)


def test_probe__whose_worker_dies_is_followed_by_another(many):
    gate.pause("default", RateLimited())
    pause_is_over()
    assert gate.ask("default", 100).probe
    pause_is_over()  # it has not come back
    assert gate.ask("default", 100).probe


@pytest.mark.usefixtures("many")
def test_resume__by_hand(twocheckout):
    assert sync.resume() is False
    gate.pause("default", AuthenticationFailed())
    assert sync.push_pending().tried == 0
    assert sync.resume() is True
    assert sync.push_pending().pushed == 8


def test_resume__by_a_push_that_somebody_asked_for(ada, twocheckout):
    gate.pause("default", AuthenticationFailed())
    sync.push(ada)
    assert (ada.sync_state, account().paused_until) == ("synced", None)


def test_blame__a_row_that_looks_like_a_refused_account_fails_at_last(ada, twocheckout, settings):
    """A firewall before 2Checkout may answer 403 to one customer's address; the others must not wait for ever."""
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "MAX_ATTEMPTS": 3}
    for number in range(4):
        everything_is_due()
        twocheckout.fail(Fault(403, "{}"))
        sync.push(ada)
        Customer.objects.create(**ADA, address2=str(number))
        pause_is_over()
        assert sync.push_pending().pushed == 1
    ada.refresh_from_db()
    assert (ada.sync_state, ada.error_code) == ("failed", "AuthenticationFailed")
    assert account().paused_until is None


@pytest.mark.usefixtures("many")
def test_probe__of_rows_that_need_no_request_goes_on_to_the_next(twocheckout):
    """A row that agrees, or is refused here, tells nothing of the account; the others must not wait for it."""
    sync.push_pending()
    Customer.objects.all().mark_pending()
    Customer.objects.filter(pk=Customer.objects.earliest("pk").pk).update(zip="")
    last = Customer.objects.create(**ADA)
    gate.pause("default", RateLimited())
    pause_is_over()
    sweep = sync.push_pending()
    assert (sweep.pushed, sweep.failed, sweep.wait) == (8, 1, None)
    last.refresh_from_db()
    assert (last.sync_state, account().paused_until) == ("synced", None)


@pytest.mark.usefixtures("many")
def test_probe__that_finds_no_row_is_handed_back(twocheckout):
    gate.pause("default", RateLimited())
    pause_is_over()
    assert sync.push_each([]).tried == 0
    assert sync.push_pending().pushed == 8


@pytest.mark.parametrize("fault", ["500", Fault(200, '{"CustomerReference": "1", "Zip": "' + "9" * 70 + '"}')])
def test_pause__two_bad_rows_are_no_outage_and_fail_at_last(db, twocheckout, settings, monkeypatch, fault):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "MAX_ATTEMPTS": 4}
    bad = [Customer.objects.create(**ADA, address2="bad") for _ in range(2)]
    sync.push_pending()
    for number in range(6):
        Customer.objects.filter(address2="bad", sync_state="pending").settle(next_try_at=timezone.now() - SOON)
        if number == 0:
            Customer.objects.filter(address2="bad").update(city="Paris")
        twocheckout.fail(fault, times=2, method="GET")
        sync.push_pending()
        twocheckout.heal()
        assert not Account.objects.exclude(paused_until=None).exists()
    assert [Customer.objects.get(pk=customer.pk).sync_state for customer in bad] == ["failed"] * 2


def test_pause__a_tenth_of_failures_is_no_outage(db, twocheckout, settings, monkeypatch):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "CONCURRENCY": 1}
    monkeypatch.setattr("django_twocheckout.sync.drain.SETTLE_SECONDS", 0.0)
    for _ in range(60):
        Customer.objects.create(**ADA)
    carry_out, numbers = twocheckout._fault_for, iter(range(1000))

    def every_tenth(method):
        return carry_out(method) if next(numbers) % 10 else ("500", FAULTS["500"])

    monkeypatch.setattr(twocheckout, "_fault_for", every_tenth)
    sweep = sync.push_pending()
    assert (sweep.pushed, sweep.waiting, sweep.wait) == (54, 6, None)


def test_pause__is_not_ended_by_an_answer_to_what_was_begun_before(many, twocheckout):
    claim = hold(many[0])
    outcome = exchange.push(claim, current_client())
    outcome.requests = 1
    gate.pause("default", RateLimited(retry_after=3600))
    end_pushes([(claim, outcome)])
    assert account().paused_until > timezone.now() + timedelta(minutes=50)


def test_reason__quotes_nobody(ada, twocheckout):
    twocheckout.fail(Fault(403, '{"error_code": "NO:ada@example.org", "message": "12 St James Sq"}'))
    sync.push(ada)
    ada.refresh_from_db()
    assert account().reason == "2Checkout refused our credentials, or they lack the right for this. (HTTP 403)"
    assert (account().error_code, ada.error_code) == ("AuthenticationFailed", "AuthenticationFailed")


def test_without_time_zones(ada, twocheckout, settings):
    settings.USE_TZ = False
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "RATE_LIMIT": "10/s"}
    gate.pause("default", RateLimited(retry_after=60))
    assert 50 < gate.ask("default", 10).wait <= 60
    assert sync.resume()
    assert gate.ask("default", 4).rows == 4


# The wake-up after a pause.


@pytest.mark.usefixtures("many")
def test_pause__one_wake_up_is_arranged(twocheckout, sent):
    twocheckout.fail("429-retry-after")
    tasks.push_pending()
    tasks.push_pending()
    tasks.push_customer(1)
    [message] = sent
    assert (message.task, message.eta is not None) == ("twocheckout.push_pending", True)


# RATE_LIMIT.


@pytest.fixture
def ten_a_minute(settings):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "RATE_LIMIT": "10/m", "READ_BEFORE_WRITE": False}


@pytest.mark.usefixtures("ten_a_minute")
def test_rate__is_kept_over_all_workers(db, twocheckout):
    for _ in range(12):
        Customer.objects.create(**ADA)
    first = sync.push_pending(limit=7)
    second = sync.push_pending()
    assert (first.pushed, second.pushed, len(twocheckout.requests)) == (7, 3, 10)
    assert 0 < second.wait <= 66
    assert sync.push_pending().tried == 0
    assert Customer.objects.due().count() == 2
    Account.objects.update(window=[[number - 11, count] for number, count in account().window])
    assert sync.push_pending().pushed == 2


@pytest.mark.usefixtures("ten_a_minute")
def test_rate__two_workers_at_once_lose_no_count(db, monkeypatch):
    read, others = gate._read, iter([gate.book])

    def read_while_another_one_writes(database, **options):
        account = read(database, **options)
        for book in others:
            book(database, 4)
        return account

    monkeypatch.setattr(gate, "_read", read_while_another_one_writes)
    gate.book("default", 3)
    assert sum(count for _slice, count in account().window) == 7


def test_rate__counts_both_requests_of_an_update(db, twocheckout, settings):
    for _ in range(3):
        Customer.objects.create(**ADA)
    sync.push_pending()
    Customer.objects.update(city="Paris")
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "RATE_LIMIT": "4/h"}
    twocheckout.requests.clear()
    assert sync.push_pending().pushed == 2
    assert len(twocheckout.requests) == 4


def test_rate__counts_what_was_asked_and_not_what_might_have_been(db, twocheckout, settings):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "RATE_LIMIT": "4/h"}
    for _ in range(4):
        Customer.objects.create(**ADA)
    twocheckout.fail("reset-after-commit")
    assert sync.push_pending().tried == 3  # the fourth could need two
    assert sum(count for _slice, count in account().window) == len(twocheckout.requests) == 3


@pytest.mark.usefixtures("many")
def test_rate__is_taken_when_it_is_asked_for(settings):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "RATE_LIMIT": "10/h"}
    assert [gate.ask("default", 4).rows for _worker in range(5)] == [4, 1, 0, 0, 0]
    gate.hand_back("default", gate.Permit(4), 1)
    assert gate.ask("default", 4).rows == 3


def test_rate__below_the_cost_of_a_row_lets_one_pass(db, twocheckout, settings):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "RATE_LIMIT": "1/h"}
    for _ in range(2):
        Customer.objects.create(**ADA)
    assert sync.push_pending().pushed == 1


@pytest.mark.usefixtures("ten_a_minute")
def test_rate__what_somebody_asks_for_counts_and_is_not_held_up(many, twocheckout):
    for customer in many:
        sync.push(customer)
    assert sum(count for _slice, count in account().window) == 8


def test_rate__the_window_slides(settings):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "RATE_LIMIT": "10/s"}
    now = timezone.now().replace(microsecond=50_000)
    tick = timedelta(milliseconds=100)
    number = gate._slice(now)[0]
    assert gate._room([[number, 4]], now) == (6, pytest.approx(1.05, abs=0.001))
    assert gate._room([[number, 4], [number + 3, 6]], now + 3 * tick)[0] == 0
    assert gate._room([[number, 4]], now + 10 * tick)[0] == 6
    assert gate._room([[number, 4]], now + 11 * tick)[0] == 10


def test_rate__what_left_the_window_cannot_be_given_back(db, settings):
    """Slow requests: what was booked for them and not used would allow more than the limit later."""
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "RATE_LIMIT": "10/h"}
    assert gate.ask("default", 5).rows == 5
    Account.objects.update(window=[[number - 20, count] for number, count in account().window])
    gate.book("default", -5)
    assert gate.ask("default", 100).rows == 5


def test_rate__rows_that_go_back_give_it_back(db, settings):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "RATE_LIMIT": "10/h"}
    gate.ask("default", 5)
    gate.hand_back_unbegun("default", 4)
    assert gate.ask("default", 100).rows == 4


def test_probe__is_not_taken_while_older_rows_are_in_flight(many, settings, monkeypatch):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "CONCURRENCY": 2, "BATCH_SIZE": 3}
    ask, resume, permits, shown = gate.ask, gate.resume, [], []

    def paused_meanwhile(database, most):
        if len(permits) == 1:
            gate.pause(database, RateLimited("Too many", status=429))
            pause_is_over()
        permits.append(ask(database, most))
        return permits[-1]

    def talk(claim, client):
        client._local.requests_sent = client.requests_sent + 1
        time.sleep(0.2 if claim.pk == many[1].pk else 0.02)
        return exchange.Outcome(str(1000 + claim.pk), [], base=dict(claim.local))

    def take(most):
        return rows.take(Customer.objects.due()[:most], to_push=True)

    monkeypatch.setattr(gate, "ask", paused_meanwhile)
    monkeypatch.setattr(gate, "resume", lambda *a, shown_by=None: (shown.append(shown_by.pk), resume(*a)))
    Drain(take, talk, current_client(), "default").run()
    assert shown
    assert shown[0] not in [customer.pk for customer in many[:3]]
    assert account().paused_until is None
