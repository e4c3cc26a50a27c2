"""The recipe for Django's own tasks, with Django's own backends. They came with Django 6."""

from __future__ import annotations

import pytest

pytest.importorskip("django.tasks", reason="came with Django 6")

from django.tasks import default_task_backend

from django_twocheckout import sync
from django_twocheckout.models import Customer

from .customers import ADA
from .recipes import module_of

BACKENDS = "django.tasks.backends"


@pytest.fixture(params=["dummy.DummyBackend", "immediate.ImmediateBackend"])
def backend(request, settings, configure):
    """Django's backend that keeps what is asked for, or the one that does it at once."""
    settings.TASKS = {"default": {"BACKEND": f"{BACKENDS}.{request.param}"}}
    with module_of("how-to/other-queues.md", "myshop/queues.py"):
        configure(DISPATCH="myshop.queues.wake", PUSH_ON_SAVE=True)
        yield request.param.partition(".")[0]


def run_all():
    """What a worker does with the tasks that were asked for, the last first."""
    results = list(reversed(default_task_backend.results))
    default_task_backend.clear()
    for result in results:
        result.task.call(*result.args, **result.kwargs)
    return results


@pytest.mark.django_db(transaction=True)
def test_customers_are_pushed(backend, twocheckout, sent):
    made = [Customer.objects.create(**ADA) for _ in range(3)]
    if backend == "dummy":
        first, shared = default_task_backend.results
        assert (first.args, first.task.run_after) == (["push_customer", made[0].pk, None], None)
        assert shared.task.run_after is not None
        assert Customer.objects.filter(sync_state="pending").count() == 3
        run_all()
    else:
        sync.push_pending()  # the third save shares the wake-up of the second
    assert set(Customer.objects.values_list("sync_state", flat=True)) == {"synced"}
    assert len(twocheckout.customers) == 3
    assert sent == []


@pytest.mark.django_db(transaction=True)
def test_a_failed_push_comes_back(backend, twocheckout):
    """What the work asks for is deferred where the backend can, and is left to the sweep where it cannot."""
    twocheckout.fail("503", times=3)
    ada = Customer.objects.create(**ADA)
    if backend == "dummy":
        run_all()
        [again] = default_task_backend.results
        assert (again.args[0], again.task.run_after is not None) == ("push_pending", True)
    ada.refresh_from_db()
    assert (ada.sync_state, ada.failed_attempts) == ("pending", 1)


@pytest.mark.django_db(transaction=True)
def test_a_backend_that_is_not_there(backend, settings, caplog):
    settings.TASKS = {"default": {"BACKEND": "no.such.Backend"}}
    ada = Customer.objects.create(**ADA)
    assert "myshop.queues.wake of DISPATCH raised InvalidTaskBackend" in caplog.text
    assert ada.sync_state == "pending"
