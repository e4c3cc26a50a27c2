"""What is refused to a person is kept by no cache."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.urls import URLPattern

from django_twocheckout.admin import CustomerAdmin, JobAdmin
from django_twocheckout.flows import jobs
from django_twocheckout.models import Customer, Job, Verb


@pytest.fixture
def helpless(client, db):
    """A person who may enter the admin, and nothing in it."""
    client.force_login(User.objects.create_user("helpless", is_staff=True))
    return client


def addresses(model, kind, pk):
    from django.contrib import admin
    from django.urls import reverse

    patterns: list[URLPattern] = kind(model, admin.site).get_urls()
    for pattern in patterns:
        if pattern.name:
            keys = dict.fromkeys(pattern.pattern.converters, pk)
            yield reverse(f"admin:{pattern.name}", kwargs=keys)


def test_403(helpless, ada):
    job = jobs.begin(Verb.PUSH, [ada.pk])
    seen = 0
    for model, kind, pk in ((Customer, CustomerAdmin, ada.pk), (Job, JobAdmin, job.pk)):
        for address in addresses(model, kind, pk):
            for send in (helpless.get, helpless.post):
                response = send(address)
                if response.status_code == 403:
                    seen += 1
                    assert "no-store" in response["Cache-Control"], address
    assert seen > 20
