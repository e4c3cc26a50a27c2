"""What a person does in the admin, from the first click to what 2Checkout has in the end."""

from __future__ import annotations

from .page import CUSTOMERS

SYNCED = "2Checkout has what you see here."


def test_log_in_and_mend_what_2checkout_refused(visitor):
    visitor.log_in()
    visitor.press("Customers", "//main")
    visitor.picture("list")
    visitor.press("Failed", "//*[@id='changelist-filter']")
    assert "✗ Failed" in visitor.row("Greta Holmqvist")
    assert "The fiscal code is not a valid VAT ID" in visitor.row("Greta Holmqvist")
    assert "Pending" not in visitor.find("//table[@id='result_list']").text
    visitor.press("Greta Holmqvist")
    visitor.sees("✗ Failed", "The fiscal code is not a valid VAT ID", "Correct Fiscal code and save.")
    visitor.picture("form")
    visitor.fill("Fiscal code", "SE556036079301")
    visitor.press("Save and continue editing")
    visitor.sees_in_time(SYNCED)
    visitor.go(CUSTOMERS)
    visitor.find("//input[@name='q']").send_keys("Holmqvist")
    visitor.press("Search")
    visitor.press("Greta Holmqvist")
    visitor.press("Compare with 2Checkout")
    visitor.sees("Both sides have the same.")


def test_a_field_is_missing(page):
    page.customer("Nora Feldmann")
    page.sees("City is missing. Postal code is missing.")
    page.fill("Postal code", "1010")
    page.fill("City", "Wien")
    page.press("Save and continue editing")
    page.picture("form-waiting")
    page.sees_in_time(SYNCED)


def test_push_now(page):
    page.customer("Sven Aldermoor")
    page.sees("◷ Pending", "Down for maintenance (SIM_MAINTENANCE)", "Tried 6 of 14 times")
    page.press("Push now")
    page.sees("Pushed to 2Checkout.", "✓ Synced", SYNCED)


def test_try_again_and_be_refused_again(page):
    page.customer("Lena Brandvold")
    page.press("Try again now")
    page.sees("Not done: The External ID you entered is used by another customer account.", "✗ Failed")


def test_delete_cards_of_which_one_is_held_by_a_subscription(page):
    page.customer("Vera Castellan")
    page.press("Cards…")
    page.picture("cards-before")
    for box in page.all("//input[@name='card']"):
        box.click()
    page.press("Delete the chosen cards…")
    page.sees("This cannot be undone", "Visa", "Mastercard")
    page.picture("cards-confirmation")
    page.press("Yes, delete")
    page.sees("1 card deleted.", "The card is used by an active subscription", "Kite club, enabled")
    page.picture("cards")
    assert len(page.all("//input[@name='card']")) == 1
    page.press("Back to the customer")
    page.sees("Mastercard •••• 4444")
    assert "Visa" not in page.words


def sees_the_end(page, count, *, one_is_gone):
    """The end of a job. The customer who is gone unnoticed is met by whichever job comes first."""
    if one_is_gone:
        page.sees("Ended.", f"{count - 1} customers done", "1 customer not done", "Selma Tiedemann")
    else:
        page.sees(f"Done. {count} customers done.")


def test_refetch_two_hundred_customers_and_watch(page):
    one_is_gone = page.is_in_step("Selma Tiedemann")
    count = page.choose_all_in_step("Re-fetch from 2Checkout")
    assert count >= 200
    page.sees(f"Re-fetch {count} customers?", f"and {count - 10} more")
    page.picture("confirmation")
    page.press("Yes, go on")
    page.sees(f"Re-fetch {count} customers", "customers left")
    page.driver.execute_script("window.neverLoadedAgain = true")
    page.picture("progress-begun")
    begun = page.bar()
    page.until(lambda: page.bar() > begun, "progress")
    assert page.driver.execute_script("return window.neverLoadedAgain")
    # It can be left, found again, and loaded again.
    left = page.bar()
    page.go(CUSTOMERS)
    page.press("Watch it")
    page.sees("customers left")
    assert page.bar() >= left
    page.driver.refresh()
    page.sees("customers left")
    assert page.bar() >= left
    sees_the_end(page, count, one_is_gone=one_is_gone)
    assert page.bar() == count
    assert page.all("//button[normalize-space()='Stop']") == []
    page.picture("progress")
    page.go("/admin/twocheckout/job/")
    page.sees(f"Re-fetch {count} customers")


