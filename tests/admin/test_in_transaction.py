"""The admin with a middleware that opens a transaction around each request, as django-reversion's does."""

from __future__ import annotations

import pytest
from django.conf import settings as project
from django.db import transaction

from django_twocheckout import sync
from django_twocheckout.models import Customer, Job

from ..customers import ADA, GRACE
from ..vendor_log import methods
from .pages import ADD, CARDS, LIST, STATUS, act, said

pytestmark = pytest.mark.django_db(transaction=True)


def one_transaction(get_response):
    def middleware(request):
        with transaction.atomic():
            return get_response(request)

    return middleware


@pytest.fixture(autouse=True)
def _one_transaction(settings):
    settings.MIDDLEWARE = [f"{__name__}.one_transaction", *project.MIDDLEWARE]


@pytest.mark.parametrize("action", ["push_now", "refetch"])
def test_actions_of_the_list(admin_client, pushed, twocheckout, action):
    level, words = said(act(admin_client, action, pushed))
    assert (level, methods(twocheckout)) == ("error", [])
    assert "runs inside a database transaction" in words


@pytest.mark.parametrize("button", ["push", "refetch"])
def test_buttons_of_the_form(admin_client, pushed, twocheckout, button):
    level, words = said(admin_client.post(f"{LIST}{pushed.pk}/{button}/", follow=True))
    assert (level, methods(twocheckout)) == ("error", [])
    assert "runs inside a database transaction" in words


def test_retry_failed__keeps_the_row(admin_client, pushed, twocheckout):
    Customer.objects.update_unmarked(sync_state="failed", sync_error="No.")
    assert said(act(admin_client, "retry_failed", pushed))[0] == "error"
    row = Customer.objects.get()
    assert (row.sync_state, row.sync_error, row.lease_expires_at, methods(twocheckout)) == ("failed", "No.", None, [])


def test_cards(admin_client, with_cards, twocheckout):
    address = f"{CARDS}?customer={with_cards.pk}"
    page = admin_client.get(address)
    sealed = page.context["holders"][0].rows[0].sealed
    assert "Delete this card" in admin_client.post(address, {"card": sealed}).content.decode()
    level, words = said(admin_client.post(address, {"card": sealed, "confirmed": "1"}, follow=True))
    assert (level, methods(twocheckout)) == ("error", ["GET"])
    assert "runs inside a database transaction" in words


def test_add(admin_client, twocheckout):
    theirs = twocheckout.add_customer(**GRACE)
    page = admin_client.post(ADD, {"reference": theirs})
    level, words = said(admin_client.post(ADD, {"found": page.context["sealed"]}, follow=True))
    assert (level, Customer.objects.count()) == ("error", 0)
    assert "runs inside a database transaction" in words


def test_choices_between_both_sides(admin_client, pushed, twocheckout):
    twocheckout.edit(pushed.customer_reference, City="Rome")
    address = f"{LIST}{pushed.pk}/differences/"
    seen = admin_client.get(address).context["seen"]
    page = admin_client.post(address, {"seen": seen, "field-City": "remote"}, follow=True)
    assert (said(page)[0], Customer.objects.get().city) == ("error", "London")


def test_a_job_begins_once_it_is_committed(admin_client, many, sent):
    sent.clear()
    page = act(admin_client, "push_now", *many)
    job = Job.objects.get()
    begun = [message.task for message in sent]
    assert page.redirect_chain == [(f"/admin/twocheckout/job/{job.pk}/change/", 302)]
    assert begun == ["twocheckout.push_pending"] * 2  # the second one after the commit


def test_push_due__wakes_a_worker_after_the_commit_too(admin_client, pushed, sent):
    sent.clear()
    assert said(admin_client.post(f"{STATUS}push-due/", follow=True))[0] == "success"
    assert [message.task for message in sent] == ["twocheckout.push_pending"] * 2


def test_a_job_with_eager_tasks_is_done_after_the_commit(admin_client, many, twocheckout, other_broker):
    other_broker("memory://", task_always_eager=True)
    act(admin_client, "push_now", *many)
    assert len(twocheckout.customers) == len(many)


def test_sync_in_a_transaction__says_what_to_do(twocheckout):
    ada = Customer.objects.create(**ADA)
    theirs = twocheckout.add_customer(**GRACE)
    calls = [
        lambda: sync.push(ada),
        lambda: sync.pull(ada),
        lambda: sync.resolve(ada, {}),
        lambda: sync.delete_card(ada, "token"),
        lambda: sync.add(theirs),
        lambda: sync.push_each([ada.pk]),
        lambda: sync.pull_each([ada.pk]),
        sync.push_pending,
    ]
    for call in calls:
        with transaction.atomic(), pytest.raises(RuntimeError, match="Call it after the transaction"):
            call()
    assert methods(twocheckout) == ["GET"]
    assert sync.push(ada).sync_state == "synced"
