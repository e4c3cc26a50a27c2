from __future__ import annotations

import json

import pytest
from django.db import connection, transaction

from django_twocheckout import sync
from django_twocheckout.engine import claims, erase_row
from django_twocheckout.exceptions import (
    ActiveSubscription,
    AnotherMerchantCode,
    BeingErased,
    CustomerBusy,
    InTransaction,
    WasErased,
)
from django_twocheckout.flows import jobs
from django_twocheckout.flows.erase import erasure_of, reason_of
from django_twocheckout.flows.imports import Import
from django_twocheckout.models import Account, Ask, Attempt, Customer, Erasure, Notification, Verb
from django_twocheckout.testing import Fault

from ..admin_log import log_change, log_entries
from ..clock import asks_come_due, leases_expire
from ..customers import ADA, GRACE, change
from ..holding import held
from ..shop.models import Member, Order, Partner

SECRETS = ("Ada", "Lovelace", "St James", "ada@example.org")
LONG_AGO = 1_500_000_000.0


def swept(*, times=1):
    """Sweep as often, each time when what waits has come due. Returns the only erasure."""
    for _ in range(times):
        leases_expire()
        asks_come_due()
        Account.objects.update(open_until=None)
        sync.sweep()
    return Erasure.objects.get()


def methods(vendor):
    return [request.method for request in vendor.requests]


# On both sides.


def test_erased_on_both_sides(pushed, twocheckout, heard, caplog):
    caplog.set_level("DEBUG", "twocheckout")
    twocheckout.add_card(pushed.customer_reference)
    log_change(pushed, '[{"changed": {"fields": ["City"], "object": "Ada\'s order"}}]')
    heard.clear()
    erasure = sync.erase(pushed)
    assert (erasure.state, Customer.objects.get().erased) == ("under_way", True)

    erasure = swept()
    assert (erasure.state, erasure.words[:38]) == ("erased", "Erased here and at 2Checkout. 2Checkou")
    assert "orders and invoices" in erasure.words
    assert [model.objects.count() for model in (Customer, Attempt, Ask)] == [0, 0, 0]
    [theirs] = twocheckout.customers
    assert theirs["ExternalCustomerReference"] == pushed.external_customer_reference
    assert (theirs["FirstName"], theirs["Email"], theirs["Zip"]) == ("Erased", "erased@example.com", "00000")
    assert (theirs["CountryCode"], theirs["Language"]) == ("gb", "en")
    assert not any(secret in str(theirs) for secret in SECRETS)
    assert twocheckout.cards(pushed.customer_reference) == []
    assert log_entries(pushed.pk) == {("(erased)", "")}
    [(name, facts)] = heard
    assert (name, facts["pk"], facts["erasure"]) == ("customer_erased", pushed.pk, erasure)
    kept = str(Erasure.objects.values().get()) + caplog.text
    references = pushed.customer_reference, pushed.external_customer_reference
    assert not any(secret in kept for secret in (*SECRETS, *references, *twocheckout.issued_tokens))


def test_each_field_is_overwritten__and_the_subscriptions_too(twocheckout, db):
    reference = twocheckout.add_customer(
        **GRACE, Company="Navy", FiscalCode="1", Address2="Floor 2", State="Virginia", Phone="1", Fax="2"
    )
    customer = sync.add(reference)
    sync.erase(customer, with_active_subscriptions=True)
    swept()
    [theirs] = twocheckout.customers
    blank = {name: theirs[name] for name in ("Company", "FiscalCode", "Address2", "State", "Phone", "Fax")}
    assert set(blank.values()) == {""}
    assert theirs["Credit"] == GRACE["Credit"]
    [put] = [request for request in twocheckout.requests if request.method == "PUT"]
    assert put.query == {"endUserUpdate": "true"}


