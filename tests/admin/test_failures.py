"""Why customers failed: in the reader's language, with what to do about it, and the field at fault."""

from __future__ import annotations

import inspect
import re

import pytest
from django.utils import translation

from django_twocheckout import exceptions, sync
from django_twocheckout.admin.display import failures
from django_twocheckout.exceptions import TwoCheckoutError, meaning_of
from django_twocheckout.models import Customer
from django_twocheckout.testing import Fault

from ..customers import ADA
from .pages import LIST, STATUS, form, read

OURS = [
    name for name, error in vars(exceptions).items() if inspect.isclass(error) and issubclass(error, TwoCheckoutError)
]


@pytest.mark.parametrize("name", OURS)
def test_each_of_our_errors_is_found_again_and_said_in_each_language(name):
    error = vars(exceptions)[name]()
    assert failures.MEANINGS[name] == meaning_of(name)
    for language in ("de", "ro"):
        with translation.override(language):
            words = failures.translated(error.words)
            assert words == failures.meaning(name) != error.words
            assert failures.translated(f"{error.words} (HTTP 503)") == f"{words} (HTTP 503)"


def test_2checkouts_own_words_stay():
    with translation.override("de"):
        assert failures.translated("No such country. (X1)") == "No such country. (X1)"


def failed(code, words, **values):
    customer = Customer.objects.create(**{**ADA, **values})
    Customer.objects.filter(pk=customer.pk).update_unmarked(sync_state="failed", error_code=code, sync_error=words)
    return Customer.objects.get(pk=customer.pk)


def marked(page):
    """The names of the fields that are marked, and of the focused one."""
    fields = re.findall(r"<(?:input|select)[^>]*>", page.content.decode())
    names = [re.search(r'name="(\w+)"', one)[1] for one in fields if 'aria-invalid="true"' in one]
    focused = [re.search(r'name="(\w+)"', one)[1] for one in fields if " autofocus" in one]
    return names, focused


@pytest.mark.parametrize(
    ("code", "words", "at_fault", "advised"),
    [
        (
            "SIM_INVALID_FISCAL_CODE",
            "Refused (SIM_INVALID_FISCAL_CODE)",
            ["fiscal_code"],
            "Correct Fiscal code and save.",
        ),
        ("X1", "The VAT number is wrong (X1)", ["fiscal_code"], "Correct Fiscal code and save."),
        ("X1", "CountryCode XX is not a country (X1)", ["country_code"], "Correct Country and save."),
        ("X1", "Address1 and Zip are too long (X1)", ["address1", "zip"], "Correct Address and Postal code and save."),
        (
            "X1",
            "The External ID you entered is used by another customer account. (X1)",
            ["external_customer_reference"],
            "What 2Checkout calls the external ID is our reference here.",
        ),
        ("X1", "Something odd (X1)", [], "Correct what is wrong and save."),
        ("AuthenticationFailed", "2Checkout refused our credentials for the Email", [], "Tell those who run this site"),
        ("ServerFailed", "2Checkout failed to process the request.", [], "Try again now."),
    ],
)
def test_advice_and_the_field_at_fault(admin_client, db, code, words, at_fault, advised):
    page = admin_client.get(form(failed(code, words)))
    assert advised in read(page.content.decode())
    assert marked(page) == (at_fault, at_fault[:1])


def test_refused_here__each_field_says_its_own_fault(admin_client, twocheckout, db):
    customer = Customer.objects.create(**{**ADA, "zip": "", "phone": "1"})
    Customer.objects.update(country_code="XX")
    sync.push(customer)
    customer.refresh_from_db()
    assert customer.sync_error.startswith("Not sent to 2Checkout")
    page = admin_client.get(form(customer))
    assert marked(page) == (["zip", "country_code"], ["zip"])
    words = read(page.content.decode())
    assert "Postal code is missing. Country: “XX” is not a two-letter ISO 3166 country code." in words
    assert "Correct Postal code and Country and save. Saving pushes." in words
    with translation.override("de"):
        assert failures.reason(customer) == (
            "Postleitzahl fehlt. Land: „XX“ ist kein zweibuchstabiger Ländercode nach ISO 3166."
        )


def test_only_what_this_person_may_do(support, twocheckout, db):
    customer, other = failed("X1", "The Email is wrong (X1)"), failed("ServerFailed", "2Checkout failed.")
    assert "Somebody who may change customers must correct it." in read(support().get(form(customer)).content.decode())
    assert "Somebody who may push must try again." in read(support().get(form(other)).content.decode())
    assert "Try again now." in read(support("push_customer").get(form(other)).content.decode())
    assert "Correct E-mail and save." in read(support("change_customer").get(form(customer)).content.decode())


def test_nothing_is_marked_once_it_is_in_step(admin_client, pushed):
    assert marked(admin_client.get(form(pushed))) == ([], [])


def test_reasons_are_words_in_the_filter_and_on_the_status_page(admin_client, db):
    failed("X1", "The Email is wrong (X1)")
    failed("NotSent", "Not sent to 2Checkout: Zip is required.")
    for page, code in ((LIST, "The Email is wrong"), (STATUS, "The Email is wrong X1 1")):
        words = read(admin_client.get(page).content.decode())
        assert code in words
        assert "Refused on our side before anything was sent." in words
        assert "NotSent" not in words


def test_in_the_readers_language(admin_client, pushed, twocheckout, settings):
    twocheckout.fail(Fault(503, ""), method="PUT")
    pushed.city = "Paris"
    pushed.save()
    sync.push(pushed)
    settings.LANGUAGE_CODE = "de"
    for page in (form(pushed), LIST):
        shown = read(admin_client.get(page).content.decode())
        assert "2Checkout konnte die Anfrage nicht verarbeiten." in shown
        assert "failed to process" not in shown
