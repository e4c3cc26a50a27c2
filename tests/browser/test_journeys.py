from __future__ import annotations

import pytest

LIST = "/admin/twocheckout/customer/"


def open_customer(page, name):
    page.go(f"{LIST}?q={name.replace(' ', '+')}")
    page.press(name)
    page.sees(name)


def test_find_the_failed_one_and_mend_it(page):
    page.go(LIST)
    page.look("list")
    page.press("Failed")
    page.sees("Tomas Aldana", "City is required.")
    page.press("Tomas Aldana")
    page.sees("2Checkout does not have what you see here", "City is required.")
    page.look("form")
    page.fill("city", "Porto")
    page.fill("zip", "4000-001")
    page.press("Save and continue editing")
    page.until(lambda: page.driver.refresh() or "2Checkout has what you see here." in page.words, "the push")


def test_push_now(page):
    open_customer(page, "Emil Sandgren")
    page.sees("2Checkout does not have this customer yet.")
    page.press("Push now")
    page.sees("Pushed to 2Checkout.", "2Checkout has what you see here.")


def test_try_again__refused_as_before(page):
    open_customer(page, "Greta Holmqvist")
    page.press("Try again now")
    page.sees("Not done: The fiscal code is not a valid VAT ID (SIM_INVALID_FISCAL_CODE)")


def test_delete_a_card_and_meet_a_refusal(page):
    open_customer(page, "Vera Castellan")
    page.press("Cards…")
    page.sees("Visa", "Mastercard")
    page.look("cards")
    for box in page.all("input[name=card]"):
        box.click()
    page.press("Delete the chosen cards…")
    page.sees("This cannot be undone")
    page.press("Yes, delete")
    page.sees("1 card deleted.", "The card is used by an active subscription (SIM_CARD_IN_USE)")
    page.look("card-refused")
    assert len(page.all("input[name=card]")) == 1


def test_refetch_all_and_watch(page):
    page.go(LIST)
    page.find("#action-toggle").click()
    page.choose("action", "Re-fetch from 2Checkout")
    page.press("Run" if page.all("button[name=index]") and "Run" in page.words else "Go")
    page.sees("Re-fetch 60 customers?")
    page.look("confirm")
    page.press("Yes, go on")
    page.sees("Re-fetch 60 customers")
    page.driver.execute_script("window.here = true")
    page.look("progress")
    page.until(lambda: "Done." in page.words, "the job's end")
    assert page.driver.execute_script("return window.here")  # the bar moved without the page being loaded again
    page.sees("customers not done", "Oskar Wieland")
    page.look("progress-ended")
    page.driver.refresh()
    page.sees("Done.")
    page.go("/admin/twocheckout/job/")
    page.sees("Re-fetch 60 customers")


def test_resolve_a_conflict(page):
    open_customer(page, "Ruth Oakenfell")
    page.press("Compare with 2Checkout")
    page.sees("1 field differs.", "changed here")
    page.look("differences")
    page.find("input[value=remote]").click()
    page.press("Do as chosen")
    page.sees("1 field taken over.", "Both sides have the same.")


def test_is_it_flowing(page):
    page.go(LIST)
    page.press("Is it flowing?")
    page.sees("Why customers failed", "SIM_INVALID_FISCAL_CODE", "Settings in force")
    page.look("status")


def test_add_from_2checkout(page, only_there):
    page.go(LIST)
    page.press("Add from 2Checkout")
    page.fill("reference", only_there)
    page.driver.find_element("name", "reference").submit()
    page.sees("Quentin", "Sheffield")
    page.look("add")
    page.press("Link to a new row")
    page.sees("Quentin Ashgrove")


def test_history(page):
    open_customer(page, "Clara Montagu")
    page.press("History")
    page.sees("With 2Checkout", "Conflict: Phone")
    page.look("history")


@pytest.mark.parametrize(
    "path",
    [
        LIST,
        f"{LIST}?sync_state__exact=failed",
        f"{LIST}status/",
        f"{LIST}add-from-2checkout/",
        "/admin/twocheckout/job/",
        "/admin/twocheckout/job/1/change/",
    ],
)
def test_accessible(page, path):
    page.go(path)
    page.accessible()


@pytest.mark.parametrize("button", [None, "Compare with 2Checkout", "Cards…", "History"])
def test_accessible__a_customers_pages(page, button):
    open_customer(page, "Mila Harrow")
    if button:
        page.press(button)
    page.accessible()


def test_without_javascript(open_browser):
    page = open_browser(javascript=False)
    open_customer(page, "Hugo Bellamont")
    page.press("Push now")
    page.sees("2Checkout has what you see here.")
    page.go(LIST)
    page.choose("country", "RO")
    page.all(".tco-filter button")[0].click()
    page.sees("RO")
    page.go("/admin/twocheckout/job/1/change/")
    page.sees("Done.")


def test_on_a_phone(open_browser):
    page = open_browser(width=390, height=844)
    for button in (None, "Compare with 2Checkout", "Cards…"):
        open_customer(page, "Bruno Talvik")
        if button:
            page.press(button)
        page.no_wider_than_the_screen()
    for path in (f"{LIST}status/", f"{LIST}add-from-2checkout/", "/admin/twocheckout/job/1/change/"):
        page.go(path)
        page.no_wider_than_the_screen()
    open_customer(page, "Bruno Talvik")
    page.look("phone")


def test_by_keyboard(page):
    from selenium.webdriver.common.keys import Keys

    open_customer(page, "Ines Carvalhal")
    for _ in range(80):
        page.driver.switch_to.active_element.send_keys(Keys.TAB)
        if page.driver.switch_to.active_element.text == "Push now":
            break
    page.driver.switch_to.active_element.send_keys(Keys.ENTER)
    page.sees("Pushed to 2Checkout.")


def test_in_the_dark(open_browser):
    page = open_browser(dark=True)
    page.go(LIST)
    page.look("list-dark")
    page.accessible()
    open_customer(page, "Paula Rosenau")
    page.look("form-dark")
    page.accessible()
    page.go(f"{LIST}status/")
    page.look("status-dark")
    page.accessible()