def test_a_second_call_returns_the_same(pushed, twocheckout):
    first = sync.erase(pushed)
    assert sync.erase(pushed, with_active_subscriptions=True) == first
    assert Erasure.objects.get().with_active_subscriptions
    swept()
    with pytest.raises(Customer.DoesNotExist):
        sync.erase(pushed)


def test_never_sent(ada, twocheckout):
    sync.erase(ada)
    erasure = swept()
    assert (erasure.state, erasure.words) == ("erased", "Erased here. 2Checkout does not have this customer.")
    assert (methods(twocheckout), Customer.objects.count()) == (["GET"], 0)


def test_gone_at_2checkout(pushed, twocheckout):
    twocheckout.forget(pushed.customer_reference)
    sync.erase(pushed)
    assert swept().words == "Erased here. 2Checkout does not have this customer."


@pytest.mark.parametrize("status", [400, 404])
def test_gone__whatever_2checkout_answers_for_that(pushed, twocheckout, status):
    other = Customer.objects.create(**ADA)
    sync.push(other)
    twocheckout.forget(pushed.customer_reference)
    twocheckout.behaviour.unknown_customer_status = status
    sync.erase(pushed)
    assert swept().words == "Erased here. 2Checkout does not have this customer."
    assert Customer.objects.get() == other


def test_its_create_is_in_doubt(ada, twocheckout):
    twocheckout.fail("reset-after-commit")
    sync.push(ada)
    assert ada.customer_reference is None
    sync.erase(ada)
    assert swept(times=2).state == "erased"
    [theirs] = twocheckout.customers
    assert theirs["FirstName"] == "Erased"


def test_found_by_our_reference__and_another_row_has_it(pushed, twocheckout):
    """2Checkout has both references at one customer. That customer is the other row's, so it stays as it is."""
    ours = Customer.objects.create(**ADA)
    twocheckout.edit(pushed.customer_reference, ExternalCustomerReference=ours.external_customer_reference)
    sync.erase(ours)
    erasure = swept(times=3)
    assert (erasure.state, "belongs to another row here" in erasure.words) == ("kept", True)
    assert twocheckout.customers[0]["FirstName"] == "Ada"
    assert Customer.objects.get() == pushed


def test_a_reference_that_looks_like_an_address(twocheckout, db):
    reference = twocheckout.add_customer(**GRACE | {"ExternalCustomerReference": "grace@example.org", "Enabled": False})
    sync.erase(sync.add(reference))
    assert "looks like an e-mail address, and stays there" in swept().words


def test_without_a_reference_of_ours(twocheckout, db):
    reference = twocheckout.add_customer(**GRACE | {"ExternalCustomerReference": None, "Enabled": False})
    sync.erase(sync.add(reference))
    assert swept().state == "erased"
    assert twocheckout.customers[0]["ExternalCustomerReference"] is None
    with pytest.raises(WasErased):
        sync.add(reference)


# While it is under way.


@pytest.fixture
def being_erased(pushed):
    stale = Customer.objects.get(pk=pushed.pk)
    sync.erase(pushed)
    return stale


def unchanged(customer):
    row = Customer.objects.get(pk=customer.pk)
    assert (row.city, row.sync_state, row.erased) == ("London", "synced", True)
    return True


@pytest.mark.parametrize("fresh", [True, False], ids=["fresh", "stale"])
def test_a_save_is_refused(being_erased, fresh):
    customer = Customer.objects.get() if fresh else being_erased
    customer.city = "Paris"
    with pytest.raises(BeingErased, match="being erased"), transaction.atomic():
        customer.save()
    with pytest.raises(BeingErased), transaction.atomic():
        customer.save(update_fields=["city"])
    with pytest.raises(BeingErased), transaction.atomic():
        Customer.objects.update_or_create(pk=customer.pk, defaults={"city": "Paris"})
    with pytest.raises(BeingErased), transaction.atomic():
        Customer(pk=customer.pk, **ADA | {"city": "Paris"}).save()
    with pytest.raises(BeingErased), transaction.atomic():
        Customer.objects.bulk_create(
            [Customer(pk=customer.pk, **ADA | {"city": "Paris"})],
            update_conflicts=True,
            update_fields=["city"],
            unique_fields=["pk"] if connection.features.supports_update_conflicts_with_target else None,
        )
    assert unchanged(customer)


