from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from django_twocheckout import signals, sync, tasks
from django_twocheckout.engine import circuit_breaker, reconcile
from django_twocheckout.engine.asks import ask
from django_twocheckout.engine.batch import finish
from django_twocheckout.engine.clients import current_client
from django_twocheckout.exceptions import AuthenticationFailed, RateLimited
from django_twocheckout.flows.account import current_account
from django_twocheckout.models import Account, Customer, Source, Verb
from django_twocheckout.testing import Fault
from django_twocheckout.testing.faults import FAULTS

from ..accounts import account, pause_ends
from ..clock import asks_come_due, overdue
from ..customers import ADA, claim_of


def failed_rows_come_due():
    """Let the time of the next attempt come for the rows of which an attempt failed."""
    failed = Customer.objects.filter(sync_state="pending", failed_attempts__gt=0)
    failed.update_unmarked(next_attempt_at=overdue())


# Opening.


@pytest.mark.usefixtures("eight", "one_thread")
@pytest.mark.parametrize(
    ("fault", "seconds", "code"),
    [
        ("401", circuit_breaker.FIRST_OPEN_SECONDS, "AUTHENTICATION_ERROR"),
        ("429", circuit_breaker.FIRST_OPEN_SECONDS, "SIM_RATE_LIMIT"),
        ("429-retry-after", 7.0, "RateLimited"),
        (Fault(503, "{}", {"Retry-After": "120"}), 120.0, "ServerFailed"),
        (Fault(403, "{}"), circuit_breaker.FIRST_OPEN_SECONDS, "AuthenticationFailed"),
    ],
)
def test_open__at_the_first_sign_that_the_account_is_refused(twocheckout, fault, seconds, code):
    twocheckout.fail(fault)

    summary = sync.push_pending()

    assert (len(twocheckout.requests), summary.waiting, summary.pushed) == (1, 1, 0)
    assert summary.wait == pytest.approx(seconds)
    assert (account().error_code, account().times_opened) == (code, 1)
    assert account().open_until - account().opened_at == pytest.approx(
        timedelta(seconds=seconds), abs=timedelta(seconds=1)
    )
    # No row paid for it.
    assert Customer.objects.filter(in_doubt=[], lease_expires_at=None, failed_attempts=0).count() >= 7


@pytest.mark.django_db
def test_open__lasts_by_the_databases_clock():
    assert current_account() is None
    circuit_breaker.trip("default", "default", RateLimited())
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        assert current_account().is_open
        assert sync.status().paused_now
    pause_ends()
    assert not current_account().is_open


@pytest.mark.usefixtures("eight")
def test_open__for_every_worker(twocheckout, sent):
    twocheckout.fail("429")
    sync.push_pending()
    asked = len(twocheckout.requests)
    failed_rows_come_due()

    assert sync.push_pending().tried == 0
    tasks.push_customer(Customer.objects.latest("pk").pk)
    assert len(twocheckout.requests) == asked


def test_open__after_five_in_a_row_that_get_no_answer(eight, twocheckout):
    with twocheckout.outage("reset"):
        for customer in eight[: circuit_breaker.UNANSWERED_LIMIT - 1]:
            sync.push(customer)
        assert account().open_until is None
        sync.push(eight[-1])
    assert account().error_code == "ConnectionFailed"
    assert "No answer came from 2Checkout." in account().reason


def test_open__an_answer_between_them_starts_the_count_anew(eight, twocheckout):
    for customer in eight:
        twocheckout.fail("500")
        sync.push(customer)
        if customer in (eight[2], eight[5]):
            sync.push(Customer.objects.create(**ADA))
    assert (account().open_until, account().unanswered) == (None, 2)


def test_open__not_for_one_bad_row(ada, twocheckout):
    with twocheckout.outage("500"):
        for _ in range(circuit_breaker.UNANSWERED_LIMIT + 3):
            sync.push(ada)
    assert (account().open_until, account().unanswered, ada.failed_attempts) == (
        None,
        1,
        circuit_breaker.UNANSWERED_LIMIT + 3,
    )


