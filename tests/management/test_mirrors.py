"""The commands on mirrored objects: existing ones, those changed past the mirrors, and those that fail."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, models

from django_twocheckout import tasks
from django_twocheckout.mirrors import portions
from django_twocheckout.models import Customer, MirrorMark

from ..mirrors.people import COMPLETE
from ..shop.models import Buyer

NOTHING = "Pushed: 0. Failed: 0. To be retried: 0.\n"


def run(name, *arguments, stderr=None):
    out = io.StringIO()
    call_command(f"twocheckout_{name}", *arguments, stdout=out, stderr=stderr or io.StringIO())
    return out.getvalue()


def past_the_mirrors(**values):
    """As raw SQL or a data migration writes."""
    models.QuerySet(Buyer).update(**values)


@pytest.fixture
def existing(db):
    """Buyers from before the mirror."""
    models.QuerySet(Buyer).bulk_create(
        [Buyer(**{**COMPLETE, "email": f"{number}@example.org"}) for number in range(5)] + [Buyer(name="not wanted")]
    )


@pytest.mark.usefixtures("existing")
def test_existing_objects(twocheckout):
    assert run("push", "--mirrors") == (
        "Customers made: 5. Changed: 0. Not mirrored: 0.\nPushed: 5. Failed: 0. To be retried: 0.\n"
    )
    assert len(twocheckout.customers) == 5
    assert run("push", "--mirrors") == f"Customers made: 0. Changed: 0. Not mirrored: 0.\n{NOTHING}"
    past_the_mirrors(city="Paris")
    assert run("push", "--mirrors").startswith("Customers made: 0. Changed: 5. Not mirrored: 0.\nPushed: 5.")
    assert {customer["City"] for customer in twocheckout.customers} == {"Paris"}


@pytest.mark.usefixtures("existing")
def test_stopped_and_run_again(monkeypatch):
    monkeypatch.setattr(portions, "PORTION", 2)

    def stop(keys):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        portions.apply_all("default", on_portion=stop)
    assert Customer.objects.count() == 2
    done = portions.apply_all("default")
    assert (done.made, Customer.objects.count()) == (3, 5)


@pytest.mark.usefixtures("existing")
def test_dry_run(twocheckout):
    assert run("push", "--mirrors", "--dry-run") == (
        "Would make customers: 5. Would change: 0. Would fail: 0.\nWould push: 0.\n"
    )
    assert not Customer.objects.exists()
    run("push", "--mirrors")
    past_the_mirrors(city="Paris")
    before = Customer.objects.values_list("city", "sync_state").distinct()
    assert "Would make customers: 0. Would change: 5." in run("push", "--verify", "--dry-run")
    assert list(before) == [("London", "synced")]


@pytest.mark.usefixtures("existing")
def test_as_json(twocheckout):
    facts = json.loads(run("push", "--mirrors", "--json"))
    assert facts["mirrors"] == {"made": 5, "changed": 0, "failed": 0}
    assert facts["done"] == 5


@pytest.mark.usefixtures("existing", "twocheckout")
def test_with_a_bar():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    run("push", "--mirrors", stderr=terminal)
    assert "6/6" in terminal.getvalue()


@pytest.mark.usefixtures("existing")
def test_verify(twocheckout):
    run("push", "--mirrors")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE shop_buyer SET city = 'Paris' WHERE city = 'London'")
        cursor.execute("UPDATE twocheckout_customer SET phone = '1' WHERE email = '0@example.org'")
    out = run("push", "--verify")
    assert "Found changed without a mark: 1.\nFound changed past a mirror: 5. Not mirrored: 0.\n" in out
    assert {customer["City"] for customer in twocheckout.customers} == {"Paris"}
    assert "Found changed without a mark: 0.\nPushed: 0." in run("push", "--verify")


@pytest.mark.usefixtures("existing")
def test_verify_by_beat(twocheckout):
    tasks.verify()
    assert len(twocheckout.customers) == 5
    past_the_mirrors(city="Paris")
    tasks.verify(database="default")
    assert {customer["City"] for customer in twocheckout.customers} == {"Paris"}


@pytest.mark.usefixtures("existing")
def test_those_that_fail(twocheckout, mirror_with, customer_fields):
    def fails_for_some(buyer):
        if buyer.email.startswith(("0", "3")):
            raise KeyError(buyer.email)
        return customer_fields(buyer)

    mirror_with(fails_for_some)
    with pytest.raises(CommandError, match=r"2 objects have no customer as they should: see twocheckout_status\."):
        run("push", "--mirrors")
    assert len(twocheckout.customers) == 3
    keys = (
        Buyer.objects.filter(email__in=["0@example.org", "3@example.org"]).order_by("pk").values_list("pk", flat=True)
    )
    told = f"Not mirrored when last tried: 2 of shop.buyer ({', '.join(map(str, keys))})."
    assert f"{told} tests.management.test_mirrors" in run("status")
    assert "failed with KeyError" in run("status")
    [failure] = json.loads(run("status", "--json"))["mirrors"]["failures"]
    assert (failure["mirror"], failure["count"]) == ("shop.buyer", 2)
    mirror_with(customer_fields)
    run("push", "--mirrors")
    assert len(twocheckout.customers) == 5
    assert not MirrorMark.objects.exists()
    assert "ot mirrored" not in run("status")


@pytest.mark.usefixtures("existing")
def test_what_waits_for_the_sweep():
    Buyer.objects.update(city="Paris")
    assert "Objects to be mirrored by the sweep: 6.\n" in run("status")


def test_not_with_keys(db):
    with pytest.raises(CommandError, match="not both"):
        run("push", "1", "--mirrors")