def test_a_save_costs_no_statement_more(ada, django_assert_num_queries):
    ada.city = "Paris"
    with django_assert_num_queries(1):
        ada.save()


def test_a_bulk_write_leaves_it_out(being_erased, twocheckout, caplog):
    other = Customer.objects.create(**ADA)
    assert Customer.objects.update(city="Paris") == 1
    assert Customer.objects.filter(pk=being_erased.pk).update(city="Paris") == 0
    being_erased.city = other.city = "Rome"
    assert Customer.objects.bulk_update([being_erased, other], ["city"]) == 1
    assert [record.getMessage() for record in caplog.records if record.name == "twocheckout"] == [
        "not written: the customer is being erased"
    ] * 2
    Customer.objects.mark_pending()
    assert unchanged(being_erased)
    other.refresh_from_db()
    assert (other.city, other.sync_state) == ("Rome", "pending")


@pytest.mark.parametrize(
    "delete",
    [
        lambda row: row.delete(),
        lambda row: Customer.objects.get().delete(),
        lambda row: Customer.objects.all().delete(),
    ],
    ids=["stale", "fresh", "many"],
)
def test_a_deletion_is_refused(being_erased, delete):
    with pytest.raises(BeingErased), transaction.atomic():
        delete(being_erased)
    assert unchanged(being_erased)


def test_a_form_says_so(being_erased):
    row = Customer.objects.get()
    row.sync_state = "pending"
    with pytest.raises(Exception, match="nothing is written to it"):
        row.validate_constraints()


@pytest.mark.parametrize(
    "act",
    [
        sync.push,
        sync.pull,
        lambda customer: sync.delete_card(customer, "token"),
        lambda customer: sync.link(customer, customer.customer_reference),
        lambda customer: sync.link(customer, None),
        lambda customer: sync.resolve(customer, {}),
    ],
    ids=["push", "pull", "delete_card", "link", "link to none", "resolve"],
)
def test_nothing_else_is_done_with_it(being_erased, twocheckout, act):
    twocheckout.requests.clear()
    with pytest.raises((BeingErased, WasErased)):
        act(being_erased)
    assert not {"PUT", "POST", "DELETE"} & set(methods(twocheckout))
    assert unchanged(being_erased)


def test_nothing_else_is_done_with_it__of_many(being_erased, twocheckout):
    twocheckout.requests.clear()
    assert sync.push_each([being_erased.pk]).tried == 0
    assert sync.pull_each([being_erased.pk]).tried == 0
    job = jobs.begin(Verb.PULL, [being_erased.pk])
    assert (job.total, methods(twocheckout)) == (0, [])


def test_a_customer_of_a_job(pushed, twocheckout):
    job = jobs.begin(Verb.PUSH, [pushed.pk])
    sync.erase(pushed)
    [failure] = jobs.failures(job, 10)
    assert "being erased" in failure.reason
    assert jobs.progress(job).failed == 1
    job.refresh_from_db()
    assert job.ended_at is not None
    assert swept().state == "erased"


def test_a_worker_pushes_it_meanwhile(pushed, twocheckout, monkeypatch):
    """Its result is settled, and not its state. Then the erasure has its turn."""
    change(pushed, city="Bath")
    send = sync.push.__globals__["run_one"]

    def erase_first(claim, client):
        sync.erase(Customer.objects.get())
        return send(claim, client)

    with monkeypatch.context() as patch:
        patch.setattr("django_twocheckout.flows.push.run_one", erase_first)
        with pytest.raises(BeingErased):
            sync.push(pushed)
    row = Customer.objects.get()
    assert (row.erased, row.sync_state, row.lease_expires_at) == (True, "synced", None)
    assert twocheckout.customers[0]["City"] == "Bath"
    assert swept().state == "erased"
    assert twocheckout.customers[0]["City"] == "Erased"


