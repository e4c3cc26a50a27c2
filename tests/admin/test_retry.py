"""Failing customers: since when, when next, and all of one reason tried again."""

from __future__ import annotations

import re
from datetime import timedelta

from django.contrib.admin import site
from django.utils import timezone

from django_twocheckout import sync
from django_twocheckout.admin import CustomerAdmin
from django_twocheckout.engine import circuit_breaker
from django_twocheckout.exceptions import RateLimited
from django_twocheckout.models import Ask, Customer, Job
from django_twocheckout.testing import Fault

from ..customers import ADA
from .pages import LIST, STATUS, form, said, text

RETRY = f"{LIST}retry-reason/"


def failed(count, code="SIM_NO", **columns):
    rows = [Customer(**ADA) for _ in range(count)]
    Customer.objects.bulk_create(rows)
    made = Customer.objects.filter(pk__in=[row.pk for row in rows])
    made.update_unmarked(sync_state="failed", error_code=code, sync_error=f"No. ({code})", **columns)
    return list(made.order_by("pk"))


# Since when.


def test_failing_since__the_first_failure_until_2checkout_has_it(pushed, twocheckout):
    twocheckout.fail(Fault(400, '{"error_code": "SIM_REFUSED", "message": "No."}'), method="PUT", times=3)
    pushed.city = "Paris"
    pushed.save()
    sync.push(pushed)
    first = pushed.failing_since
    assert timezone.now() - first < timedelta(minutes=1)
    sync.push(pushed)
    assert (pushed.sync_state, pushed.failing_since) == ("failed", first)
    pushed.city = "Rome"
    pushed.save()
    sync.push(pushed)
    assert (pushed.sync_state, pushed.failing_since) == ("failed", first)
    sync.push(pushed)
    assert (pushed.sync_state, pushed.failing_since) == ("synced", None)


def test_the_list_of_failed_ones_is_sorted_by_it(admin_client, db):
    now = timezone.now()
    for name, days in (("Newest", 1), ("Oldest", 9), ("Middle", 3)):
        [row] = failed(1, failing_since=now - timedelta(days=days, seconds=5))
        Customer.objects.filter(pk=row.pk).update_unmarked(first_name=name)
    page = admin_client.get(LIST, {"sync_state__exact": "failed"}).content.decode()
    column = re.findall(r"column-(\w+)", page).index("failing") + 1
    assert "failing for" not in page  # it has a column
    assert "failing for 1\xa0week" in admin_client.get(LIST).content.decode()
    page = admin_client.get(LIST, {"sync_state__exact": "failed", "o": column}).content.decode()
    assert re.findall(r">(Newest|Middle|Oldest) Lovelace<", page) == ["Oldest", "Middle", "Newest"]
    assert "column-failing" not in admin_client.get(LIST).content.decode()


# When next.


def test_next_try__later_is_not_now(admin_client, ada):
    line = "waits for a worker"
    assert line in text(admin_client.get(LIST))
    later = timezone.now() + timedelta(minutes=9, seconds=30)
    Customer.objects.update_unmarked(next_attempt_at=later, sync_error="No.")  # trouble of the account costs no try
    assert "next try in 9 minutes" in text(admin_client.get(LIST))
    assert "The next try is in 9 minutes." in text(admin_client.get(form(ada)))


def test_next_try__after_the_pause(admin_client, ada):
    circuit_breaker.trip("default", "default", RateLimited())
    words = text(admin_client.get(LIST))
    assert "next try after the pause" in words
    assert "waits for a worker" not in words


# All of one reason.


def button(page, code):
    """The words of the button for this reason, or None."""
    found = re.search(
        rf'action="{RETRY}">\s*<input[^>]*csrf[^>]*><input type="hidden" name="error_code" value="{code}">\s*'
        r"<button[^>]*>([^<]+)<",
        page.content.decode(),
    )
    return found and found[1]


def test_retry_reason__a_few_at_once(admin_client, twocheckout, db):
    mine, other = failed(3), failed(1, "SIM_OTHER")
    [gone] = failed(1, presence="gone")
    assert button(admin_client.get(STATUS), "SIM_NO") == "Try all 3 again"
    assert button(admin_client.get(STATUS), "SIM_OTHER") == "Try it again"
    assert button(admin_client.get(LIST, {"error_code": "SIM_NO"}), "SIM_NO") == "Try all 3 again"
    assert button(admin_client.get(LIST), "SIM_NO") is None
    page = admin_client.post(RETRY, {"error_code": "SIM_NO"}, follow=True)
    assert said(page) == ("success", "3 customers done.")
    states = dict(Customer.objects.values_list("pk", "sync_state"))
    assert [states[row.pk] for row in [*mine, *other, gone]] == ["synced"] * 3 + ["failed"] * 2
    assert said(admin_client.post(RETRY, {"error_code": "SIM_NO"}, follow=True))[1] == "None of them has failed."


def test_retry_reason__many_are_a_job_without_a_question(admin_client, db, configure):
    configure(CONFIRM_ROWS=5)
    rows = failed(CustomerAdmin.in_request + 2)
    failed(2, "SIM_OTHER")
    page = admin_client.post(RETRY, {"error_code": "SIM_NO"})
    job = Job.objects.get()
    assert page["Location"] == f"/admin/twocheckout/job/{job.pk}/change/"
    assert sorted(Ask.objects.values_list("customer", flat=True)) == [row.pk for row in rows]


def test_retry_reason__by_who_may(support, twocheckout, db):
    failed(2)
    client = support()
    assert button(client.get(STATUS), "SIM_NO") is None
    assert button(client.get(LIST, {"error_code": "SIM_NO"}), "SIM_NO") is None
    assert client.post(RETRY, {"error_code": "SIM_NO"}).status_code == 403
    assert client.get(RETRY)["Location"] == STATUS
    assert twocheckout.requests == []


def test_retry_reason__what_a_person_may_see_and_push_alone(admin_client, twocheckout, db, monkeypatch):
    hidden, forbidden, free = failed(3)

    class OwnRules(CustomerAdmin):
        def get_queryset(self, request):
            return super().get_queryset(request).exclude(pk=hidden.pk)

        def has_push_permission(self, request, obj=None):
            return super().has_push_permission(request, obj) and obj != forbidden

    monkeypatch.setattr(site.get_model_admin(Customer), "__class__", OwnRules)
    assert button(admin_client.get(STATUS), "SIM_NO") == "Try all 2 again"
    admin_client.post(RETRY, {"error_code": "SIM_NO"})
    synced = Customer.objects.filter(sync_state="synced").values_list("pk", flat=True)
    assert list(synced) == [free.pk]
