"""How many clicks a person's commonest jobs take from the admin's index, on a desk and on a phone.

Typing is not counted, and no page is loaded again by hand.
"""

from __future__ import annotations

import pytest

from .page import Page

SYNCED = "2Checkout has what you see here."


@pytest.fixture(params=["desk", "phone"])
def start(page: Page, request):
    """The index, and who the journey is about: each has a customer of its own for each screen."""
    if request.param == "phone":
        page.on_a_phone()
    page.go("/admin/")
    page.clicks = 0

    def whom(on_a_desk, on_a_phone):
        return on_a_phone if request.param == "phone" else on_a_desk

    return page, whom


def to_the_form(page, name):
    page.press("Customers", "//main")
    page.search(name)
    page.press(name)


def test_is_anything_wrong__0(start):
    page, _whom = start
    page.sees("2Checkout", "failed", "pending")
    page.no_wider_than_the_screen()
    assert page.clicks == 0


def test_why_is_somebody_not_there_and_push__3(start):
    page, whom = start
    to_the_form(page, whom("Liv Aronsen", "Jan Verhoeven"))
    page.sees("2Checkout does not have the last change yet.", "Down for maintenance")
    page.press("Push now")
    page.sees("Pushed to 2Checkout.", SYNCED)
    assert page.clicks <= 3


def test_correct_a_vat_id_and_see_it_accepted__4(start):
    page, whom = start
    to_the_form(page, whom("Elsa Winterberg", "Milo Castellane"))
    page.sees("The fiscal code is not a valid VAT ID")
    page.fill("Fiscal code", "SE556036079301")
    page.press("Save and push")
    page.sees(SYNCED)
    assert page.clicks <= 4


def test_try_all_of_one_reason_again__3(start):
    page, _whom = start
    page.press("Is it flowing?", "//main")
    row = "//tr[contains(., 'The fiscal code is not a valid VAT ID')]"
    words = page.find(f"{row}//button").text
    assert words.startswith("Try all ")
    page.press(words, row)
    page.sees("not done:")
    assert page.clicks <= 3


def test_delete_a_card__5(start):
    page, whom = start
    to_the_form(page, whom("Anke Driessen", "Tove Lindahl"))
    page.press("Cards…")
    page.no_wider_than_the_screen()
    page.press("Delete…", "//tr[contains(., 'Visa')]")
    page.sees("This cannot be undone", "Visa •••• 1111")
    page.press("Yes, delete")
    page.sees("1 card deleted.", "Mastercard •••• 4444")
    assert "Visa" not in page.words
    assert page.clicks <= 5


def test_settle_a_conflict__4(start):
    page, whom = start
    name = whom("Frida Nyberg", "Otto Zander")
    page.press(page.find("//main//a[contains(., 'pending')]").text, "//main")
    page.press("Changed on both sides: City", f"//tr[contains(., '{name}')]")
    page.sees("1 field differs.", "Deal", "Dover")
    page.mark("//input[@name='field-City' and @value='remote']")
    page.press("Do as chosen")
    page.sees("1 field taken over.", "Both sides have the same.")
    assert page.clicks <= 4