def test_a_worker_has_it_and_dies(pushed, twocheckout):
    change(pushed, city="Bath")
    claims.claim(Customer.objects.filter(pk=pushed.pk), Verb.PUSH)
    erasure = sync.erase(pushed)
    sync.sweep()
    assert methods(twocheckout) == ["GET"]  # only whether a subscription is active
    erasure.refresh_from_db()
    assert erasure.state == "under_way"
    assert swept().state == "erased"


def test_2checkout_is_down_for_long(pushed, twocheckout, configure):
    configure(MAX_ATTEMPTS=2)
    with twocheckout.outage("503"):
        sync.erase(pushed)
        erasure = swept(times=5)
        assert (erasure.state, erasure_of(pushed)) == ("under_way", erasure)
        assert erasure.words == ("Not done yet (SIM_MAINTENANCE). It is tried again until 2Checkout acknowledges it.")
        assert "Down for maintenance" in reason_of(pushed)
        assert Ask.objects.get().failed_attempts == 5
        assert Attempt.objects.filter(verb="erase", outcome="retry").count() == 5
    assert swept().state == "erased"


def test_a_thousand_failures_do_not_overflow(pushed, twocheckout):
    sync.erase(pushed)
    Ask.objects.update(failed_attempts=5000)
    with twocheckout.outage("503"):
        assert swept().state == "under_way"


def test_a_paused_account(pushed, twocheckout):
    change(Customer.objects.create(**ADA), city="Bath")
    twocheckout.fail("401")
    sync.sweep()
    twocheckout.requests.clear()
    sync.erase(pushed)
    sync.sweep()
    assert (methods(twocheckout), Erasure.objects.get().state) == ([], "under_way")
    sync.resume()
    sync.sweep()
    assert Erasure.objects.get().state == "erased"


def test_one_erasure_without_any_answer_is_no_outage(pushed, twocheckout):
    with twocheckout.outage("503"):
        sync.erase(pushed)
        for _ in range(8):
            leases_expire()
            asks_come_due()
            sync.sweep()
    assert Account.objects.get().open_until is None
    assert Ask.objects.get().failed_attempts == 8


def test_another_merchant_code(pushed, configure):
    configure(MERCHANT_CODE="OTHER")
    with pytest.raises(AnotherMerchantCode):
        sync.erase(pushed)
    assert not Erasure.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_inside_a_transaction(pushed, twocheckout):
    with pytest.raises(InTransaction), transaction.atomic():
        sync.erase(pushed)
    assert (Erasure.objects.count(), Customer.objects.get().erased, twocheckout.requests) == (0, False, [])


@pytest.mark.django_db(transaction=True)
def test_nothing_waits_for_a_transaction_of_the_project(pushed, twocheckout):
    if not connection.features.has_select_for_update_skip_locked:
        pytest.skip("this database has no row locks")
    row = Customer.objects.filter(pk=pushed.pk).select_for_update()
    with held(row.get), pytest.raises(CustomerBusy):
        sync.erase(pushed)
    sync.erase(pushed)
    finish = erase_row.finish

    def finish_while_it_is_held(settled):
        with held(row.get):
            finish(settled)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(erase_row, "finish", finish_while_it_is_held)
        erasure = swept()
    assert (erasure.state, Customer.objects.count()) == ("under_way", 1)
    assert swept().state == "erased"


def test_the_row_was_deleted_by_other_means(pushed, twocheckout):
    sync.erase(pushed)
    Customer.objects.all()._raw_delete("default")
    erasure = swept()
    assert (erasure.state, "deleted by other means" in erasure.words) == ("kept", True)


# Active subscriptions.


