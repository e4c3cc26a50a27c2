from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry

from django_twocheckout import sync, tasks
from django_twocheckout.admin import CustomerAdmin
from django_twocheckout.admin.pages import push_pull
from django_twocheckout.flows import jobs
from django_twocheckout.models import Ask, Customer, Job, database_now

from ..clock import overdue
from .pages import LIST, act, said, text


def bar(response):
    [(most, value)] = re.findall(
        r'<progress class="tco-progress[^"]*" max="(\d+)" value="(\d+)"', response.content.decode()
    )
    return int(value), int(most)


@pytest.mark.parametrize(
    ("action", "verb", "title"),
    [("push_now", "push", "Push 12 customers"), ("refetch", "pull", "Re-fetch 12 customers")],
)
def test_many_become_a_job(admin_client, many, sent, twocheckout, action, verb, title):
    page = act(admin_client, action, *many)
    job = Job.objects.get()
    assert page.redirect_chain == [(f"/admin/twocheckout/job/{job.pk}/change/", 302)]
    assert (job.verb, job.total) == (verb, 12)
    assert [message.task for message in sent] == ["twocheckout.push_pending"]
    assert title in text(page)
    assert "Waiting for a worker. 0 customers done. 12 customers left." in text(page)
    assert bar(page) == (0, 12)
    assert LogEntry.objects.get().object_repr == str(job)
    assert twocheckout.requests == []


def test_the_page_of_a_job(admin_client, many, twocheckout):
    Customer.objects.filter(pk=many[2].pk).update(zip="")
    page = act(admin_client, "push_now", *many)
    address = page.redirect_chain[-1][0]
    assert "data-live" in page.content.decode()
    assert "/static/twocheckout/progress.js" in page.content.decode()

    tasks.push_pending()
    page = admin_client.get(address)
    assert "Ended. 11 customers done. 1 customer not done." in text(page)
    assert "Not done Ada Row 2 : Not sent to 2Checkout: Zip is required." in text(page)
    assert f'href="/admin/twocheckout/customer/{many[2].pk}/change/"' in page.content.decode()
    assert bar(page) == (12, 12)
    assert "data-live" not in page.content.decode()
    assert ">Stop<" not in page.content.decode()


def test_a_job_is_found_again(admin_client, many, twocheckout):
    act(admin_client, "push_now", *many)
    job = Job.objects.get()
    page = admin_client.get(LIST)
    assert "Push 12 customers: 0 done, 12 to go. Watch it" in text(page)
    assert f'href="/admin/twocheckout/job/{job.pk}/change/"' in page.content.decode()
    assert "Push 12 customers" in text(admin_client.get("/admin/twocheckout/job/"))
    tasks.push_pending()
    assert "Watch it" not in text(admin_client.get(LIST))
    assert "ended" in text(admin_client.get("/admin/twocheckout/job/"))


def test_stop_and_continue(admin_client, many, sent, twocheckout):
    act(admin_client, "push_now", *many)
    job = Job.objects.get()
    sent.clear()
    address = f"/admin/twocheckout/job/{job.pk}/"
    assert admin_client.get(f"{address}stop/")["Location"] == f"{address}change/"
    assert not Job.objects.get().stopped
    assert said(admin_client.post(f"{address}continue/", follow=True)) == (
        "success",
        "A worker has been asked to go on.",
    )
    assert [message.task for message in sent] == ["twocheckout.push_pending"]
    sent.clear()
    Customer.objects.update_unmarked(sync_state="failed")
    assert said(admin_client.post(f"{address}stop/", follow=True))[0] == "success"
    tasks.push_pending()
    assert twocheckout.requests == []
    assert "Stopped. 0 customers done. 12 customers left." in text(admin_client.get(f"{address}change/"))
    assert "stopped" in text(admin_client.get("/admin/twocheckout/job/"))
    entries = LogEntry.objects.count()
    assert said(admin_client.post(f"{address}stop/", follow=True)) == ("info", "It had ended already.")
    assert LogEntry.objects.count() == entries
    assert ">Go on<" in admin_client.get(f"{address}change/").content.decode()
    assert said(admin_client.post(f"{address}continue/", follow=True))[0] == "success"
    tasks.push_pending()
    assert "Done. 12 customers done." in text(admin_client.get(f"{address}change/"))


