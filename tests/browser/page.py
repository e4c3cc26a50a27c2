"""What a person does with a page, in a person's words, and what can be checked of any page."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

PATIENCE = 30.0

#: What axe-core finds on pages that are Django's alone is Django's: its user list and form tell what.
PLAIN_PAGES = ("/admin/auth/user/", "/admin/auth/user/add/")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


class Page:
    """A browser, looking at the demo."""

    def __init__(self, driver, address):
        self.driver, self.address = driver, address

    def go(self, path):
        self.driver.get(self.address + path)

    @property
    def path(self):
        return self.driver.current_url.removeprefix(self.address)

    @property
    def words(self):
        return " ".join(self.driver.find_element(By.TAG_NAME, "body").text.split())

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def fill(self, name, value):
        field = self.driver.find_element(By.NAME, name)
        field.clear()
        field.send_keys(value)

    def choose(self, name, words):
        Select(self.driver.find_element(By.NAME, name)).select_by_visible_text(words)

    def button(self, words):
        same = f"[normalize-space()={words!r}]"
        path = f"//button{same} | //a{same} | //input[@type='submit' and @value={words!r}]"
        return next((found for found in self.driver.find_elements(By.XPATH, path) if found.is_displayed()), None)

    def press(self, words):
        """Press a button or follow a link."""
        self.until(lambda: self.button(words), f"the button {words}").click()

    def until(self, condition, what):
        """Wait until it is so."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                if found := condition():
                    return found
            except (NoSuchElementException, StaleElementReferenceException):
                pass
            time.sleep(0.1)
        pytest.fail(f"Waited in vain for {what}; the page says: {self.words[:2000]}")

    def sees(self, *texts):
        for text in texts:
            self.until(lambda text=text: text in self.words, repr(text))

    def look(self, name):
        """Keep a picture of the page, if SCREENSHOTS says where."""
        if folder := os.environ.get("SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.driver.save_screenshot(str(Path(folder, f"{name}.png")))

    def no_complaints(self):
        """Nothing was refused by the Content-Security-Policy, and no script failed."""
        entries = self.driver.get_log("browser")
        log = [entry["message"] for entry in entries if entry["level"] in ("SEVERE", "WARNING")]
        log = [message for message in log if "/favicon.ico" not in message]  # the admin names no icon
        if log:
            pytest.fail("\n".join(log))

    def no_wider_than_the_screen(self):
        width = self.driver.execute_script("return document.documentElement.scrollWidth")
        shown = self.driver.execute_script("return window.innerWidth")
        assert width <= shown

    def accessible(self):
        """axe-core finds nothing on this page that it does not find on Django's own."""
        path = os.environ.get("AXE_CORE")
        if not path:
            pytest.skip("AXE_CORE does not name axe-core's axe.min.js")
        self.no_complaints()
        here = self._violations(path)
        came_from = self.driver.current_url
        theirs = set()
        for plain in PLAIN_PAGES:
            self.go(plain)
            theirs |= {(rule, target) for rule, target, _html in self._violations(path)}
        self.driver.get(came_from)
        self.driver.get_log("browser")  # what axe-core itself did on the page
        ours = [found for found in here if found[:2] not in theirs and not self._is_djangos(*found)]
        if ours:
            pytest.fail("\n".join(" | ".join(map(str, one)) for one in ours))

    @staticmethod
    def _is_djangos(rule, target, html):
        # Plain pages have no filters, whose links Django sets closer than WCAG 2.2 asks for.
        return rule == "target-size" and html.startswith('<a href="?')

    def _violations(self, path):
        self.driver.execute_script(Path(path).read_text())
        found = self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            f"axe.run({{runOnly: {json.dumps(RULES)}}}).then(result => done(result.violations));"
        )
        return [
            (rule["id"], " ".join(map(str, node["target"])), node["html"]) for rule in found for node in rule["nodes"]
        ]