def test_active__refused_at_once(pushed, twocheckout):
    twocheckout.add_subscription(pushed.customer_reference, purchased=LONG_AGO)
    with pytest.raises(ActiveSubscription, match="active subscription"):
        sync.erase(pushed)
    assert (Erasure.objects.count(), Customer.objects.get().erased) == (0, False)


@pytest.mark.parametrize("page", ["object", "list"])
@pytest.mark.parametrize(
    ("facts", "active"),
    [
        ({}, True),
        ({"enabled": False}, False),
        ({"expires": "2020-01-01", "renews": False}, False),
        ({"expires": "2020-01-01"}, True),  # past due
        ({"expires": "", "renews": False}, True),
    ],
)
def test_active__which_ones(pushed, twocheckout, facts, active, page):
    twocheckout.behaviour.subscription_page = page
    twocheckout.add_subscription(pushed.customer_reference, purchased=LONG_AGO, **facts)
    if active:
        with pytest.raises(ActiveSubscription):
            sync.erase(pushed)
    else:
        sync.erase(pushed)
        assert swept().state == "erased"


def test_active__told_to_go_on(pushed, twocheckout):
    twocheckout.add_subscription(pushed.customer_reference, purchased=LONG_AGO)
    sync.erase(pushed, with_active_subscriptions=True)
    assert swept().state == "erased"
    assert not any("subscriptions" in request.path for request in twocheckout.requests)


@pytest.mark.parametrize("told_by", ["search", "customer"])
def test_active__found_by_the_worker(pushed, twocheckout, told_by):
    """2Checkout was down when it was asked for, or the subscription is newer than 2Checkout's index."""
    with twocheckout.outage("503"):
        sync.erase(pushed)
    if told_by == "search":
        twocheckout.add_subscription(pushed.customer_reference, purchased=LONG_AGO)
    else:
        twocheckout.edit(pushed.customer_reference, Enabled=True)
    erasure = swept()
    assert (erasure.state, "active subscription" in erasure.words) == ("refused", True)
    row = Customer.objects.get()
    assert (row.erased, row.first_name) == (False, "Ada")
    assert not Ask.objects.exists()
    change(Customer.objects.get(), city="Bath")
    sync.sweep()
    assert twocheckout.customers[0]["City"] == "Bath"
    assert Erasure.objects.among("default", "default", [row.customer_reference]) == set()
    sync.erase(row, with_active_subscriptions=True)
    sync.sweep()
    assert not Customer.objects.exists()


def test_active__a_search_of_everybodys_subscriptions_says_nothing(pushed, twocheckout):
    twocheckout.behaviour.subscription_filter = False
    twocheckout.add_subscription(twocheckout.add_customer(**GRACE), purchased=LONG_AGO)
    sync.erase(pushed)
    assert swept().state == "under_way"
    assert "subscriptions of other customers" in reason_of(pushed)
    sync.erase(pushed, with_active_subscriptions=True)
    assert swept().state == "erased"


def test_active__the_search_is_refused(pushed, twocheckout):
    twocheckout.fail(Fault(403, '{"error_code": "FORBIDDEN", "message": "Not for you"}'), times=2, method="GET")
    sync.erase(pushed)
    assert swept().state == "erased"


# What 2Checkout keeps.


def test_kept__a_card_that_a_subscription_needs(with_cards, twocheckout):
    sync.erase(with_cards)
    erasure = swept()
    assert erasure.state == "kept"
    assert erasure.words == (
        "Erased here. Kept at 2Checkout: 1 card, because 2Checkout refused to delete it (SIM_CARD_IN_USE). "
        "A person has to finish it in the Control Panel."
    )
    assert twocheckout.cards(with_cards.customer_reference) == ["Mastercard 4444"]
    assert twocheckout.customers[0]["FirstName"] == "Erased"
    assert not Customer.objects.exists()


def test_kept__cards_without_tokens(with_cards, twocheckout):
    twocheckout.behaviour.set(card_token="none", sign_on=False)
    sync.erase(with_cards)
    assert "2 cards, because 2Checkout gave no token to delete them with." in swept().words