def test_try_these_again(admin_client, many, sent, twocheckout):
    Customer.objects.filter(pk=many[2].pk).update(zip="")
    act(admin_client, "push_now", *many)
    tasks.push_pending()
    address = f"/admin/twocheckout/job/{Job.objects.get().pk}/"
    assert ">Try these again<" in admin_client.get(f"{address}change/").content.decode()
    Customer.objects.filter(pk=many[2].pk).update(zip="1")
    sent.clear()
    assert said(admin_client.post(f"{address}again/", follow=True))[0] == "success"
    assert [message.task for message in sent] == ["twocheckout.push_pending"]
    tasks.push_pending()
    page = admin_client.get(f"{address}change/")
    assert "Done. 12 customers done." in text(page)
    assert ">Try these again<" not in page.content.decode()
    assert said(admin_client.post(f"{address}again/", follow=True)) == ("info", "None of them has failed.")


def test_what_is_tried_again_is_told(admin_client, many, twocheckout):
    act(admin_client, "push_now", *many)
    Ask.objects.filter(customer=many[2]).update(due_at=None, reason="No answer.")
    page = text(admin_client.get(f"/admin/twocheckout/job/{Job.objects.get().pk}/change/"))
    assert "Waiting for the next worker. 0 customers done. 12 customers left. 1 of them did not work so far" in page
    assert "No answer. (tried again)" in page
    Ask.objects.filter(customer=many[2]).update(outcome="failed")
    assert "11 left" in text(admin_client.get("/admin/twocheckout/job/"))


def test_the_list_of_jobs_asks_once_for_all_users(admin_client, admin_user, many, django_assert_num_queries):
    for user in (admin_user.pk, "nightly", ""):
        jobs.begin("push", [many[0].pk], user=user)
    admin_client.get("/admin/twocheckout/job/")
    with django_assert_num_queries(8):
        page = text(admin_client.get("/admin/twocheckout/job/"))
    assert page.count("Push 1 customer") == 3
    assert page.count("under way") == 3


@pytest.mark.parametrize("seconds", [0, 60])
def test_what_takes_too_long_becomes_a_job(admin_client, many, sent, twocheckout, monkeypatch, seconds):
    monkeypatch.setattr(CustomerAdmin, "seconds_in_request", seconds)
    page = act(admin_client, "push_now", *many[:3])
    if seconds:
        assert said(page) == ("success", "3 customers done.")
        assert not Job.objects.exists()
    else:
        assert said(page) == ("success", "Pushed to 2Checkout.")
        assert "Push 2 customers" in text(page)
        assert Job.objects.get().total == 2


def test_what_is_left_when_the_account_is_paused_becomes_a_job(admin_client, many, sent, twocheckout):
    twocheckout.fail("401")
    page = act(admin_client, "push_now", *many[:5])
    assert len(twocheckout.requests) == 1
    assert Job.objects.get().total == 4
    assert "Waiting until the account is no longer paused." in text(page)


def test_a_customer_is_gone_meanwhile(admin_client, many, twocheckout, monkeypatch):
    def gone_first(customer, user, push=push_pull.push):
        Customer.objects.filter(pk=many[1].pk).delete()
        return push(customer, user)

    monkeypatch.setattr(push_pull, "push", gone_first)
    level, message = said(act(admin_client, "push_now", *many[:3]))
    assert level == "warning"
    assert "2 customers done. 1 customer not done:" in message
    assert "This customer is no longer here." in message


def test_the_button_on_the_form_of_an_admin_that_does_nothing_at_once(admin_client, many, sent, monkeypatch):
    monkeypatch.setattr(CustomerAdmin, "in_request", 0)
    page = admin_client.post(f"{LIST}{many[0].pk}/push/", follow=True)
    assert page.redirect_chain == [(f"/admin/twocheckout/job/{Job.objects.get().pk}/change/", 302)]


