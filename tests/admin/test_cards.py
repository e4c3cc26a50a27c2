from __future__ import annotations

import re
import sys
from datetime import timedelta
from html import unescape

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.signals import got_request_exception
from django.utils import timezone
from django.views.debug import ExceptionReporter

from django_twocheckout import sync
from django_twocheckout.admin.pages.cards import MOST_CUSTOMERS, unseal
from django_twocheckout.models import Customer
from django_twocheckout.testing import Fault

from ..customers import ADA
from .pages import CARDS, LIST, act, form, read, said, text

IN_USE = "Subscription SUB-42: The card is used by an active subscription (SIM_CARD_IN_USE)"


def cards_of(*customers):
    return f"{CARDS}?{'&'.join(f'customer={customer.pk}' for customer in customers)}"


def choices(page):
    """What can be chosen on the page: label to value."""
    found = re.findall(
        r'<input type="checkbox" name="card"[^>]*value="([^"]+)" aria-label="Delete ([^"]+)"', page.content.decode()
    )
    return {unescape(label): value for value, label in found}


def table(page):
    """The lines of the page's tables, as a person reads them; a remark is a line of one cell."""
    ours = "".join(re.findall(r'<table class="tco-cards">(.*?)</table>', page.content.decode(), re.DOTALL))
    lines = re.findall(r"<tr[^>]*>(.*?)</tr>", ours, re.DOTALL)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line, re.DOTALL) for line in lines]
    return [[read(cell) for cell in line] for line in cells]


HEAD = ["Card", "Last digits", "Expires", "Subscriptions"]


def confirmed(*cards):
    return {"card": cards, "confirmed": "yes"}


def entries():
    return sorted(entry.get_change_message() for entry in LogEntry.objects.all())


# What is shown.


def test_page(admin_client, with_cards):
    page = admin_client.get(cards_of(with_cards))
    assert table(page) == [
        HEAD,
        ["Visa", "1111", "12/2029", "not told"],
        ["Mastercard", "4444", "12/2029", "not told"],
    ]
    html = page.content.decode()
    assert "<h1>Cards of Ada Lovelace at 2Checkout</h1>" in html
    assert "<caption>" in html
    assert len(re.findall(r'<th scope="row">\s*<input type="checkbox" name="card"', html)) == 2
    for number in ("1-1", "1-2"):
        assert f'id="tco-card-{number}"' in html
        assert f'for="tco-card-{number}"' in html
    assert 'href="/static/twocheckout/cards.css"' in html
    assert f'<li><a href="{form(with_cards)}">Ada Lovelace</a></li>' in html


def test_page__names_the_subscriptions_that_2checkout_names(admin_client, with_cards, twocheckout):
    twocheckout.behaviour.card_names_subscription = True
    assert ["Mastercard", "4444", "12/2029", "SUB-42"] in table(admin_client.get(cards_of(with_cards)))


def test_page__nothing_known_of_a_card(admin_client, with_cards, twocheckout):
    twocheckout.behaviour.card_shape = "texts"
    page = admin_client.get(cards_of(with_cards))
    assert table(page)[1] == ["Card", "????", "?", "not told"]
    assert list(choices(page)) == ["Ada Lovelace: Card"]  # both read alike


def test_page__tokens_by_single_sign_on(admin_client, with_cards, twocheckout):
    twocheckout.behaviour.card_token = "none"
    visa = choices(admin_client.get(cards_of(with_cards)))["Ada Lovelace: Visa •••• 1111 12/2029"]
    admin_client.post(cards_of(with_cards), confirmed(visa))
    assert twocheckout.cards(with_cards.customer_reference) == ["Mastercard 4444"]


def test_page__without_tokens(admin_client, with_cards, twocheckout):
    twocheckout.behaviour.set(card_token="none", sign_on=False)
    page = admin_client.get(cards_of(with_cards))
    assert choices(page) == {}
    assert "There is no card to choose." in text(page)
    assert table(page)[1:3] == [
        ["Visa", "1111", "12/2029", "not told"],
        [
            "It cannot be deleted here, for 2Checkout gave no token for it. "
            "Single sign-on gave none either: Not found (SIM_NO_SUCH_PATH)"
        ],
    ]


def test_page__without_tokens_and_single_sign_on(admin_client, with_cards, twocheckout, configure):
    configure(CARDS_BY_SSO=False)
    twocheckout.behaviour.card_token = "none"
    page = admin_client.get(cards_of(with_cards))
    assert table(page)[2] == ["It cannot be deleted here, for 2Checkout gave no token for it."]
    assert len(table(page)) == 5


