"""What a save costs beside its one statement."""

from __future__ import annotations

import gc
import tracemalloc

import pytest
from django.db import connection, models, transaction

from django_twocheckout.models import Customer

from ..customers import ADA


@pytest.mark.django_db(transaction=True)
def test_one_entry_in_the_transaction(sent):
    customer = Customer.objects.create(**ADA)
    with transaction.atomic():
        customer.city = "Paris"
        customer.save()
        assert len(connection.run_on_commit) == 1
        customer.save()
        assert len(connection.run_on_commit) == 2
    assert sent


@pytest.mark.timeout(240)  # tracing memory and coverage at once takes its time
@pytest.mark.django_db(transaction=True)
def test_memory__a_long_transaction_keeps_no_instances():
    keys = [Customer.objects.create(**ADA).pk for _ in range(2)]
    count = 2000
    with transaction.atomic():
        tracemalloc.start()
        for number in range(count):
            customer = Customer.objects.get(pk=keys[number % 2])
            customer.city = str(number)
            customer.save()
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
    assert grown / count < 500  # 20,000 saves stay below 10 MB


def test_no_name_of_djangos_own_is_replaced():
    ours = {
        name for base in Customer.__mro__ if base.__module__.startswith("django_twocheckout") for name in vars(base)
    }
    private = {name for name in dir(models.Model) if name.startswith("_") and not name.startswith("__")}
    assert ours & private <= {"_meta", "_default_manager", "_base_manager"}
    queryset = {
        name for name in vars(type(Customer.objects.all())) if name.startswith("_") and not name.startswith("__")
    }
    assert not queryset & set(dir(models.QuerySet))