def test_cards__tokens_by_single_sign_on(pushed, twocheckout):
    twocheckout.behaviour.set(card_token="none")
    twocheckout.add_card(pushed.customer_reference)
    sync.erase(pushed)
    assert (swept().state, twocheckout.cards(pushed.customer_reference)) == ("erased", [])


@pytest.mark.parametrize("answer", ["204", "empty_object", "empty_body"])
def test_cards__deleted_and_the_answer_does_not_say_so(pushed, twocheckout, answer):
    twocheckout.behaviour.delete_card_answer = answer
    for digits in ("1111", "2222"):
        twocheckout.add_card(pushed.customer_reference, last_digits=digits)
    sync.erase(pushed)
    assert (swept().state, twocheckout.cards(pushed.customer_reference)) == ("erased", [])


def test_cards__not_deleted_and_the_answer_does_not_say_so(pushed, twocheckout):
    twocheckout.add_card(pushed.customer_reference)
    twocheckout.fail(Fault(200, "{}"), method="DELETE")
    sync.erase(pushed)
    assert swept().state == "under_way"
    assert (swept().state, twocheckout.cards(pushed.customer_reference)) == ("erased", [])


def test_cards__more_than_are_read_at_once(pushed, twocheckout, monkeypatch):
    for name in ("wire.cards", "engine.card_tokens", "engine.erase_remote"):
        monkeypatch.setattr(f"django_twocheckout.{name}.MOST_CARDS", 2)
    for number in range(5):
        twocheckout.add_card(pushed.customer_reference, last_digits=f"111{number}")
    sync.erase(pushed)
    assert swept(times=3).state == "erased"
    assert twocheckout.cards(pushed.customer_reference) == []


def test_kept__the_placeholders_are_refused(pushed, twocheckout):
    words = '{"error_code": "SIM_NO", "message": "No change for ada@example.org"}'
    twocheckout.fail(Fault(400, words), method="PUT")
    sync.erase(pushed)
    erasure = swept()
    assert (erasure.state, Customer.objects.exists()) == ("kept", False)
    assert "the customer's details, because 2Checkout refused the placeholders (SIM_NO)" in erasure.words
    assert "ada@example.org" not in erasure.words
    assert twocheckout.customers[0]["FirstName"] == "Ada"


def test_kept__2checkout_refuses_to_show_it(pushed, twocheckout):
    twocheckout.fail(Fault(422, '{"error_code": "SIM_ODD", "message": "Ada is odd"}'), method="GET")
    sync.erase(pushed, with_active_subscriptions=True)
    erasure = swept()
    assert (erasure.state, "Ada" in erasure.words) == ("kept", False)
    assert "the customer's details, because 2Checkout refused a request about them (SIM_ODD)" in erasure.words


def showing(vendor, **changes):
    return Fault(200, json.dumps({**vendor.customers[0], **changes}))


def test_kept__a_field_that_2checkout_still_shows(pushed, twocheckout, configure):
    configure(MAX_ATTEMPTS=2, CARDS_BY_SSO=False)
    twocheckout.edit(pushed.customer_reference, Phone="555")
    sync.erase(pushed, with_active_subscriptions=True)
    for times in (1, 2):
        before, after = showing(twocheckout, Phone="555"), showing(twocheckout, FirstName="Erased", Phone="555")
        twocheckout.fail(before, method="GET")
        twocheckout.fail(after, method="GET")
        erasure = swept()
        assert erasure.state == ("under_way" if times == 1 else "kept")
    assert "these fields, because 2Checkout still shows them" in erasure.words
    assert "Phone" in erasure.words
    assert "555" not in erasure.words


def test_a_read_replica_lags(pushed, twocheckout, configure):
    configure(CARDS_BY_SSO=False)
    sync.erase(pushed, with_active_subscriptions=True)
    twocheckout.fail(showing(twocheckout), times=2, method="GET")  # before the update, and after it
    assert swept().state == "under_way"
    waits = Ask.objects.get().due_at
    assert (waits - Customer.objects.get().pushed_at).total_seconds() > 30
    twocheckout.requests.clear()
    assert swept().state == "erased"
    assert methods(twocheckout) == ["GET"]


