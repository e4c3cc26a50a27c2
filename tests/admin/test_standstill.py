"""No worker was seen: what the pages say, and what the buttons answer."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from django_twocheckout import sync
from django_twocheckout.flows import jobs
from django_twocheckout.models import Account, Customer, Verb

from .pages import LIST, STATUS, form, said, text

RED = "⚠ Customers wait, and no worker was seen for long: is a worker running? Is beat or cron running?"


@pytest.fixture
def no_worker(ada):
    """A row that has waited for an hour, three days after the last worker."""
    Account.objects.note_sweep("default", "default")
    Account.objects.update(worked_at=ago(days=3), swept_at=ago(days=4))
    Customer.objects.update_unmarked(pending_since=ago(hours=1))
    return ada


def ago(**span):
    return timezone.now() - timedelta(**span, seconds=5)


def pages(customer):
    job = jobs.begin(Verb.PUSH, [customer.pk])
    return [LIST, form(customer), f"/admin/twocheckout/job/{job.pk}/change/"]


def test_each_page_says_it_with_what_was_last_seen(admin_client, no_worker):
    for page in pages(no_worker):
        words = text(admin_client.get(page))
        assert RED in words, page
        assert "A worker was last seen 3\xa0days ago (".replace("\xa0", " ") in words
        assert "The last sweep was 4 days ago." in words
    words = text(admin_client.get(STATUS))
    assert "⚠ No worker was seen for 3 days: is a worker running? Is beat or cron running?" in words


@pytest.mark.parametrize("why", ["a worker moves", "nothing waits for long", "nothing is to be sent"])
def test_no_page_says_it_while(admin_client, no_worker, configure, why):
    if why == "a worker moves":
        Account.objects.update(worked_at=ago(minutes=10))
    elif why == "nothing waits for long":
        Customer.objects.update_unmarked(pending_since=ago(minutes=10))
    else:
        configure(ENABLED=False)
    for page in pages(no_worker):
        assert RED not in text(admin_client.get(page)), page
    assert "No worker was seen" not in text(admin_client.get(STATUS))


def test_never_seen(admin_client, ada):
    Customer.objects.update_unmarked(pending_since=ago(hours=1))
    assert f"{RED} No worker was ever seen. No sweep has run yet." in text(admin_client.get(LIST))
    assert "No worker was ever seen: is a worker running?" in text(admin_client.get(STATUS))


def test_buttons_do_not_answer_in_green(admin_client, no_worker):
    for button in (f"{STATUS}push-due/", "job"):
        if button == "job":
            button = f"/admin/twocheckout/job/{jobs.begin(Verb.PUSH, [no_worker.pk]).pk}/continue/"
        level, words = said(admin_client.post(button, follow=True))
        assert (level, "none has been seen for long: is a worker running?" in words) == ("warning", True)
    Account.objects.update(worked_at=timezone.now())
    assert said(admin_client.post(f"{STATUS}push-due/", follow=True))[0] == "success"


def test_a_worker_is_seen__once_in_a_while(no_worker, twocheckout, django_assert_num_queries):
    sync.push_each([no_worker.pk])
    seen = Account.objects.get().worked_at
    assert timezone.now() - seen < timedelta(minutes=1)
    sync.push_each([no_worker.pk])
    assert Account.objects.get().worked_at == seen  # not one write for each push
    Account.objects.update(worked_at=ago(minutes=1))
    sync.sweep()
    assert Account.objects.get().worked_at > seen


def test_a_person_is_no_worker(admin_client, no_worker, twocheckout):
    before = Account.objects.get().worked_at
    admin_client.post(f"{LIST}{no_worker.pk}/push/")
    assert Customer.objects.get().sync_state == "synced"
    assert Account.objects.get().worked_at == before
