"""DISPATCH: workers of another queue than Celery's are woken by a function of the project, or nobody is."""

from __future__ import annotations

import pytest
from django.contrib import messages
from django.core.checks import run_checks

from django_twocheckout import dispatch, sync, tasks
from django_twocheckout.admin.base import wake, woken
from django_twocheckout.flows import jobs
from django_twocheckout.models import Account, Customer, Verb

from . import queues
from .admin.pages import LIST, STATUS, form, text
from .customers import ADA, change


@pytest.fixture(autouse=True)
def _forget():
    queues.calls.clear()
    yield
    queues.calls.clear()


@pytest.fixture
def through(configure):
    """Lets workers be woken by this function of :mod:`tests.queues`, or by ``none``."""

    def choose(name):
        configure(DISPATCH=name if name == "none" else f"tests.queues.{name}", PUSH_ON_SAVE=True)

    return choose


# The project's function.


@pytest.mark.django_db(transaction=True)
def test_it_is_called_with_what_has_to_be_done(through, sent, clock):
    through("note")
    pks = [Customer.objects.create(**ADA).pk for _ in range(3)]
    # The first at once, and one for the other two.
    assert queues.calls == [("push_customer", pks[0], None, 0), ("push_customer", pks[1], None, 1)]
    assert sent == []  # Celery hears nothing


def test_a_database_of_its_own_is_named(through):
    through("note")
    assert dispatch.enqueue(tasks.push_pending, database="replica", countdown=2.1) is True
    assert dispatch.enqueue(tasks.push_pending, database="default") is True
    assert queues.calls == [("push_pending", None, "replica", 3), ("push_pending", None, None, 0)]


@pytest.mark.django_db(transaction=True)
def test_what_it_raises_harms_no_save_and_is_logged_once(through, caplog, clock):
    through("fail")
    for _ in range(3):
        Customer.objects.create(**ADA)
        clock(0.6)
    assert len(queues.calls) == 1  # the breaker is open
    clock(dispatch.BREAK_SECONDS)
    Customer.objects.create(**ADA)
    assert len(queues.calls) == 2
    [record] = [record for record in caplog.records if record.name == "twocheckout"]
    assert record.levelname == "ERROR"
    assert "tests.queues.fail of DISPATCH raised ConnectionError" in record.message
    assert "queues.py" in record.message
    assert "topsecret" not in caplog.text
    assert Customer.objects.filter(sync_state="pending").count() == 4


def test_a_slow_one_is_spared(through, caplog, monkeypatch):
    monkeypatch.setattr(dispatch, "PUBLISH_SECONDS", 0.01)
    through("dawdle")
    assert dispatch.enqueue(tasks.push_pending) is True
    assert dispatch.enqueue(tasks.push_pending) is False
    assert len(queues.calls) == 1
    assert "tests.queues.dawdle of DISPATCH takes more than" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_one_that_works_at_once_asks_for_no_more(through, twocheckout, caplog):
    """Else a sweep in the sweep would follow, and so on."""
    through("work_here")
    ada = Customer.objects.create(**ADA)
    ada.refresh_from_db()
    assert ada.sync_state == "synced"
    twocheckout.fail("503", times=20)
    Customer.objects.bulk_create([Customer(**ADA) for _ in range(5)])
    dispatch.wake(tasks.push_pending)
    assert {one[0] for one in queues.calls} == {"push_customer", "push_pending"}
    assert len(queues.calls) <= 4
    assert "bug" not in caplog.text


def test_the_work(ada, twocheckout):
    tasks.run("push_customer", ada.pk)
    ada.refresh_from_db()
    assert ada.sync_state == "synced"
    change(ada, city="Rome")
    tasks.run("push_pending")
    ada.refresh_from_db()
    assert ada.sync_state == "synced"
    for what in ("push_customer", "pull", ""):
        with pytest.raises(ValueError, match="no such work"):
            tasks.run(what)


def test_a_wrong_path_harms_no_save(configure, db, caplog, django_capture_on_commit_callbacks):
    configure(DISPATCH="no.such.wake", PUSH_ON_SAVE=True)
    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            Customer.objects.create(**ADA)
    [record] = [record for record in caplog.records if record.name == "twocheckout"]
    assert (record.levelname, "importing this one raises ModuleNotFoundError" in record.message) == ("ERROR", True)


@pytest.mark.parametrize("name", ["note", "work_here"])
def test_in_a_transaction__called_after_it(through, db, name, django_capture_on_commit_callbacks):
    """A button of the admin, in a request with a transaction around it."""
    through(name)
    with django_capture_on_commit_callbacks():
        assert wake(tasks.push_pending, database="default") is True
    assert queues.calls == []


# Nobody.


@pytest.mark.django_db(transaction=True)
def test_none__nobody_is_woken_and_the_sweep_does_it(through, sent, twocheckout, caplog):
    through("none")
    ada = Customer.objects.create(**ADA)
    Customer.objects.update(city="Rome")
    jobs.begin(Verb.PUSH, [ada.pk])
    assert (sent, caplog.text, dispatch._broken_until) == ([], "", 0.0)
    assert sync.push_pending().pushed == 1


def test_none__no_wake_up_is_reserved(through, ada, twocheckout, sent):
    through("none")
    twocheckout.fail("503")
    tasks.push_pending()
    assert sent == []
    assert Account.objects.get().wakeup_at is None


def test_none__the_admin_says_so(through, admin_client, ada):
    through("none")
    assert woken(found=False, database="default", words="") == (
        messages.WARNING,
        "This site wakes no worker, so it is done by the next sweep.",
    )
    page = text(admin_client.get(form(ada)))
    assert "At the next sweep." in page
    assert "As soon as a worker is free." not in page
    assert "waits for the sweep" in text(admin_client.get(LIST))
    assert "No sweep has ever run: does cron run “manage.py twocheckout_push”?" in text(admin_client.get(STATUS))
    response = admin_client.post(form(ada), {**ADA, "city": "Rome", "_continue": "1"}, follow=True)
    assert "looks again by itself" not in text(response)  # nobody comes in a moment


def test_a_function_that_fails__the_admin_blames_no_broker(through, db):
    through("fail")
    words = woken(found=False, database="default")[1]
    assert words == "No worker could be woken, so it may take until the next sweep."


@pytest.mark.parametrize("name", ["none", "note"])
def test_checks_ask_nothing_about_celery(through, other_broker, name):
    def ids():
        return {one.id for one in run_checks(tags=["twocheckout"], include_deployment_checks=True)}

    about_celery = {f"twocheckout.W00{number}" for number in range(1, 6)}
    other_broker("memory://", task_always_eager=True)
    assert ids() & about_celery
    through(name)
    assert not ids() & about_celery
