"""Customers that 2Checkout does not have any more: told on the row, not due, found again, linked or created again."""

from __future__ import annotations

import pytest

from django_twocheckout import sync
from django_twocheckout.engine import claims
from django_twocheckout.engine.batch import run_one
from django_twocheckout.engine.clients import current_client
from django_twocheckout.exceptions import AlreadyAdded, CustomerBusy, NotFound, RequestRejected
from django_twocheckout.flows.push import push_due
from django_twocheckout.kit import synced_customer
from django_twocheckout.models import Customer, Verb
from django_twocheckout.signals import customer_gone
from django_twocheckout.testing import Fault

from ..customers import ADA, GRACE, change
from ..vendor_log import methods, put_bodies


@pytest.fixture
def told():
    """The customers that the signal named."""
    said = []

    def note(customer, **kwargs):
        said.append(customer.pk)

    customer_gone.connect(note)
    yield said
    customer_gone.disconnect(note)


@pytest.fixture(params=["404", "400", "tombstone"])
def missing(request, pushed, twocheckout):
    """A customer that both sides had, and the vendor has no more, in each way in which that is said."""
    synced_customer(twocheckout, **ADA, address2="another")
    twocheckout.behaviour.set(
        tombstones=request.param == "tombstone", unknown_customer_status=400 if request.param == "400" else 404
    )
    twocheckout.forget(pushed.customer_reference)
    return pushed


def pull(customer):
    with pytest.raises(NotFound):
        sync.pull(customer)
    customer.refresh_from_db()


def push(customer):
    change(customer, city="Paris")
    sync.push(customer)


@pytest.mark.parametrize("ask", [pull, push])
def test_gone__is_told_on_the_row(missing, ask, told, caplog):
    ask(missing)
    if missing.presence == "there":  # an unclear answer: the next try finds out
        sync.push(missing)
    assert (missing.presence, missing.sync_state) == ("gone", "failed")
    assert missing.sync_error
    assert missing.error_code
    assert told == [missing.pk]
    assert f"customer {missing.pk}: gone at 2Checkout" in caplog.text
    assert missing.attempts.order_by("pk").last().outcome == "failed"
    status = sync.status()
    assert (status.gone, status.counts["failed"], status.failures) == (1, 0, {})
    assert list(Customer.objects.filter(presence="gone")) == [missing]


def test_gone__a_save_marks_it_and_nothing_pushes_it(pushed, twocheckout):
    twocheckout.forget(pushed.customer_reference)
    pull(pushed)
    change(pushed, city="Paris")
    assert (pushed.sync_state, pushed.presence) == ("pending", "gone")
    twocheckout.requests.clear()

    summary = sync.push_pending()
    assert (summary.tried, summary.due_in) == (0, None)
    assert push_due(pushed.pk).tried == 0
    assert claims.due_in(Customer.objects.all()) is None
    assert twocheckout.requests == []
    status = sync.status()
    assert (status.gone, status.due, status.counts["pending"], status.oldest_pending) == (1, 0, 0, None)
    pull(pushed)
    assert pushed.sync_state == "pending"


def test_gone__saved_while_it_is_asked(pushed, twocheckout):
    twocheckout.forget(pushed.customer_reference)
    [claim] = claims.claim(Customer.objects.all(), Verb.PULL)
    change(pushed, city="Paris")
    run_one(claim, current_client("default"))
    pushed.refresh_from_db()
    assert (pushed.presence, pushed.sync_state, pushed.city) == ("gone", "pending", "Paris")
    assert pushed.sync_error


@pytest.mark.parametrize("changed", [False, True])
@pytest.mark.parametrize("ask", [sync.pull, sync.push])
def test_gone__found_again(pushed, twocheckout, ask, changed):
    twocheckout.fail(Fault(404), method="GET")
    pull(pushed)
    assert pushed.presence == "gone"
    if changed:
        change(pushed, fax="1")
    ask(pushed)
    assert (pushed.presence, pushed.sync_error) == ("there", "")
    sync.push_pending()
    pushed.refresh_from_db()
    assert pushed.sync_state == "synced"
    assert twocheckout.customers[0]["Fax"] == ("1" if changed else None)


def test_gone__an_unchanged_row_is_not_called_synced_by_a_push(pushed, twocheckout):
    twocheckout.forget(pushed.customer_reference)
    pull(pushed)
    sync.push(pushed)
    assert (pushed.presence, pushed.sync_state) == ("gone", "failed")


@pytest.mark.parametrize("read", [True, False])
def test_gone__by_an_update(pushed, twocheckout, configure, read):
    configure(READ_BEFORE_WRITE=read)
    twocheckout.forget(pushed.customer_reference)
    push(pushed)
    assert (pushed.presence, pushed.sync_state) == ("gone", "failed")


def test_gone__nobody_else_says_so(ada):
    ada.presence = "gone"
    ada.save()
    Customer.objects.update(presence="gone", fax="1")
    Customer.objects.bulk_update([ada], ["presence", "fax"])
    Customer.objects.create(**ADA, presence="gone")
    assert set(Customer.objects.values_list("presence", flat=True)) == {"there"}


def test_a_customer_that_was_never_there__is_not_gone(ada, twocheckout):
    with pytest.raises(NotFound):
        sync.pull(ada)
    ada.refresh_from_db()
    assert (ada.presence, ada.sync_state) == ("there", "pending")


def test_one_odd_refusal__is_not_gone(pushed, twocheckout):
    twocheckout.fail(Fault(400, '{"error_code": "SIM_REFUSED", "message": "No."}'), method="GET")
    with pytest.raises(RequestRejected):
        sync.pull(pushed)
    pushed.refresh_from_db()
    assert (pushed.presence, pushed.sync_state) == ("there", "synced")