def test_a_worker_at_it_and_a_pause(admin_client, many, twocheckout):
    page = act(admin_client, "push_now", *many)
    address, job = page.redirect_chain[-1][0], Job.objects.get()
    asked = Ask.objects.filter(job=job)
    asked.update(lease="x", due_at=database_now() + timedelta(minutes=1))
    assert "Under way." in text(admin_client.get(address))
    asked.update(lease="", due_at=overdue())
    twocheckout.fail("401")
    sync.push_pending(limit=1)
    page = text(admin_client.get(address))
    assert "Waiting until the account is no longer paused." in page
    assert "2Checkout refused our credentials" in page


def test_a_dead_broker(admin_client, many, other_broker):
    options = {"max_retries": 0, "socket_connect_timeout": 0.2}
    other_broker("redis://127.0.0.1:1/0", broker_transport_options=options, task_publish_retry=False)
    level, message = said(act(admin_client, "push_now", *many))
    assert (level, "The broker does not answer" in message) == ("warning", True)
    level, message = said(admin_client.post(f"/admin/twocheckout/job/{Job.objects.get().pk}/continue/", follow=True))
    assert (level, message) == ("warning", "The broker does not answer, so it may take until the next sweep.")


# Before many are touched.


def test_more_than_a_settings_number_are_asked_for_once_more(admin_client, many, configure):
    configure(CONFIRM_ROWS=11)
    page = act(admin_client, "push_now", *many)
    assert Job.objects.count() == 0
    assert "Push 12 customers?" in text(page)
    assert "and 2 more" in text(page)
    hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.content.decode())
    data: dict[str, list[str]] = {}
    for name, value in hidden:
        data.setdefault(name, []).append(value)
    admin_client.post(LIST, data)
    assert Job.objects.get().total == 12


def test_all_of_the_list_are_asked_for_once_more(admin_client, many, configure):
    configure(CONFIRM_ROWS=11)
    data = {"action": "refetch", "select_across": "1", "_selected_action": [many[0].pk]}
    page = admin_client.post(f"{LIST}?sync_state__exact=pending", data)
    assert "Re-fetch 12 customers?" in text(page)
    assert 'name="select_across" value="1"' in page.content.decode()
    admin_client.post(f"{LIST}?sync_state__exact=pending", {**data, "confirmed": "yes"})
    assert Job.objects.get().total == 12


def test_too_many_for_a_job(admin_client, many, monkeypatch):
    monkeypatch.setattr(push_pull, "MOST_CUSTOMERS", 11)
    assert said(act(admin_client, "refetch", *many)) == (
        "warning",
        "These are more than 11 customers. Narrow them down, or use the command twocheckout_pull.",
    )
    assert Job.objects.count() == 0


# Retry failed.


def test_retry_failed__only_those(admin_client, many, twocheckout):
    Customer.objects.filter(pk__in=[many[0].pk, many[1].pk]).update_unmarked(sync_state="failed", sync_error="No.")
    assert said(act(admin_client, "retry_failed", *many)) == ("success", "2 customers done.")
    assert Customer.objects.filter(sync_state="synced").count() == 2


def test_retry_failed__none(admin_client, many):
    assert said(act(admin_client, "retry_failed", *many)) == ("info", "None of them has failed.")


# Who may what.


def test_jobs__permissions(support, many, twocheckout):
    client = support()
    job = jobs.begin("push", [many[0].pk])
    address = f"/admin/twocheckout/job/{job.pk}/"
    page = client.get(f"{address}change/")
    assert page.status_code == 200
    assert ">Stop<" not in page.content.decode()
    assert client.post(f"{address}stop/").status_code == 403
    assert client.post(f"{address}continue/").status_code == 403
    assert client.post(f"{address}again/").status_code == 403
    assert client.get(f"{address}delete/").status_code == 403
    assert client.get("/admin/twocheckout/job/add/").status_code == 403
    client = support("push_customer")
    assert client.post(f"{address}stop/").status_code == 302


def test_jobs__strangers(client, django_user_model, many):
    job = jobs.begin("push", [many[0].pk])
    client.force_login(django_user_model.objects.create_user("stranger", is_staff=True))
    assert client.get(f"/admin/twocheckout/job/{job.pk}/change/").status_code == 403
    assert client.get("/admin/twocheckout/job/").status_code == 403


def test_jobs__unknown(admin_client, db):
    assert admin_client.get("/admin/twocheckout/job/4711/change/").status_code == 404
    assert admin_client.post("/admin/twocheckout/job/4711/stop/").status_code == 404