def test_page__of_several_customers(admin_client, with_cards, twocheckout):
    absent = Customer.objects.create(**{**ADA, "first_name": "Nobody"})
    bare = Customer.objects.create(**{**ADA, "first_name": "Bare"})
    sync.push(bare)
    page = act(admin_client, "choose_cards", with_cards, absent, bare)
    assert "<h1>Cards at 2Checkout</h1>" in page.content.decode()
    assert "Nobody Lovelace: 2Checkout does not have this customer yet." in text(page)
    assert "Bare Lovelace has no cards at 2Checkout." in text(page)
    address = page.redirect_chain[-1][0]
    visa = choices(page)["Ada Lovelace: Visa •••• 1111 12/2029"]
    done = admin_client.post(address, confirmed(visa), follow=True)
    assert done.redirect_chain == [(LIST, 302)]


def test_page__too_many_customers(admin_client, db):
    rows = [Customer.objects.create(**ADA) for _ in range(MOST_CUSTOMERS + 1)]
    assert said(act(admin_client, "choose_cards", *rows)) == (
        "warning",
        "The cards of at most 20 customers can be shown at a time.",
    )


@pytest.mark.parametrize(
    "asked", ["", "?customer=", "?customer=x", "?customer=²", "?customer=4711&customer=" + "9" * 30]
)
def test_page__of_no_customer(admin_client, db, asked):
    page = admin_client.get(CARDS + asked)
    assert page.status_code == 200
    assert "There is no card to choose." in text(page)


# What a card pays for.


@pytest.fixture
def paying(pushed, twocheckout):
    """A customer with two cards that pay for subscriptions; the second one's is not found yet."""
    long_ago = timezone.now() - timedelta(days=40)
    for purchased, digits in ((long_ago.timestamp(), "1111"), (None, "2222")):
        plan = twocheckout.add_subscription(pushed.customer_reference, purchased=purchased, expires="2029-12-31")
        twocheckout.add_card(pushed.customer_reference, "Visa", digits, subscription=plan)
    return pushed


def refusals(client, customer):
    """The remarks after an attempt to delete all cards."""
    page = client.post(cards_of(customer), confirmed(*choices(client.get(cards_of(customer))).values()))
    return [line[0] for line in table(page) if len(line) == 1]


def searches(vendor):
    return len([request for request in vendor.requests if "subscriptions" in request.path])


def test_refused__says_what_the_subscription_is(admin_client, paying, twocheckout):
    first, second = refusals(admin_client, paying)
    assert first == (
        "It was not deleted: Subscription SUB000000001: The card is used by an active subscription (SIM_CARD_IN_USE). "
        "SUB000000001: Monthly plan, enabled, renews on Dec. 31, 2029"
    )
    assert second.endswith("SUB000000002: The card is used by an active subscription (SIM_CARD_IN_USE)")
    assert searches(twocheckout) == 1


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"renews": False}, "SUB000000001: Monthly plan, enabled, runs until Dec. 31, 2029"),
        ({"expires": "", "enabled": False}, "SUB000000001: Monthly plan, disabled"),
        ({"product": ""}, "SUB000000001: enabled, renews on Dec. 31, 2029"),
    ],
)
def test_refused__says_of_the_subscription_what_is_told(admin_client, pushed, twocheckout, facts, words):
    plan = twocheckout.add_subscription(pushed.customer_reference, purchased=0, **{"expires": "2029-12-31", **facts})
    twocheckout.add_card(pushed.customer_reference, subscription=plan)
    assert refusals(admin_client, pushed)[0].endswith(f"(SIM_CARD_IN_USE). {words}")


def test_refused__tells_the_reason_also_where_the_subscriptions_cannot_be_fetched(admin_client, paying, twocheckout):
    twocheckout.behaviour.subscription_pages = "never_end"
    assert all(one.endswith("(SIM_CARD_IN_USE)") for one in refusals(admin_client, paying))


def test_deleted__asks_for_no_subscriptions(admin_client, with_cards, twocheckout):
    visa = choices(admin_client.get(cards_of(with_cards)))["Ada Lovelace: Visa •••• 1111 12/2029"]
    admin_client.post(cards_of(with_cards), confirmed(visa))
    assert searches(twocheckout) == 0


