from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_twocheckout import sync, tasks
from django_twocheckout.engine import history
from django_twocheckout.exceptions import TwoCheckoutError
from django_twocheckout.models import Attempt, Customer

from ..clock import retries_come_due
from ..customers import ADA


def last() -> Attempt:
    return Attempt.objects.latest("pk")


def line(attempt: Attempt) -> tuple:
    return attempt.verb, attempt.outcome, attempt.http_status, attempt.error_code, attempt.requests, attempt.source


def test_each_end_leaves_a_line(ada, twocheckout):
    sync.push(ada)
    assert line(last()) == ("push", "done", 200, "", 1, "code")
    assert (last().created, last().customer, last().failed_attempts) == (True, ada, 0)
    assert "FirstName" in last().sent

    ada.city = "Paris"
    ada.save()
    twocheckout.edit(ada.customer_reference, Phone="555", City="Rome")
    sync.push(ada, source="user", user=7)
    assert line(last()) == ("push", "done", 200, "", 2, "user")
    assert (last().sent, last().adopted, last().conflicts, last().user) == ("City", "Phone", "City", "7")
    assert (last().created, last().milliseconds >= 0) == (False, True)

    sync.push(ada)
    assert line(last()) == ("push", "agreed", None, "", 0, "code")

    ada.city = "Oslo"
    ada.save()
    twocheckout.fail("503")
    sync.push(ada)
    assert line(last()) == ("push", "retry", 503, "SIM_MAINTENANCE", 1, "code")
    assert last().failed_attempts == 1
    twocheckout.fail("reset")
    sync.push(ada)
    assert line(last())[1:4] == ("retry", None, "ConnectionFailed")

    ada.company, ada.fiscal_code = "Engines", "INVALID"
    ada.save()
    sync.push(ada)
    assert line(last()) == ("push", "failed", 400, "SIM_INVALID_FISCAL_CODE", 2, "code")


def test_pulls_and_deleted_cards(ada, twocheckout):
    sync.push(ada)
    twocheckout.edit(ada.customer_reference, Phone="555")
    sync.pull(ada, source="user", user=3)
    assert (line(last()), last().adopted) == (("pull", "done", 200, "", 1, "user"), "Phone")
    twocheckout.add_card(ada.customer_reference, subscription="S1")
    with pytest.raises(TwoCheckoutError):
        sync.delete_card(ada, sync.cards(ada)[0].token, source="user", user=3)
    assert line(last()) == ("delete", "failed", 400, "CardNotDeleted", 1, "user")


@pytest.mark.parametrize("way", ["save", "sweep", "retry", "task"])
def test_who_asked(ada, twocheckout, way):
    if way == "retry":
        twocheckout.fail("503")
        sync.push(ada)
        retries_come_due()
    if way == "sweep":
        sync.push_pending()
    else:
        tasks.push_customer(ada.pk)
    assert last().source == {"task": "save"}.get(way, way)


def test_holds_no_values(ada, twocheckout):
    sync.push(ada)
    twocheckout.fail("500")
    ada.city = "Paris"
    ada.save()
    sync.push(ada)
    stored = str(list(Attempt.objects.values()))
    for private in ("Ada", "Lovelace", "London", "Paris", "example.org"):
        assert private not in stored


def test_is_written_many_lines_at_a_time(db, twocheckout):
    for _ in range(60):
        Customer.objects.create(**ADA)
    with CaptureQueriesContext(connection) as statements:
        sync.push_pending()
    table = Attempt._meta.db_table
    inserts = [one for one in statements if one["sql"].startswith("INSERT") and table in one["sql"]]
    assert 0 < len(inserts) < 20  # however slow the machine is
    assert Attempt.objects.count() == 60


def test_zero_days_keep_none(ada, twocheckout, configure):
    configure(HISTORY_DAYS=0)
    sync.push(ada)
    assert not Attempt.objects.exists()


def test_that_cannot_be_written_harms_no_push(ada, twocheckout, monkeypatch, caplog):
    def fail(*args, **kwargs):
        raise DatabaseError

    monkeypatch.setattr("django.db.models.query.QuerySet.bulk_create", fail)
    sync.push(ada)
    assert ada.sync_state == "synced"
    assert "history not written: DatabaseError" in caplog.text


def test_purge__in_portions(ada, monkeypatch, configure):
    configure(HISTORY_DAYS=2)
    monkeypatch.setattr(history, "PURGE_ROWS", 10)
    monkeypatch.setattr(history, "PURGE_PORTIONS", 2)
    old, new = timezone.now() - timedelta(days=2, seconds=1), timezone.now() - timedelta(days=1)
    Attempt.objects.bulk_create(
        Attempt(customer=ada, at=at, verb="push", outcome="done", source="save") for at in [old] * 25 + [new]
    )
    assert history.purge("default") == 20
    sync.push_pending()
    assert history.purge("default") == 0
    assert Attempt.objects.filter(at__lt=new).count() == 0
    assert Attempt.objects.filter(at=new).count() == 1


def test_goes_with_its_customer(ada, twocheckout):
    sync.push(ada)
    ada.delete()
    assert not Attempt.objects.exists()


def made(number: int, kind: int) -> Attempt:
    return Attempt(
        customer_id=number,
        account="default",
        at=timezone.now().replace(microsecond=number),
        verb="push",
        outcome="retry" if kind else "done",
        http_status=500 + kind if kind else None,
        created=bool(kind),
        milliseconds=number * 10,
        sent=f"City{'Ż%s' * kind} Phone",
        source="sweep",
    )


@pytest.mark.parametrize("kinds", [1, 2, 8, 30])
def test_lines_of_a_batch_are_written_as_they_are(db, kinds):
    lines = [made(number, number % kinds) for number in range(1, 61)]

    history.write(lines, "default")

    names = [field.attname for field in Attempt._meta.concrete_fields if not field.primary_key]
    written = Attempt.objects.order_by("customer_id").values_list(*names)
    assert list(written) == [tuple(getattr(one, name) for name in names) for one in lines]


@pytest.mark.parametrize("lines", [0, 1])
def test_no_line_and_one_line(db, lines):
    history.write([made(number + 1, 0) for number in range(lines)], "default")
    assert Attempt.objects.count() == lines