# Created again.


def test_link__to_none__creates_it_again(missing, twocheckout):
    pull(missing)
    reference, ours = missing.customer_reference, missing.external_customer_reference
    twocheckout.requests.clear()
    sync.link(missing, None)
    assert (missing.sync_state, missing.presence, missing.customer_reference) == ("pending", "there", None)
    assert (missing.untried, missing.acknowledged, missing.first_name) == (False, {}, "Ada")
    assert twocheckout.requests == []

    sync.push_pending()
    missing.refresh_from_db()
    assert (missing.sync_state, missing.external_customer_reference) == ("synced", ours)
    assert missing.customer_reference != reference
    assert methods(twocheckout)[-1] == "POST"
    assert len(twocheckout.customers) == 2


def test_link__to_none__never_makes_a_twin(pushed, twocheckout):
    twocheckout.behaviour.duplicate_external_reference = "allow"
    reference = pushed.customer_reference
    sync.link(pushed, None)
    sync.push(pushed)
    assert (pushed.sync_state, pushed.customer_reference) == ("synced", reference)
    assert len(twocheckout.customers) == 1


def test_link__to_none__forgets_our_last_writes_too(pushed, twocheckout):
    """They were writes to another customer, so what the one found now shows is no echo of them."""
    reference, ours = pushed.customer_reference, pushed.external_customer_reference
    change(pushed, city="Paris")
    sync.push(pushed)
    assert pushed.written
    before = {**twocheckout.customer(reference), "City": "London"}
    twocheckout.forget(reference)
    del before["CustomerReference"]
    again = twocheckout.add_customer(**before)
    sync.link(pushed, None)
    assert pushed.written == {}

    sync.push(pushed)
    assert (pushed.sync_state, pushed.customer_reference, pushed.city) == ("synced", again, "Paris")
    assert twocheckout.customer(ours)["City"] == "Paris"


def test_link__to_none__without_a_reference_of_ours(twocheckout, db):
    row = sync.add(twocheckout.add_customer(**{**GRACE, "ExternalCustomerReference": None}))
    with pytest.raises(RequestRejected, match="not created again"):
        sync.link(row, None)
    row.refresh_from_db()
    assert (row.customer_reference, row.lease_expires_at) == (twocheckout.customers[0]["CustomerReference"], None)

    twocheckout.forget(row.customer_reference)
    sync.link(row, None)
    sync.push(row)
    assert (row.sync_state, len(twocheckout.customers)) == ("synced", 1)
    assert twocheckout.customers[0]["ExternalCustomerReference"] == row.external_customer_reference is not None


# Linked.


@pytest.mark.parametrize("kind", ["internal", "external"])
@pytest.mark.parametrize("external", ["shop-7", None])
def test_link__adopts_references_and_values(missing, twocheckout, kind, external):
    pull(missing)
    reference = twocheckout.add_customer(**{**GRACE, "ExternalCustomerReference": external, "Phone": "555"})
    if kind == "external" and external is None:
        return
    sync.link(missing, reference if kind == "internal" else external)
    assert (missing.customer_reference, missing.external_customer_reference) == (reference, external)
    assert (missing.presence, missing.sync_state, missing.sync_error) == ("there", "synced", "")
    assert (missing.first_name, missing.phone) == ("Grace", "555")
    twocheckout.requests.clear()
    sync.push(missing)
    assert twocheckout.requests == []


def test_link__what_was_changed_here_stays_pending(pushed, twocheckout):
    reference = twocheckout.add_customer(**GRACE)
    change(pushed, fax="1")
    sync.link(pushed, reference)
    assert (pushed.sync_state, pushed.fax, pushed.first_name) == ("pending", "1", "Grace")
    sync.push_pending()
    pushed.refresh_from_db()
    assert (pushed.sync_state, twocheckout.customer(reference)["Fax"]) == ("synced", "1")
    assert [body["FirstName"] for body in put_bodies(twocheckout)] == ["Grace"]


def test_link__of_a_row_that_failed_to_be_created(ada, twocheckout):
    Customer.objects.update_unmarked(sync_state="failed", sync_error="No.")
    sync.link(ada, twocheckout.add_customer(**GRACE))
    assert (ada.sync_state, ada.sync_error, ada.external_customer_reference) == ("synced", "", "shop-7")
    assert len(twocheckout.customers) == 1


def test_link__not_to_the_customer_of_another_row(pushed, twocheckout):
    grace = sync.add(twocheckout.add_customer(**GRACE))
    for reference in (grace.customer_reference, grace.external_customer_reference):
        with pytest.raises(AlreadyAdded) as caught:
            sync.link(pushed, reference)
        assert caught.value.pk == grace.pk
    pushed.refresh_from_db()
    assert (pushed.sync_state, pushed.first_name, pushed.lease_expires_at) == ("synced", "Ada", None)


def test_link__again_to_its_own(pushed, twocheckout):
    before = Customer.objects.values("customer_reference", "external_customer_reference", "acknowledged").get()
    sync.link(pushed, pushed.customer_reference)
    assert Customer.objects.values(*before).get() == before
    assert pushed.sync_state == "synced"


@pytest.mark.parametrize("known", [True, False])
def test_link__refused(pushed, twocheckout, known):
    with pytest.raises(NotFound):
        sync.link(pushed, "nobody")
    reference = twocheckout.add_customer(**GRACE) if known else None
    assert claims.claim(Customer.objects.all(), Verb.PUSH)
    with pytest.raises(CustomerBusy):
        sync.link(pushed, reference)
    pushed.refresh_from_db()
    assert pushed.first_name == "Ada"
