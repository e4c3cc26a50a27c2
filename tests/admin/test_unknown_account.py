"""The admin's pages of customers whose account is not in the settings: nothing is sent for them, in words."""

from __future__ import annotations

import pytest

from django_twocheckout import sync
from django_twocheckout.flows import jobs
from django_twocheckout.models import Customer, Verb

from ..two_accounts import second_account
from .pages import CARDS, LIST, act, form, said, text, values

UNKNOWN = "The settings have no account “later”, so nothing is sent for this customer."


def test_the_form_of_a_customer_of_an_unknown_account(admin_client, lost):
    page = text(admin_client.get(form(lost)))
    assert UNKNOWN in page
    assert "Choose another account for it, or let those who run this site add the account to the settings." in page
    assert "As soon as a worker is free" not in page
    assert "Push now" not in page
    sync.push_pending()  # the sweep notes it on the row
    assert text(admin_client.get(form(lost))).count(UNKNOWN) == 1
    assert UNKNOWN in text(admin_client.get(LIST))
    assert "waits for a worker" not in text(admin_client.get(LIST))


def test_a_customer_of_an_unknown_account_is_moved_to_the_one_there_is(admin_client, lost, twocheckout):
    sync.push_pending()
    page = admin_client.get(form(lost))
    shown = page.context["adminform"].form
    assert shown["merchant_account"].field.choices == [
        ("default", "default"),
        ("later", "later (not in the settings)"),
    ]
    admin_client.post(form(lost), values(shown, merchant_account="default"))
    assert sync.push_pending().pushed == 1


def test_a_known_customer_of_an_unknown_account_waits_for_the_settings(admin_client, pushed):
    Customer.objects.update_unmarked(account="later")
    page = text(admin_client.get(form(pushed)))
    assert UNKNOWN in page
    assert "2Checkout has what you see here." in page
    Customer.objects.update(city="Rome")
    assert "Those who run this site must add the account to the settings." in text(admin_client.get(form(pushed)))


def test_once_the_settings_have_it_nothing_old_is_said(admin_client, lost, configure):
    sync.push_pending()
    with second_account(configure):
        configure(ACCOUNTS={"later": {"MERCHANT_CODE": "L", "SECRET_KEY": "k"}})
        assert "no account" not in text(admin_client.get(form(lost)))


@pytest.mark.parametrize("page", ["push/", "refetch/"])
def test_buttons_for_a_customer_of_an_unknown_account_are_refused_in_words(admin_client, lost, page):
    """Pressed on a page from before the settings changed."""
    level, words = said(admin_client.post(form(lost).replace("change/", page), follow=True))
    assert level == "warning"
    assert words == ("1 customer left out: the settings have no account “later”, so nothing is sent for it.")


def test_the_comparison_of_a_customer_of_an_unknown_account_is_refused_in_words(admin_client, lost):
    level, words = said(admin_client.get(form(lost).replace("change/", "differences/"), follow=True))
    assert (level, "no account 'later'" in words) == ("error", True)


@pytest.mark.parametrize("action", ["push_now", "refetch"])
def test_an_action_leaves_out_the_customers_of_unknown_accounts(admin_client, ours, lost, twocheckout, us, action):
    for customer in ours.values():
        sync.push(customer)
    response = act(admin_client, action, lost, *ours.values())
    told = [(message.level_tag, str(message)) for message in response.context["messages"]]
    assert told[0][0] == "warning"
    assert "“later”" in told[0][1]
    assert told[1] == ("success", "2 customers done.")


def test_the_cards_of_others_are_shown_beside_it(admin_client, ours, us, twocheckout):
    for customer in ours.values():
        sync.push(customer)
    us.add_card(ours["us"].customer_reference, "Visa", "1111")
    Customer.objects.filter(pk=ours["default"].pk).update_unmarked(account="later")
    page = text(admin_client.get(f"{CARDS}?customer={ours['default'].pk}&customer={ours['us'].pk}"))
    assert UNKNOWN in page
    assert "1111" in page


def test_a_job_tells_whom_it_waits_for(admin_client, lost):
    job = jobs.begin(Verb.PUSH, [lost.pk])
    page = text(admin_client.get(f"/admin/twocheckout/job/{job.pk}/change/"))
    assert "The settings have no account “later”, so its customers wait until they have it" in page
