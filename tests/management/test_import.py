from __future__ import annotations

import io
import json
import time

import pytest
from django.core.management import CommandError, call_command

from django_twocheckout import sync, tasks
from django_twocheckout.engine import batch
from django_twocheckout.flows import imports
from django_twocheckout.models import Account, Ask, Customer

from ..customers import ADA, GRACE
from ..killed import Killed

DAY = 86400.0


def run(name, *arguments, **options):
    out, err = io.StringIO(), io.StringIO()
    call_command(f"twocheckout_{name}", *map(str, arguments), stdout=out, stderr=err, **options)
    return out.getvalue() + err.getvalue()


def shoppers(twocheckout, count, *, days_ago=100.0, **values):
    found = []
    for number in range(count):
        known = {**GRACE, "ExternalCustomerReference": f"shopper-{number}@example.org", **values}
        reference = twocheckout.add_customer(**known)
        twocheckout.add_subscription(reference, purchased=time.time() - days_ago * DAY)
        found.append(reference)
    return found


def asked(twocheckout, method="GET", path="/customers/"):
    return [request.path for request in twocheckout.requests if request.method == method and path in request.path]


@pytest.mark.django_db
@pytest.mark.parametrize("shape", ["object", "list"])
def test_all_are_taken_over__and_nothing_is_sent(twocheckout, shape):
    twocheckout.behaviour.set(subscription_page=shape)
    references = shoppers(twocheckout, 250)
    twocheckout.add_subscription(references[0], purchased=time.time() - 9 * DAY)
    said = run("import")
    assert said.startswith("Linked: 0. New: 250. Unchanged: 0. Refused: 0.\nCustomers without a subscription cannot")
    assert "Re-fetched: 250. Failed: 0." in said
    assert set(Customer.objects.values_list("first_name", "sync_state")) == {("Grace", "synced")}
    assert Customer.objects.filter(external_customer_reference="shopper-7@example.org").count() == 1
    assert len(asked(twocheckout)) == len(set(asked(twocheckout))) == 250
    sync.sweep()
    assert not asked(twocheckout, "PUT")
    assert not asked(twocheckout, "POST")
    assert not Ask.objects.exists()


@pytest.mark.django_db
def test_without_an_external_reference__it_is_not_told_one(twocheckout):
    shoppers(twocheckout, 3, ExternalCustomerReference=None)
    run("import")
    sync.sweep()
    assert set(Customer.objects.values_list("external_customer_reference", flat=True)) == {None}
    assert not asked(twocheckout, "PUT")


def test_rows_that_are_there_are_linked_by_either_reference(pushed, twocheckout):
    twocheckout.add_subscription(pushed.customer_reference, purchased=time.time() - DAY)
    waiting = Customer.objects.create(**{**ADA, "external_customer_reference": "ada@example.org"})
    there = twocheckout.add_customer(**{**GRACE, "ExternalCustomerReference": "ada@example.org"})
    twocheckout.add_subscription(there, purchased=time.time() - DAY)
    assert run("import").startswith("Linked: 1. New: 0. Unchanged: 1. Refused: 0.")
    waiting.refresh_from_db()
    assert waiting.customer_reference == there
    assert Customer.objects.count() == len(twocheckout.customers) == 2


def test_a_reference_of_another_row_is_refused__the_others_go_on(pushed, twocheckout):
    twocheckout.behaviour.set(duplicate_external_reference="allow")
    twin = twocheckout.add_customer(**{**GRACE, "ExternalCustomerReference": pushed.external_customer_reference})
    name = twocheckout.add_subscription(twin, purchased=time.time() - DAY)
    shoppers(twocheckout, 1)
    err = io.StringIO()
    with pytest.raises(CommandError, match="Left out: 1 line\\."):
        call_command("twocheckout_import", stdout=io.StringIO(), stderr=err)
    assert err.getvalue() == f"Subscription {name}: its external reference belongs to the row of another customer.\n"
    assert Customer.objects.filter(first_name="Grace").count() == 1


