from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from django_twocheckout import sync
from django_twocheckout.engine import retry
from django_twocheckout.exceptions import ServerFailed

from ..clock import retries_come_due
from ..customers import change


@pytest.mark.parametrize("fault", ["500", "503", "html-502", "reset", "not-json", "html-404", "redirect", "huge"])
def test_retry__later(pushed, twocheckout, heard, fault):
    twocheckout.fail(fault)
    change(pushed, city="Paris")
    sync.push_pending()

    pushed.refresh_from_db()
    assert (pushed.sync_state, pushed.failed_attempts) == ("pending", 1)
    assert pushed.sync_error
    assert timezone.now() < pushed.next_attempt_at < timezone.now() + timedelta(seconds=80)
    assert (heard[-1][0], heard[-1][1]["final"]) == ("customer_push_failed", False)
    sync.push_pending()
    assert len(twocheckout.requests) == 1
    retries_come_due()
    sync.push_pending()
    pushed.refresh_from_db()
    assert (pushed.sync_state, pushed.failed_attempts, pushed.sync_error) == ("synced", 0, "")


def test_retry__ends_after_so_many_attempts(pushed, twocheckout, configure):
    configure(MAX_ATTEMPTS=3)
    change(pushed, city="Paris")
    with twocheckout.outage():
        for _ in range(5):
            retries_come_due()
            sync.push_pending()
    pushed.refresh_from_db()
    assert (pushed.sync_state, pushed.failed_attempts, len(twocheckout.requests)) == ("failed", 3, 3)
    assert "Down for maintenance" in pushed.sync_error
    change(pushed, city="Rome")
    sync.push_pending()
    pushed.refresh_from_db()
    assert (pushed.sync_state, pushed.failed_attempts) == ("synced", 0)


@pytest.mark.parametrize("fault", ["401", "429"])
def test_retry__an_account_failure_uses_up_no_attempts(pushed, twocheckout, configure, fault):
    configure(MAX_ATTEMPTS=1)
    change(pushed, city="Paris")
    twocheckout.fail(fault)
    sync.push(pushed)
    assert (pushed.sync_state, pushed.failed_attempts) == ("pending", 0)
    assert pushed.sync_error
    sync.push(pushed)
    assert pushed.sync_state == "synced"


def test_retry__retry_after_is_honoured(pushed, twocheckout):
    change(pushed, city="Paris")
    twocheckout.behaviour.set(rate_limit=0, retry_after="120")
    sync.push(pushed)
    assert pushed.next_attempt_at > timezone.now() + timedelta(seconds=115)


def test_backoff__doubles_and_is_capped():
    for attempts, seconds in [(0, 60), (1, 60), (2, 120), (5, 960), (99, 3600)]:
        delay = retry.backoff(ServerFailed(), attempts)
        assert 0.7 * seconds <= delay <= 1.3 * seconds
    assert len({retry.backoff(ServerFailed(), 3) for _ in range(9)}) > 1
    assert retry.backoff(ServerFailed(retry_after=9999.0), 1) == 9999