def test_open__not_for_one_bad_pull(pushed, twocheckout):
    ask(Verb.PULL, Customer.objects.all(), [pushed.pk], source=Source.CODE)
    with twocheckout.outage("500"):
        for _ in range(circuit_breaker.UNANSWERED_LIMIT + 3):
            sync.sweep()
            asks_come_due()
    assert (account().open_until, account().unanswered) == (None, 1)


def test_open__late_results_make_it_neither_shorter_nor_longer(ada, twocheckout):
    circuit_breaker.trip("default", "default", RateLimited(retry_after=60))
    until = account().open_until
    circuit_breaker.trip("default", "default", RateLimited())
    assert (account().open_until, account().times_opened) == (until, 1)
    circuit_breaker.trip("default", "default", RateLimited(retry_after=120))
    assert account().open_until > until + timedelta(seconds=50)


# Half-open, and closing.


@pytest.mark.usefixtures("eight")
def test_half_open__one_row_is_tried_then_all(twocheckout):
    twocheckout.fail("429")
    sync.push_pending()
    pause_ends()
    Customer.objects.filter(sync_state="pending").update_unmarked(next_attempt_at=overdue())

    summary = sync.push_pending()

    assert (summary.pushed, summary.wait) == (8 - len(twocheckout.customers) + summary.pushed, None)
    assert len(twocheckout.customers) == 8
    assert (
        account().open_until,
        account().opened_at,
        account().reason,
        account().times_opened,
    ) == (None, None, "", 0)


@pytest.mark.usefixtures("eight", "one_thread")
def test_half_open__a_trial_that_fails_opens_longer_and_uses_up_no_attempts(twocheckout):
    with twocheckout.outage("500"):
        sync.push_pending()
        burnt = sum(Customer.objects.values_list("failed_attempts", flat=True))
        for pauses in (2, 3, 4):
            pause_ends()
            failed_rows_come_due()
            before = len(twocheckout.requests)
            assert sync.push_pending().wait == circuit_breaker.FIRST_OPEN_SECONDS * 2 ** (pauses - 1)
            assert len(twocheckout.requests) == before + 1
            assert account().times_opened == pauses
    assert sum(Customer.objects.values_list("failed_attempts", flat=True)) == burnt == circuit_breaker.UNANSWERED_LIMIT


@pytest.mark.usefixtures("eight")
def test_resume__by_hand(twocheckout):
    assert sync.resume() is False
    circuit_breaker.trip("default", "default", AuthenticationFailed())
    assert sync.push_pending().tried == 0
    assert sync.resume() is True
    assert sync.push_pending().pushed == 8


def test_resume__by_a_push_that_a_person_asked_for(ada, twocheckout):
    circuit_breaker.trip("default", "default", AuthenticationFailed())
    sync.push(ada)
    assert (ada.sync_state, account().open_until) == ("synced", None)


def test_suspect__a_row_that_looks_like_a_refused_account_fails_at_last(ada, twocheckout, configure):
    """A firewall before 2Checkout may answer 403 to one customer's address; the others must not wait for ever."""
    configure(MAX_ATTEMPTS=3)
    for number in range(4):
        failed_rows_come_due()
        twocheckout.fail(Fault(403, "{}"))
        sync.push(ada)
        Customer.objects.create(**ADA, address2=str(number))
        pause_ends()
        assert sync.push_pending().pushed == 1
    ada.refresh_from_db()
    assert (ada.sync_state, ada.error_code) == ("failed", "AuthenticationFailed")
    assert account().open_until is None


@pytest.mark.usefixtures("eight")
def test_half_open__a_trial_without_a_request_goes_on_to_the_next_row(twocheckout):
    """A row that agrees, or is refused here, tells nothing of the account; the others must not wait for it."""
    sync.push_pending()
    Customer.objects.all().mark_pending()
    Customer.objects.filter(pk=Customer.objects.earliest("pk").pk).update(zip="")
    last = Customer.objects.create(**ADA)
    circuit_breaker.trip("default", "default", RateLimited())
    pause_ends()
    summary = sync.push_pending()
    assert (summary.pushed, summary.failed, summary.wait) == (8, 1, None)
    last.refresh_from_db()
    assert (last.sync_state, account().open_until) == ("synced", None)