@pytest.mark.django_db
def test_the_second_run_takes_only_what_changed(twocheckout):
    references = shoppers(twocheckout, 30)
    run("import")
    known = twocheckout.add_subscription(references[4], purchased=time.time() - 200 * DAY)
    twocheckout.touch_subscription(known)
    twocheckout.edit(references[4], City="Paris")
    new = shoppers(twocheckout, 1, days_ago=0.01, ExternalCustomerReference="late")
    twocheckout.requests.clear()
    assert run("import").startswith("Linked: 0. New: 1. Unchanged: 1.")
    assert Customer.objects.get(customer_reference=references[4]).city == "Paris"
    assert sorted(asked(twocheckout)) == sorted(f"/rest/6.0/customers/{one}/" for one in (references[4], *new))
    assert len(asked(twocheckout, path="/subscriptions/")) < 10


@pytest.mark.django_db
def test_the_index_lags_behind(twocheckout):
    shoppers(twocheckout, 1, days_ago=0)
    assert run("import").startswith("Linked: 0. New: 0.")
    twocheckout.behaviour.set(subscription_delay=0)
    assert run("import").startswith("Linked: 0. New: 1.")


@pytest.mark.django_db
@pytest.mark.parametrize("shape", ["object", "list"])
def test_pages_that_repeat_end(twocheckout, shape):
    twocheckout.behaviour.set(subscription_page=shape, subscription_pages="repeat")
    shoppers(twocheckout, 3)
    assert run("import").startswith("Linked: 0. New: 3.")


@pytest.mark.django_db
def test_pages_that_never_end_are_bounded(twocheckout, monkeypatch):
    monkeypatch.setattr(imports, "MOST_PAGES", 5)
    twocheckout.behaviour.set(subscription_pages="never_end")
    with pytest.raises(CommandError, match="pages of subscriptions do not end"):
        run("import")
    assert len(twocheckout.requests) == 5