@pytest.mark.parametrize("echo", ["upper", "html", "cut:4"])
def test_an_echo_is_no_leftover(pushed, twocheckout, echo):
    twocheckout.behaviour.echo = echo
    sync.erase(pushed)
    assert swept().state == "erased"


# The project's own rows.


def test_a_row_that_the_project_protects_is_emptied(pushed, twocheckout):
    order = Order.objects.create(customer=pushed)
    sync.erase(pushed)
    erasure = swept()
    assert (erasure.state, "The row itself stays, emptied" in erasure.words) == ("erased", True)
    row = Customer.objects.get()
    kept = {name: value for name, value in Customer.objects.values().get().items() if value}
    assert kept.keys() <= {"id", "account", "sync_state", "presence", "saved_at", "pending_since", "next_attempt_at",
                           "changed_since_claim", "lease", "erased"}  # fmt: skip
    assert (str(row), row.attempts.count(), Ask.objects.count()) == ("(erased)", 0, 0)
    row.first_name = "Ada"
    with pytest.raises(BeingErased):
        row.save()
    twocheckout.requests.clear()
    sync.sweep()
    assert twocheckout.requests == []
    order.delete()
    row.delete()


@pytest.mark.parametrize(("model", "values"), [(Member, {}), (Partner, {"code": "p-1"})])
def test_a_model_of_the_project_below_the_customer(twocheckout, db, model, values):
    row = model.objects.create(**ADA, **values)
    sync.push(row)
    log_change(row)
    sync.erase(row)
    assert swept().state == "erased"
    assert log_entries(row.pk) == {("(erased)", "")}
    assert not model.objects.exists()
    assert not Customer.objects.exists()


def test_a_receiver_that_raises_is_told__and_tried_again(pushed, twocheckout):
    from django.db.models.signals import post_delete  # only this test's

    def broken(**kwargs):
        raise ZeroDivisionError("Ada")

    post_delete.connect(broken, sender=Customer)
    try:
        sync.erase(pushed)
        erasure = swept()
        assert (erasure.state, erasure.words) == ("under_way", "The row could not be deleted: ZeroDivisionError.")
        assert Customer.objects.get().first_name == "Ada"
    finally:
        post_delete.disconnect(broken, sender=Customer)
    assert swept().state == "erased"


# It stays away.


@pytest.fixture
def erased(pushed, twocheckout):
    sync.erase(pushed)
    assert swept().state == "erased"
    twocheckout.requests.clear()
    return pushed


@pytest.mark.parametrize("kind", ["customer_reference", "external_customer_reference"])
def test_add(erased, twocheckout, kind):
    with pytest.raises(WasErased, match="erased here"):
        sync.add(getattr(erased, kind))
    assert (twocheckout.requests, Customer.objects.exists()) == ([], False)


def test_add__only_the_answer_names_it(erased, twocheckout):
    twocheckout.edit(erased.customer_reference, ExternalCustomerReference="another")
    with pytest.raises(WasErased):
        sync.add("another")


def test_link(erased, twocheckout):
    other = Customer.objects.create(**ADA)
    with pytest.raises(WasErased):
        sync.link(other, erased.customer_reference)


@pytest.mark.parametrize("kind", ["LCN", "IPN"])
@pytest.mark.parametrize("import_unknown", [True, False])
def test_notification(erased, twocheckout, configure, kind, import_unknown):
    configure(IMPORT_UNKNOWN=import_unknown)
    assert twocheckout.notify(kind, erased.customer_reference).received
    sync.sweep()
    one = Notification.objects.get()
    assert (one.outcome, one.customer_reference, one.external_customer_reference) == ("erased", "", "")
    assert (twocheckout.requests, Customer.objects.exists()) == ([], False)