@pytest.mark.parametrize("fault", ["500", Fault(200, '{"CustomerReference": "1", "Zip": "' + "9" * 70 + '"}')])
def test_open__not_for_two_bad_rows_which_fail_at_last(db, twocheckout, configure, monkeypatch, fault):
    configure(MAX_ATTEMPTS=4)
    bad = [Customer.objects.create(**ADA, address2="bad") for _ in range(2)]
    sync.push_pending()
    for number in range(6):
        Customer.objects.filter(address2="bad", sync_state="pending").update_unmarked(next_attempt_at=overdue())
        if number == 0:
            Customer.objects.filter(address2="bad").update(city="Paris")
        twocheckout.fail(fault, times=2, method="GET")
        sync.push_pending()
        twocheckout.heal()
        assert not Account.objects.exclude(open_until=None).exists()
    assert [Customer.objects.get(pk=customer.pk).sync_state for customer in bad] == ["failed"] * 2


def test_open__not_for_a_tenth_of_failures(db, twocheckout, configure, monkeypatch):
    configure(CONCURRENCY=1)
    monkeypatch.setattr("django_twocheckout.engine.batch.SETTLE_SECONDS", 0.0)
    for _ in range(60):
        Customer.objects.create(**ADA)
    carry_out, numbers = twocheckout._fault_for, iter(range(1000))

    def every_tenth(method):
        return carry_out(method) if next(numbers) % 10 else ("500", FAULTS["500"])

    monkeypatch.setattr(twocheckout, "_fault_for", every_tenth)
    summary = sync.push_pending()
    assert (summary.pushed, summary.waiting, summary.wait) == (54, 6, None)


def test_open__an_answer_to_an_earlier_request_does_not_close(eight, twocheckout):
    claim = claim_of(eight[0])
    outcome = reconcile.push(claim, current_client("default"))
    outcome.requests = 1
    circuit_breaker.trip("default", "default", RateLimited(retry_after=3600))
    finish([(claim, outcome)])
    assert account().open_until > timezone.now() + timedelta(minutes=50)


def test_reason__quotes_no_personal_data(ada, twocheckout):
    twocheckout.fail(Fault(403, '{"error_code": "NO:ada@example.org", "message": "12 St James Sq"}'))
    sync.push(ada)
    ada.refresh_from_db()
    assert account().reason == "2Checkout refused our credentials, or they lack the right for this. (HTTP 403)"
    assert (account().error_code, ada.error_code) == ("AuthenticationFailed", "AuthenticationFailed")


# The wake-up after a pause.


@pytest.mark.usefixtures("eight")
def test_open__one_wake_up_is_reserved(twocheckout, sent):
    twocheckout.fail("429-retry-after")
    tasks.push_pending()
    tasks.push_pending()
    tasks.push_customer(1)
    [message] = sent
    assert (message.task, message.eta is not None) == ("twocheckout.push_pending", True)


def test_signals__once_for_each_pause(db, heard_of_accounts):
    circuit_breaker.trip("default", "default", RateLimited(retry_after=30))
    circuit_breaker.trip("default", "default", RateLimited(retry_after=60))  # and longer
    circuit_breaker.close("default", "default")
    circuit_breaker.close("default", "default")
    [(paused, facts), (resumed, more)] = heard_of_accounts
    assert (paused, resumed) == ("account_paused", "account_resumed")
    assert (facts["account"], facts["reason"]) == ("default", "2Checkout asks us to slow down.")
    assert facts["until"] > timezone.now()
    assert (facts["using"], more["account"]) == ("default", "default")


@pytest.fixture
def heard_of_accounts():
    said = []

    def note(signal, **facts):
        said.append(("account_paused" if signal is signals.account_paused else "account_resumed", facts))

    for signal in (signals.account_paused, signals.account_resumed):
        signal.connect(note)
    yield said
    for signal in (signals.account_paused, signals.account_resumed):
        signal.disconnect(note)