def test_stop_a_job(page):
    one_is_gone = page.is_in_step("Selma Tiedemann")
    count = page.choose_all_in_step("Re-fetch from 2Checkout")
    page.press("Yes, go on")
    page.sees("customers left")
    page.press("Stop")
    page.sees("Stopped.", "customers left")
    stopped = page.bar()
    assert stopped < count
    page.driver.refresh()
    assert page.bar() == stopped
    assert page.all("//button[normalize-space()='Stop']") == []
    page.picture("progress-stopped")
    page.press("Go on")
    page.until(lambda: page.bar() == count, "end of the job", seconds=60)  # by RATE_LIMIT, ten seconds at the least
    sees_the_end(page, count, one_is_gone=one_is_gone)


def test_try_these_again(page):
    page.go("/admin/twocheckout/job/1/change/")
    page.sees("Ended. 12 customers done. 1 customer not done.", "Oskar Wieland: There is no such customer")
    page.press("Try these again")
    page.sees("A worker has been asked to go on.")
    page.sees("Ended. 12 customers done. 1 customer not done.", "Oskar Wieland: There is no such customer")
    assert page.bar() == 13


def test_create_again_who_is_gone(page):
    page.customer("Karin Oldenburg")
    page.sees("∅ Gone", "2Checkout does not have this customer any more.")
    page.picture("form-gone")
    page.press("Create again at 2Checkout")
    page.sees("2Checkout has this customer again.", SYNCED)


def test_link_who_is_gone_to_another_reference(page):
    page.customer("Ivo Marchetti")
    page.press("Link to another reference…")
    page.fill("Reference at 2Checkout", "ivo-anew")
    page.press("Look up at 2Checkout")
    page.sees("Link Ivo Marchetti to another reference", "9 Mill Lane")
    page.picture("link", 1200)
    page.press("Link the row to this customer")
    page.sees("The row is linked to this customer of 2Checkout.")
    page.sees_in_time(SYNCED)


def test_resolve_a_conflict(page):
    page.customer("Sanna Kestrel")
    page.press("Compare with 2Checkout")
    page.sees("3 fields differ.", "+44 555 8001", "+44 555 8002", "Dover", "Deal", "Kites & Co")
    page.picture("differences")
    page.find("//input[@name='field-Phone' and @value='remote']").click()
    page.find("//input[@name='field-City' and @value='local']").click()
    page.find("//input[@name='field-Company' and @value='remote']").click()
    page.press("Do as chosen")
    page.sees("Both sides have the same.")
    page.press("Back to the customer")
    page.sees(SYNCED)
    values = {
        name: page.find(f"//input[@name='{name}']").get_attribute("value") for name in ("phone", "city", "company")
    }
    assert values == {"phone": "+44 555 8001", "city": "Deal", "company": "Kites & Co"}


def test_from_the_projects_own_list_and_back(page):
    page.go("/admin/shop/account/")
    page.picture("accounts")
    nickname = page.find("//td[@class='field-customer_state']//a/ancestor::tr//th/a").text
    page.press(page.find("//td[@class='field-customer_state']//a").text)
    page.sees(f"Account: {nickname}")
    page.press(nickname, "//*[@class='tco-links']")
    page.sees("Nickname:", "2Checkout")


def test_history_tells_of_a_conflict(page):
    page.customer("Clara Montagu")
    page.press("History")
    page.sees("With 2Checkout", "Conflict: Phone")
    page.picture("history")


def test_is_it_flowing(page):
    page.go(CUSTOMERS)
    page.press("Is it flowing?")
    page.sees("Customers", "The last hour", "Why customers failed", "Settings in force")
    page.picture("status", 2400)
    page.press("The fiscal code is not a valid VAT ID")
    page.sees("Radu Vlaicu")
    assert "is missing" not in page.find("//table[@id='result_list']").text


