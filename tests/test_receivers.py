from __future__ import annotations

import pytest
from celery.signals import worker_ready
from django.db import transaction

from django_twocheckout import receivers
from django_twocheckout.models import Customer

from .conftest import ADA


@pytest.mark.django_db(transaction=True)
class TestSaving:
    def test_wakes_a_worker_with_the_key_alone(self, sent):
        ada = Customer.objects.create(**ADA)
        [message] = sent
        assert (message.task, message.args, message.kwargs) == ("twocheckout.push_customer", (ada.pk,), {})

    def test_waits_for_the_commit(self, sent):
        with transaction.atomic():
            Customer.objects.create(**ADA)
            assert sent == []
        assert len(sent) == 1

    def test_rolled_back_wakes_nobody(self, sent, twocheckout):
        with transaction.atomic():
            Customer.objects.create(**ADA)
            transaction.set_rollback(True)
        assert (sent, twocheckout.requests) == ([], [])

    def test_unchanged_wakes_nobody(self, sent):
        ada = Customer.objects.create(**ADA)
        sent.clear()
        ada.save()
        ada.credit_currency = "EUR"
        ada.save()
        assert sent == []

    def test_of_one_brought_in_as_synced_wakes_nobody(self, sent):
        Customer.objects.create(**ADA, customer_reference="1", sync_state="synced")
        assert sent == []

    def test_can_be_told_not_to(self, sent, settings):
        settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "PUSH_ON_SAVE": False}
        ada = Customer.objects.create(**ADA)
        Customer.objects.update(city="Paris")
        assert sent == []
        assert ada in Customer.objects.due()


def test_a_worker_that_starts_sweeps(sent):
    worker_ready.send(sender=None)
    assert [message.task for message in sent] == ["twocheckout.push_pending"]


def test_importing_connects_nothing(ada, sent):
    # The functions are plain; apps.py connects them once, whoever imports them.
    assert receivers.push_saved_customer.__module__ == "django_twocheckout.receivers"
    assert sent == []  # the transaction of this test is never committed