def test_notification__only_the_answer_names_it(erased, twocheckout, configure):
    configure(IMPORT_UNKNOWN=True)
    twocheckout.edit(erased.customer_reference, ExternalCustomerReference="another")
    assert twocheckout.notify("LCN", "another", AVANGATE_CUSTOMER_REFERENCE="").received
    sync.sweep()
    one = Notification.objects.get()
    assert (one.outcome, one.external_customer_reference, Customer.objects.exists()) == ("erased", "", False)


def test_import(erased, twocheckout):
    twocheckout.add_subscription(erased.customer_reference, purchased=LONG_AGO)
    twocheckout.add_subscription(twocheckout.add_customer(**GRACE), purchased=LONG_AGO)
    run = Import()
    for _counts in run.walk():
        pass
    assert (run.result.new, run.result.erased, run.result.refused) == (1, 1, [])
    assert Customer.objects.get().external_customer_reference == "shop-7"


def test_import__from_a_file(erased, twocheckout):
    run = Import()
    run.take_either([("1", erased.customer_reference), ("2", erased.external_customer_reference)])
    assert (run.result.new, run.result.erased) == (0, 1)


def test_another_account_may_have_the_same_references(erased, twocheckout, configure):
    configure(ACCOUNTS={"us": {"MERCHANT_CODE": "US", "SECRET_KEY": twocheckout.secret_key}})
    assert Erasure.objects.among("default", "us", [erased.customer_reference]) == set()


def test_another_secret_key(erased, settings):
    before = settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", [before]
    with pytest.raises(WasErased):
        sync.add(erased.customer_reference)
    assert Erasure.objects.get().is_recognised
    settings.SECRET_KEY_FALLBACKS = []
    assert not Erasure.objects.get().is_recognised
    sync.add(erased.customer_reference)


# Export.


def test_export(with_cards, twocheckout):
    sync.pull(with_cards)
    twocheckout.notify("LCN", with_cards)
    exported = sync.export(with_cards)
    text = json.dumps(exported)
    assert exported["customer"]["first_name"] == "Ada"
    assert [line["verb"] for line in exported["history"]] == ["push", "pull"]
    assert [line["kind"] for line in exported["notifications"]] == ["lcn"]
    assert exported["at_2checkout"]["Email"] == "ada@example.org"
    assert [card["last_digits"] for card in exported["cards"]] == ["1111", "4444"]
    assert exported["remote_error"] == ""
    assert not any(token in text for token in twocheckout.issued_tokens)
    assert not any(secret in repr(exported) for secret in SECRETS)
    assert "ExistingCards" not in text


@pytest.mark.parametrize(
    ("fault", "words"),
    [("503", "Down for maintenance"), ("reset", "No answer came"), ("html-404", "not what it documents")],
)
def test_export__while_2checkout_is_down(pushed, twocheckout, fault, words):
    with twocheckout.outage(fault):
        exported = sync.export(pushed)
    assert exported["remote_error"].startswith("2Checkout could not be read:")
    assert words in exported["remote_error"]
    assert (exported["at_2checkout"], exported["cards"], exported["customer"]["city"]) == (None, [], "London")
    assert len(exported["history"]) == 1


def test_export__nothing_is_sent_while_disabled(pushed, twocheckout, configure):
    configure(ENABLED=False)
    assert "ENABLED is False" in sync.export(pushed)["remote_error"]
    assert twocheckout.requests == []


def test_export__not_at_2checkout_yet(ada, twocheckout):
    assert "does not have this customer yet" in sync.export(ada)["remote_error"]
    assert twocheckout.requests == []


def test_export__a_row_that_is_gone(pushed):
    Customer.objects.all().delete()
    with pytest.raises(Customer.DoesNotExist):
        sync.export(pushed)


def test_export__while_it_is_being_erased(being_erased):
    assert sync.export(being_erased)["customer"]["first_name"] == "Ada"
