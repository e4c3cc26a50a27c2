from __future__ import annotations

import socket

import pytest

from django_twocheckout import sync
from django_twocheckout.models import Customer

from ..customers import ADA


@pytest.fixture
def broker():
    """A listener in the place of a developer's broker."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def connections(server):
    """How many connections have come."""
    count = 0
    while True:
        try:
            server.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


def save_in_all_ways():
    ada = Customer.objects.create(**ADA)
    ada.city = "Bath"
    ada.save()
    Customer.objects.update(city="Rome")
    Customer.objects.bulk_create([Customer(**ADA)])
    return ada


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("form", ["{0}", "memory://;{0}", "list"])
@pytest.mark.parametrize("scheme", ["amqp", "redis"])
def test_fixture__sends_to_no_broker(other_broker, broker, request, configure, scheme, form):
    url = f"{scheme}://guest:guest@127.0.0.1:{broker.getsockname()[1]}/0"
    other_broker([url] if form == "list" else form.format(url))
    configure(PUSH_ON_SAVE=True)
    vendor = request.getfixturevalue("twocheckout")
    ada = save_in_all_ways()
    assert (connections(broker), vendor.requests) == (0, [])
    assert sync.push(ada).sync_state == "synced"
    assert sync.push_pending().pushed == 1
    assert [customer["City"] for customer in vendor.customers] == ["Rome", "London"]
    assert connections(broker) == 0


@pytest.mark.django_db(transaction=True)
def test_fixture__the_listener_counts(other_broker, broker, twocheckout):
    """As the fixture finds a broker in memory, and another one comes after it."""
    other_broker(f"amqp://guest:guest@127.0.0.1:{broker.getsockname()[1]}/0")
    Customer.objects.create(**ADA)
    assert connections(broker) > 0


@pytest.mark.django_db(transaction=True)
def test_fixture__eager_tasks_push_at_the_commit(other_broker, broker, request):
    url = f"amqp://guest:guest@127.0.0.1:{broker.getsockname()[1]}/0"
    other_broker(url, task_always_eager=True, task_eager_propagates=True)
    vendor = request.getfixturevalue("twocheckout")
    save_in_all_ways()
    assert [customer["City"] for customer in vendor.customers] == ["Rome", "London"]
    assert connections(broker) == 0


@pytest.mark.django_db(transaction=True)
def test_fixture__messages_wait_in_memory(twocheckout, sent):
    save_in_all_ways()
    assert sent[0].task == "twocheckout.push_customer"
    assert twocheckout.requests == []