# Failures.


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("503", "Down for maintenance (SIM_MAINTENANCE)"),
        ("reset", "No answer came from 2Checkout"),
        ("html-404", "not what it documents"),
        ("401", "Authentication needed"),
        ("429", "Too many requests"),
    ],
)
def test_failure__is_shown_with_a_way_to_try_again(admin_client, with_cards, twocheckout, fault, words):
    twocheckout.fail(fault)
    address = cards_of(with_cards)
    page = admin_client.get(address)
    assert page.status_code == 200
    assert "The cards could not be fetched:" in text(page)
    assert words in text(page)
    again = re.search(r'href="([^"]+)">Try again<', page.content.decode())
    assert len(choices(admin_client.get(unescape(again[1])))) == 2


def test_failure__2checkout_does_not_know_the_customer(admin_client, with_cards, twocheckout):
    twocheckout.forget(with_cards.customer_reference)
    page = admin_client.get(cards_of(with_cards))
    assert "The cards could not be fetched: There is no such customer (SIM_UNKNOWN_CUSTOMER)" in text(page)
    assert "Try again" in text(page)


def test_failure__of_the_whole_account(admin_client, with_cards, twocheckout):
    other = Customer.objects.create(**ADA)
    with twocheckout.outage("401"):
        sync.push_pending()
        page = admin_client.get(cards_of(with_cards))
    assert "There is trouble with the whole account, not only with this customer:" in text(page)
    assert "Try again" in text(page)
    assert "whole account" not in text(admin_client.get(cards_of(with_cards)))
    assert other.sync_state == "pending"


def test_failure__one_customer_hides_no_other(admin_client, with_cards, twocheckout):
    other = Customer.objects.create(**{**ADA, "first_name": "Charles"})
    sync.push(other)
    twocheckout.forget(other.customer_reference)
    page = admin_client.get(cards_of(with_cards, other))
    assert len(choices(page)) == 2
    assert "Charles Lovelace: The cards could not be fetched" in text(page)


# Deleting.


def test_chosen_confirmed_deleted(admin_client, with_cards, twocheckout):
    page = act(admin_client, "choose_cards", with_cards)
    assert page.redirect_chain == [(cards_of(with_cards), 302)]
    assert "no-store" in page["Cache-Control"]
    offered = choices(page)
    assert list(offered) == ["Ada Lovelace: Visa •••• 1111 12/2029", "Ada Lovelace: Mastercard •••• 4444 12/2029"]

    address = page.redirect_chain[-1][0]
    visa = next(iter(offered.values()))
    confirmation = admin_client.post(address, {"card": visa})
    assert "<h1>Delete this card at 2Checkout?</h1>" in confirmation.content.decode()
    assert "This cannot be undone" in text(confirmation)
    assert "Ada Lovelace: Visa •••• 1111" in text(confirmation)
    assert f'href="{address}">No, take me back' in confirmation.content.decode()
    assert len(twocheckout.cards(with_cards.customer_reference)) == 2

    sealed = re.search(r'type="hidden" name="card" value="([^"]+)"', confirmation.content.decode())[1]
    done = admin_client.post(address, confirmed(sealed), follow=True)
    assert done.redirect_chain == [(form(with_cards), 302)]
    assert said(done) == ("success", "1 card deleted.")
    assert twocheckout.cards(with_cards.customer_reference) == ["Mastercard 4444"]
    with_cards.refresh_from_db()
    assert len(with_cards.existing_cards) == 1
    assert entries() == ["Deleted a card at 2Checkout."]


def test_tokens_stay_in_the_form(admin_client, with_cards, twocheckout, caplog):
    caplog.set_level("DEBUG")
    twocheckout.behaviour.card_token = "none"
    page = admin_client.get(cards_of(with_cards))
    admin_client.post(cards_of(with_cards), confirmed(*choices(page).values()))
    kept = str(list(Customer.objects.values())) + str(list(LogEntry.objects.values())) + caplog.text
    kept += str(dict(admin_client.session)) + str(admin_client.cookies)
    secrets = twocheckout.issued_tokens
    assert len(secrets) > 3
    assert not any(secret in kept for secret in secrets)