def test_add_from_2checkout(page, demo):
    page.go("/")
    page.sees(demo.only_there)
    page.press("Add it from there")
    page.fill("Reference at 2Checkout", "no-such-reference")
    page.press("Look up at 2Checkout")
    assert page.all("//button[normalize-space()='Link to a new row']") == []
    page.fill("Reference at 2Checkout", demo.only_there)
    page.press("Look up at 2Checkout")
    page.sees("Quentin", "Ashgrove", "Sheffield")
    page.picture("add", 1200)
    page.press("Link to a new row")
    page.sees("Quentin Ashgrove")
    page.sees_in_time(SYNCED)


def test_sign_up_in_the_shop(page):
    page.go("/sign-up/")
    answers = {
        "Nickname": "pia", "First name": "Pia", "Last name": "Nordlund", "E-mail": "pia@example.org",
        "Address": "4 Mill Lane", "Postal code": "BA1 1AA", "City": "Bath",
    }  # fmt: skip
    for label, value in answers.items():
        page.fill(label, value)
    page.choose("country_code", "United Kingdom")
    page.press("Sign up", "//main")
    page.sees_in_time("Synced")
    page.press("See both sides")
    page.sees("In Django", "At 2Checkout, just fetched")
    page.picture("shop-both-sides")


def test_buy_in_the_shop(page):
    page.go("/")
    with page.another_page():
        page.find("//main//td/a").click()
    page.press("Buy")
    page.sees("customer-ext-ref", "https://secure.2checkout.com/checkout/buy?merchant=")
    page.picture("shop-buy")


def test_the_shoppers_account(page):
    page.customer("Theo Lambrecht")
    page.picture("form-account", 1200)
    page.choose("page", "Products and subscriptions")
    page.press("Open at 2Checkout")
    page.sees("A shopper's account at the fake 2Checkout", "Signed in as customer", "The page is my_products.")
    page.go(f"{CUSTOMERS}?q=Theo Lambrecht")
    page.press("Theo Lambrecht")
    page.press("History")
    page.sees("Opened the shopper's account at 2Checkout.")


def test_change_an_account_of_the_shop(page):
    page.go("/accounts/5/")
    page.fill("City", "Dover")
    page.press("Save", "//main")
    page.sees_in_time("Synced")
    page.press("Open in the admin")
    page.sees("These fields come from the account", "Dover", SYNCED)
    assert page.all("//input[@name='city']") == []
    page.picture("form-mirrored")


# Not everybody has a mouse, a big screen, or scripts.


def test_without_scripts(without_scripts):
    page = without_scripts
    page.log_in()
    page.go(CUSTOMERS)
    page.press("Failed", "//*[@id='changelist-filter']")
    page.sees("Radu Vlaicu")
    page.find("//summary[contains(., 'country')]").click()
    page.choose("country", "Romania")
    page.press("Filter")
    page.customer("Paula Rosenau")
    page.press("Push now")
    page.sees("Pushed to 2Checkout.", SYNCED)
    page.customer("Bruno Talvik")
    page.press("Cards…")
    page.find("//tr[contains(., 'Visa')]//input[@name='card']").click()
    page.press("Delete the chosen cards…")
    page.press("Yes, delete")
    page.sees("1 card deleted.")


def test_a_job_without_scripts(without_scripts):
    page = without_scripts
    page.log_in()
    page.go(f"{CUSTOMERS}?sync_state__exact=synced")
    for box in page.all("//td/input[@name='_selected_action']")[:25]:
        box.click()
    page.choose("action", "Push now")
    page.press_action()
    page.sees("Push 25 customers", "Done.", "25 customers done.")


def test_by_keyboard_alone(page):
    from selenium.webdriver.common.keys import Keys

    page.customer("Ines Carvalhal")
    page.sees("2Checkout does not have this customer yet.")
    plain = _looks(page.button("Push now"))
    for _ in range(60):
        page.driver.switch_to.active_element.send_keys(Keys.TAB)
        if page.driver.switch_to.active_element.text == "Push now":
            break
    focused = page.driver.switch_to.active_element
    assert _looks(focused) != plain, "One cannot see where the focus is"
    with page.another_page():
        focused.send_keys(Keys.ENTER)
    page.sees("Pushed to 2Checkout.", SYNCED)


def _looks(element):
    return [element.value_of_css_property(name) for name in ("outline", "box-shadow", "background-color")]