@pytest.mark.django_db
def test_killed_while_it_walks__the_next_run_goes_on(twocheckout, monkeypatch):
    shoppers(twocheckout, 250)
    store, calls = imports.Import._store_once, []

    def killed(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise Killed
        return store(*arguments)

    monkeypatch.setattr(imports.Import, "_store_once", killed)
    with pytest.raises(Killed):
        run("import")
    assert Customer.objects.count() == Ask.objects.count() == 200
    assert Account.objects.get().imported_until is not None
    monkeypatch.undo()
    run("import")
    assert Customer.objects.exclude(pulled_at=None).count() == Customer.objects.count() == 250
    assert len(asked(twocheckout)) == len(set(asked(twocheckout))) == 250


@pytest.mark.django_db
def test_killed_while_it_pulls__the_sweep_does_the_rest(twocheckout, configure, monkeypatch):
    configure(BATCH_SIZE=10, CONCURRENCY=2)
    shoppers(twocheckout, 60)
    finish, calls = batch.finish, []

    def killed(*arguments, **options):
        calls.append(1)
        if len(calls) == 3:
            raise Killed
        return finish(*arguments, **options)

    monkeypatch.setattr(batch, "finish", killed)
    with pytest.raises(Killed):
        run("import")
    monkeypatch.undo()
    from ..clock import asks_come_due, leases_expire

    leases_expire()
    asks_come_due()
    sync.sweep()
    assert Customer.objects.exclude(pulled_at=None).count() == Customer.objects.count() == 60
    assert len(asked(twocheckout)) <= 60 + 2 * 10


@pytest.mark.django_db
def test_from_file(twocheckout, tmp_path):
    one, two, three = (twocheckout.add_customer(**{**GRACE, "ExternalCustomerReference": f"x{n}"}) for n in range(3))
    path = tmp_path / "customers.csv"
    path.write_bytes(
        b"\xef\xbb\xbfname;CustomerReference\r\nA;%s\r\n\r\nB;x1\r\nA;%s\r\nC;\xff\r\nD;nobody\r\nE\r\nF;%s\r\n"
        % (one.encode(), one.encode(), three.encode())
    )
    out, err = io.StringIO(), io.StringIO()
    with pytest.raises(CommandError, match="Left out: 3 lines\\."):
        call_command("twocheckout_import", "--from-file", str(path), stdout=out, stderr=err)
    assert out.getvalue().startswith("Linked: 0. New: 3. Unchanged: 0. Refused: 3.")
    assert [line.partition(":")[0] for line in err.getvalue().splitlines()] == ["Line 6", "Line 8", "Line 7"]
    assert set(Customer.objects.values_list("customer_reference", flat=True)) == {one, two, three}


@pytest.mark.django_db
def test_dry_run_and_json(twocheckout):
    shoppers(twocheckout, 2)
    said = json.loads(run("import", "--dry-run", "--json"))
    assert (said["new"], said["done"]) == (2, 0)
    assert not Customer.objects.exists()
    assert Account.objects.get().imported_until is None


def test_pull__references_and_files(pushed, twocheckout, tmp_path, monkeypatch):
    twocheckout.edit(pushed.customer_reference, City="Paris")
    assert run("pull", pushed.customer_reference).startswith("Re-fetched: 1.")
    assert run("pull", pushed.external_customer_reference).startswith("Re-fetched: 1.")
    path = tmp_path / "references"
    path.write_text(f"{pushed.customer_reference}\n{pushed.external_customer_reference}\nnobody\n")
    err = io.StringIO()
    with pytest.raises(CommandError, match="Left out: 1 line\\."):
        call_command("twocheckout_pull", "--from-file", str(path), stdout=io.StringIO(), stderr=err)
    assert err.getvalue() == "Line 3: no customer here has this reference.\n"
    with pytest.raises(CommandError, match="There is no customer nobody"):
        run("pull", "nobody", pushed.pk)
    for command in ("push", "compare"):
        run(command, pushed.external_customer_reference)
    pushed.refresh_from_db()
    assert pushed.city == "Paris"


def test_pull__stale_and_failed(pushed, twocheckout):
    run("pull", "--all")
    assert run("pull", "--stale", "24h", "--dry-run") == "Would re-fetch: 0.\n"
    Customer.objects.update_unmarked(pulled_at=None)
    assert run("pull", "--stale", "24h", "--dry-run") == "Would re-fetch: 1.\n"
    known = twocheckout.customer(pushed.customer_reference)
    twocheckout.forget(known["CustomerReference"])
    with pytest.raises(CommandError, match="1 customer could not be re-fetched"):
        run("pull", "--stale", "24h")
    assert run("pull", "--failed", "--dry-run") == "Would re-fetch: 1.\n"


def test_pull_stale__spreads_over_the_period(db, twocheckout):
    for row in [Customer.objects.create(**ADA, address2=f"row {number}") for number in range(12)]:
        sync.push(row)
    Customer.objects.update_unmarked(pulled_at=None)
    for _turn in range(3):
        tasks.pull_stale(hours=1, minutes=15)
    assert Customer.objects.filter(pulled_at=None).count() == 3
    tasks.pull_stale(hours=1, minutes=15)
    assert not Customer.objects.filter(pulled_at=None).exists()


def test_compare__counts_by_field_and_writes_nothing(pushed, twocheckout):
    assert run("compare") == "Compared: 1. Differing: 0. Not at 2Checkout: 0.\n"
    pushed.city = "Paris"
    pushed.save()
    twocheckout.edit(pushed.customer_reference, Phone="555", City="Rome")
    before = Customer.objects.values().get()
    out = io.StringIO()
    with pytest.raises(CommandError, match="Differing, or not compared: 1 customer\\."):
        call_command("twocheckout_compare", "--all", "--json", stdout=out)
    result = json.loads(out.getvalue())
    assert result["changed"] == {"here": {}, "there": {"Phone": 1}, "both": {"City": 1}}
    assert Customer.objects.values().get() == before
    twocheckout.forget(pushed.customer_reference)
    with pytest.raises(CommandError, match="Differing, or not compared: 1 customer\\."):
        run("compare", pushed.pk)
    assert not asked(twocheckout, "PUT")