@pytest.mark.parametrize("shape", ["rest", "rpc"])
def test_refused__in_2checkouts_words_beside_the_card(admin_client, with_cards, twocheckout, shape):
    twocheckout.behaviour.card_refusal = shape
    address = cards_of(with_cards)
    chosen = list(choices(admin_client.get(address)).values())
    page = admin_client.post(address, confirmed(*chosen))
    assert said(page) == ("warning", "1 card deleted. 1 card not deleted; the reason stands below.")
    assert table(page) == [
        HEAD,
        ["Mastercard", "4444", "12/2029", "SUB-42"],
        [f"It was not deleted: {IN_USE}"],
    ]
    html = page.content.decode()
    assert 'aria-describedby="tco-remark-1-1"' in html
    assert 'id="tco-remark-1-1"' in html
    assert "no-store" in page["Cache-Control"]
    assert entries() == ["Deleted a card at 2Checkout.", "Deleting a card was refused by 2Checkout (SIM_CARD_IN_USE)."]

    [again] = choices(page).values()
    assert said(admin_client.post(address, confirmed(again)))[0] == "error"
    assert "It was not deleted" not in text(admin_client.get(address))


def test_refused__both_of_two_like_cards(admin_client, pushed, twocheckout):
    for subscription in ("SUB-1", "SUB-2"):
        twocheckout.add_card(pushed.customer_reference, subscription=subscription)
    html = admin_client.get(cards_of(pushed)).content.decode()
    both = re.findall(r'name="card"[^>]*value="([^"]+)"', html)
    page = admin_client.post(cards_of(pushed), confirmed(*both))
    assert said(page) == ("error", "2 cards not deleted; the reasons stand below.")
    assert [line[3] for line in table(page)[1::2]] == ["SUB-1", "SUB-2"]


def test_refused__one_of_two_that_look_alike(admin_client, pushed, twocheckout):
    """Its reason stands above the cards: beside one of them it might be the wrong one."""
    twocheckout.add_card(pushed.customer_reference, subscription="SUB-1")
    twocheckout.add_card(pushed.customer_reference)
    twocheckout.add_card(pushed.customer_reference)
    html = admin_client.get(cards_of(pushed)).content.decode()
    used, free, _other = re.findall(r'name="card"[^>]*value="([^"]+)"', html)
    page = admin_client.post(cards_of(pushed), confirmed(used, free))
    assert said(page) == ("warning", "1 card deleted. 1 card not deleted; the reason stands below.")
    assert len(table(page)) == 3
    assert "is used by an active subscription" in "".join(page.context["problems"])


def test_confirmation__like_cards_differ_by_what_they_pay_for(admin_client, pushed, twocheckout):
    twocheckout.behaviour.card_names_subscription = True
    for subscription in ("SUB-1", "SUB-2"):
        twocheckout.add_card(pushed.customer_reference, subscription=subscription)
    found = choices(admin_client.get(cards_of(pushed)))
    assert [label[-7:] for label in found] == ["(SUB-1)", "(SUB-2)"]
    page = admin_client.post(cards_of(pushed), {"card": list(found.values())})
    assert "(SUB-1)" in text(page)
    assert "(SUB-2)" in text(page)


def test_page__2checkout_is_not_asked_for_each_when_it_is_not_there(admin_client, pushed, twocheckout):
    Customer.objects.bulk_create([Customer(**ADA, customer_reference=f"60000000{n}") for n in range(5)])
    twocheckout.fail("reset", times=100)
    page = admin_client.get(cards_of(*Customer.objects.all()))
    assert text(page).count("The cards could not be fetched") == 6
    assert len({request.path for request in twocheckout.requests}) == 1


def test_error_report__no_token(admin_client, with_cards, twocheckout, monkeypatch):
    """What an unexpected exception mails to the project's admins, with all that Django knows of it."""
    admin_client.raise_request_exception = False
    sealed = choices(admin_client.get(cards_of(with_cards)))
    facts = [unseal(value) for value in sealed.values()]
    reports = []

    def report(request, **facts):
        reporter = ExceptionReporter(request, *sys.exc_info())
        reports.append(reporter.get_traceback_text() + reporter.get_traceback_html())

    def broken(*arguments, **options):
        raise ZeroDivisionError

    monkeypatch.setattr("django_twocheckout.engine.history.write", broken)
    got_request_exception.connect(report)
    try:
        assert admin_client.post(cards_of(with_cards), confirmed(*sealed.values())).status_code == 500
    finally:
        got_request_exception.disconnect(report)
    [whole] = reports
    assert "ZeroDivisionError" in whole
    for private in [*sealed.values(), *(fact["token"] for fact in facts)]:
        assert private not in whole


