"""The app that one writes first: ``post_save`` → ``delay(pk)`` → ``requests.put()`` → ``save()``.

No error is handled here, nothing is bounded, coalesced or merged: it is the floor in features, and what the app is
compared with in speed.
"""

from __future__ import annotations

import requests
from celery import shared_task
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from ..customers import WIRE
from ..vendor import signature
from .models import Naive


def push_after_commit(sender, instance, update_fields=None, **kwargs):
    if update_fields is None:  # else it is the task's own save
        transaction.on_commit(lambda: push.delay(instance.pk))


@shared_task(name="naive.push")
def push(pk):
    customer = Naive.objects.get(pk=pk)
    information = {wire: getattr(customer, name) for name, wire in WIRE.items()}
    url = settings.TWOCHECKOUT["BASE_URL"] + "customers/"
    headers = {"X-Avangate-Authentication": signature(), "Accept": "application/json"}
    if customer.customer_reference:
        response = requests.put(f"{url}{customer.customer_reference}/", json=information, headers=headers, timeout=30)
    else:
        response = requests.post(url, json=information, headers=headers, timeout=30)
    response.raise_for_status()
    if not customer.customer_reference:
        customer.customer_reference = str(response.json())
    customer.sync_state = "synced"
    customer.pushed_at = timezone.now()
    customer.save(update_fields=["customer_reference", "sync_state", "pushed_at"])
