"""Real dumps of PostgreSQL, restored: in staging, and as an older backup of the same account."""

from __future__ import annotations

import subprocess

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from django_twocheckout import sync, tasks
from django_twocheckout.exceptions import SendingStopped
from django_twocheckout.models import Customer
from django_twocheckout.testing import FakeTwoCheckout

from ..customers import ADA, change

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="pg_dump and psql need PostgreSQL"),
]


def _tool(*command):
    settings = connection.settings_dict
    address = (
        f"postgresql://{settings['USER']}:{settings['PASSWORD']}@{settings['HOST']}:{settings['PORT'] or 5432}"
        f"/{settings['NAME']}"
    )
    subprocess.run([*command, f"--dbname={address}"], check=True, capture_output=True, timeout=50)


@pytest.fixture
def dump(tmp_path):
    """Dumps the whole database. Returns the function that restores it."""
    path = tmp_path / "backup.sql"

    def make():
        _tool("pg_dump", "--clean", "--if-exists", f"--file={path}")

        def restore():
            connection.close()
            _tool("psql", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", f"--file={path}")

        return restore

    return make


@pytest.fixture
def production(twocheckout):
    """The production site: a synced customer, an edited one, and one that 2Checkout does not have."""
    customers = {name: Customer.objects.create(**ADA, company=name) for name in ("synced", "edited")}
    sync.push_pending()
    change(customers["edited"], city="Turin")
    customers["new"] = Customer.objects.create(**ADA, company="new")
    return customers


def every_door():
    """Everything that could send something. Returns how many were refused in words."""
    tasks.push_pending()
    refused = 0
    for customer in Customer.objects.all():
        tasks.push_customer(customer.pk)
        tasks.pull_customer(customer.pk)
        for act in (sync.push, sync.pull, sync.compare, sync.cards, lambda one: sync.delete_card(one, "token")):
            with pytest.raises(SendingStopped):
                act(customer)
            refused += 1
    for command in (["twocheckout_push"], ["twocheckout_push", "--all"], ["twocheckout_pull", "--all"]):
        with pytest.raises(CommandError):
            call_command(*command)
    for look in (sync.find, sync.add):
        with pytest.raises(SendingStopped):
            look("another")
    return refused


def test_in_staging_with_another_code_nothing_is_sent(production, twocheckout, dump, configure):
    restore = dump()
    with FakeTwoCheckout("STAGING", "staging-key").serve() as staging:
        configure(MERCHANT_CODE="STAGING", SECRET_KEY="staging-key", BASE_URL=staging.url)
        for _ in range(9):  # so that the two accounts give no number twice
            staging.forget(staging.add_customer(FirstName="Grace"))
        restore()
        before = len(twocheckout.requests)
        assert every_door() == 15
        assert (len(twocheckout.requests) - before, staging.requests) == (0, [])
        assert not Customer.objects.exclude(lease_expires_at=None).exists()
        assert sync.status().to_confirm == ["default"]
        for confirm in (None, "YOURCODE123"):
            with pytest.raises(SendingStopped):
                sync.resume(confirm=confirm)
        call_command("twocheckout_status", "--resume", "--confirm", "STAGING", verbosity=0)
        assert sync.push_pending().pushed == 1  # the one that no account has acknowledged
        assert [one["Company"] for one in staging.customers] == ["new"]


def test_in_staging_that_is_not_enabled_nothing_is_sent(production, twocheckout, dump, configure):
    restore = dump()
    configure(ENABLED=False)
    restore()
    before = len(twocheckout.requests)
    assert every_door() == 15
    assert len(twocheckout.requests) == before
    assert set(Customer.objects.values_list("sync_state", flat=True)) == {"synced", "pending"}


@pytest.mark.parametrize("duplicates", ["refuse", "allow"])
def test_an_older_backup_of_the_same_account(production, twocheckout, dump, duplicates):
    """What happened after the backup is at 2Checkout alone. Nothing older goes over it, and nothing is made twice."""
    twocheckout.behaviour.set(duplicate_external_reference=duplicates)
    overwritten = Customer.objects.create(**ADA, company="overwritten")
    sync.push(overwritten)
    change(overwritten, city="Turin")
    restore = dump()
    sync.push_pending()
    change(overwritten, city="Oslo")
    change(production["synced"], city="Rome")
    sync.push_pending()
    references = {one["Company"]: one["CustomerReference"] for one in twocheckout.customers}
    twocheckout.edit(references["new"], City="Paris")
    assert len(references) == 4
    restore()
    call_command("twocheckout_pull", "--all", "--restored", verbosity=0)
    call_command("twocheckout_push", "--all", verbosity=0)
    there = {one["Company"]: one["City"] for one in twocheckout.customers}
    assert there == {"synced": "Rome", "edited": "Turin", "new": "Paris", "overwritten": "Oslo"}
    assert len(twocheckout.customers) == 4
    assert dict(Customer.objects.values_list("company", "city")) == there
    assert set(Customer.objects.values_list("sync_state", flat=True)) == {"synced"}
    assert {one.company: one.customer_reference for one in Customer.objects.all()} == references