def test_refused__and_the_cards_cannot_be_fetched_anew(admin_client, with_cards, twocheckout):
    address = cards_of(with_cards)
    mastercard = choices(admin_client.get(address))["Ada Lovelace: Mastercard •••• 4444 12/2029"]
    twocheckout.fail("503", method="GET", times=2)
    page = admin_client.post(address, confirmed(mastercard))
    assert f"Ada Lovelace: Mastercard •••• 4444 12/2029: {IN_USE}" in text(page)
    assert "The cards could not be fetched: Down for maintenance" in text(page)


def test_no_answer_is_no_refusal(admin_client, with_cards, twocheckout):
    address = cards_of(with_cards)
    visa = next(iter(choices(admin_client.get(address)).values()))
    twocheckout.fail("503", method="DELETE")
    page = admin_client.post(address, confirmed(visa))
    assert table(page)[2] == ["It was not deleted: Down for maintenance (SIM_MAINTENANCE)"]
    assert entries() == []


@pytest.mark.parametrize(
    ("body", "entry"),
    [
        ('{"Deleted": false}', "Deleting a card was refused by 2Checkout (400)."),
        (
            '{"error_code": "CODE", "message": "Ada of ada@example.org"}',
            "Deleting a card was refused by 2Checkout (CODE).",
        ),
    ],
)
def test_refused__the_log_has_the_code_alone(admin_client, with_cards, twocheckout, body, entry):
    address = cards_of(with_cards)
    visa = next(iter(choices(admin_client.get(address)).values()))
    twocheckout.fail(Fault(400, body), method="DELETE")
    admin_client.post(address, confirmed(visa))
    assert entries() == [entry]


def test_not_sent_is_no_refusal(admin_client, with_cards):
    visa = next(iter(choices(admin_client.get(cards_of(with_cards))).values()))
    Customer.objects.update_unmarked(customer_reference=None)
    page = admin_client.post(cards_of(with_cards), confirmed(visa))
    assert "2Checkout does not have this customer yet." in text(page)
    assert entries() == []


def test_gone_already_is_success(admin_client, with_cards):
    address = cards_of(with_cards)
    visa = next(iter(choices(admin_client.get(address)).values()))
    for _ in range(2):
        response = admin_client.post(address, confirmed(visa), follow=True)
        assert said(response) == ("success", "1 card deleted.")


def test_nothing_forged_or_old_is_accepted(admin_client, with_cards, twocheckout):
    address = cards_of(with_cards)
    visa = next(iter(choices(admin_client.get(address)).values()))
    for card in ([], ["forged"], [visa[:-1] + "x"]):
        level, words = said(admin_client.post(address, confirmed(*card), follow=True))
        assert (level, words[:25]) == ("warning", "Choose at least one card.")
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        response = admin_client.post(address, confirmed(visa), follow=True)
        assert said(response)[0] == "warning"
    assert len(twocheckout.cards(with_cards.customer_reference)) == 2


def test_a_row_deleted_meanwhile(admin_client, with_cards):
    address = cards_of(with_cards)
    visa = next(iter(choices(admin_client.get(address)).values()))
    Customer.objects.all().delete()
    page = admin_client.post(address, confirmed(visa))
    assert "Ada Lovelace: Visa •••• 1111 12/2029: This customer is no longer here." in text(page)
    assert "There is no card to choose." in text(page)


# Who may do what, and where it is offered.


def test_form__leads_to_the_cards(admin_client, pushed):
    page = admin_client.get(form(pushed)).content.decode()
    assert f'<a class="tco-button" href="{cards_of(pushed)}">Cards…</a>' in page
    assert "Cards…" not in admin_client.get(form(Customer.objects.create(**ADA))).content.decode()


def test_permissions(client, pushed, twocheckout):
    user = User.objects.create_user("support", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_customer"))
    client.force_login(user)
    assert "Delete cards…" not in client.get(LIST).content.decode()
    assert "Cards…" not in client.get(form(pushed)).content.decode()
    act(client, "choose_cards", pushed)
    assert client.get(cards_of(pushed)).status_code == 403
    assert client.post(cards_of(pushed)).status_code == 403
    assert twocheckout.requests == []

    user.user_permissions.set(Permission.objects.filter(codename__in=["view_customer", "delete_card"]))
    assert "Delete cards…" in client.get(LIST).content.decode()
    assert "Cards…" in client.get(form(pushed)).content.decode()
    assert act(client, "choose_cards", pushed).status_code == 200
    assert client.get(cards_of(pushed)).status_code == 200
    assert client.post(cards_of(pushed)).status_code == 302

    user.user_permissions.set(Permission.objects.filter(codename="delete_card"))
    assert client.get(cards_of(pushed)).status_code == 403
