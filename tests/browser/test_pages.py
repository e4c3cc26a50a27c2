"""Each page of ours: for people who do not see it, on a phone, in the dark."""

from __future__ import annotations

import pytest

from .page import CUSTOMERS, OF_COLOURS


def _of(name, *buttons):
    def open_it(page):
        page.customer(name)
        for button in buttons:
            page.press(button)

    return open_it


def _at(path):
    return lambda page: page.go(path)


def _confirmation(page):
    page.go(CUSTOMERS)
    page.find("//*[@id='action-toggle']").click()
    page.choose("action", "Push now")
    page.press_action()


def _job_under_way(page):
    page.choose_all_in_step("Re-fetch from 2Checkout")
    page.press("Yes, go on")
    page.sees("customers left", "Wake a worker")


def _cards_confirmation(page):
    _of("Mila Harrow", "Cards…")(page)
    page.find("//input[@name='card']").click()
    page.press("Delete the chosen cards…")


def _found_at_2checkout(page):
    page.go(f"{CUSTOMERS}add-from-2checkout/")
    page.fill("Reference at 2Checkout", "shop-old-7")
    page.press("Look up at 2Checkout")


def _found_to_link(page):
    _of("Oskar Wieland", "Link to another reference…")(page)
    page.fill("Reference at 2Checkout", "shop-old-7")
    page.press("Look up at 2Checkout")


def _mirrored(page):
    page.go("/accounts/4/")
    page.press("Open in the admin")


def _nothing_found(page):
    page.go(f"{CUSTOMERS}add-from-2checkout/")
    page.fill("Reference at 2Checkout", "nobody")
    page.press("Look up at 2Checkout")


def _buy(page):
    page.go("/")
    with page.another_page():
        page.find("//main//td/a").click()
    page.press("Buy")


PAGES = {
    "index": _at("/admin/"),
    "list": _at(CUSTOMERS),
    "list-failed": _at(f"{CUSTOMERS}?sync_state__exact=failed"),
    "form-new": _at(f"{CUSTOMERS}add/"),
    "form-failed": _of("Tomas Aldana"),
    "form-pending": _of("Marek Zielony"),
    "form-synced": _of("Theo Lambrecht"),
    "form-mirrored": _mirrored,
    "form-gone": _of("Oskar Wieland"),
    "form-undecided": _of("Ylva Norrgard"),
    "differences-undecided": _of("Ylva Norrgard", "Push now"),
    "link": _of("Oskar Wieland", "Link to another reference…"),
    "link-found": _found_to_link,
    "history": _of("Clara Montagu", "History"),
    "differences": _of("Arno Vestergaard", "Compare with 2Checkout"),
    "differences-unknown-there": _of("Oskar Wieland", "Compare with 2Checkout"),
    "cards": _of("Mila Harrow", "Cards…"),
    "cards-confirmation": _cards_confirmation,
    "confirmation": _confirmation,
    "erase": _of("Theo Lambrecht", "Erase…"),
    "erasures": _at("/admin/twocheckout/erasure/"),
    "status": _at(f"{CUSTOMERS}status/"),
    "add": _at(f"{CUSTOMERS}add-from-2checkout/"),
    "add-found": _found_at_2checkout,
    "add-nothing-found": _nothing_found,
    "jobs": _at("/admin/twocheckout/job/"),
    "job-under-way": _job_under_way,
    "job": _at("/admin/twocheckout/job/1/change/"),
    "shop": _at("/"),
    "shop-account": _at("/accounts/3/"),
    "shop-sign-up": _at("/sign-up/"),
    "shop-buy": _buy,
}


@pytest.mark.parametrize("name", PAGES)
def test_page(name, page, request):
    """Fits a phone, and axe-core finds nothing in it but what is Django's own, in the light and in the dark."""
    axe, djangos = request.getfixturevalue("axe"), request.getfixturevalue("djangos")
    PAGES[name](page)
    page.on_a_phone()
    page.no_wider_than_the_screen()
    page.picture(f"phone-{name}", 1600)
    page.as_it_was()
    found = page.violations(axe)
    page.in_the_dark()
    found += page.violations(axe, OF_COLOURS)
    page.picture(f"dark-{name}", 1200)
    ours = [one["words"] for one in found if one["ours"] or (one["rule"], one["place"]) not in djangos]
    assert not ours, "\n".join(ours)


def test_what_is_written_into_a_page_does_not_run(page):
    """The policy is in force, and a breach of it would be noticed."""
    page.go(CUSTOMERS)
    page.driver.execute_script(
        "const script = document.createElement('script'); script.textContent = 'window.ran = true';"
        "document.body.append(script);"
    )
    assert page.driver.execute_script("return window.ran") is None
    with pytest.raises(AssertionError, match="Content Security Policy"):
        page.no_complaints()
