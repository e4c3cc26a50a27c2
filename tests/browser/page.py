"""What a person does with a page, in a person's words: open, press, fill in, choose, read, wait."""

from __future__ import annotations

import time
from base64 import b64decode
from contextlib import contextmanager

CUSTOMERS = "/admin/twocheckout/customer/"
PATIENCE = 15.0
#: WCAG 2.2, levels A and AA.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


class Page:
    def __init__(self, driver, url, screenshots=None):
        self.driver, self.url, self.screenshots = driver, url, screenshots

    # Going somewhere.

    def open(self, path):
        self.driver.get(self.url + path)

    def log_in(self):
        self.open("/admin/")
        self.fill("Username", "admin")
        self.fill("Password", "admin")
        self.submit("//input[@type='submit']")

    def customer(self, name):
        """The customer's form, by way of the list's search."""
        self.open(CUSTOMERS)
        self.find("//input[@name='q']").send_keys(name)
        self.submit("//*[@id='changelist-search']//input[@type='submit']")
        self.follow(name)

    # Doing something.

    def find(self, xpath):
        return self.driver.find_element("xpath", xpath)

    def all(self, xpath):
        return self.driver.find_elements("xpath", xpath)

    def fill(self, label, value):
        field = self.find(f"//*[@id=//label[starts-with(normalize-space(), '{label}')]/@for]")
        field.clear()
        field.send_keys(value)

    def press(self, words):
        """A button that sends a form."""
        self.submit(f"//button[normalize-space()='{words}'] | //input[@type='submit' and @value='{words}']")

    def follow(self, words):
        self.submit(f"//a[normalize-space()='{words}']")

    def submit(self, xpath):
        """Whatever leads to another page; waits until that is there."""
        with self.another_page():
            self.find(xpath).click()

    @contextmanager
    def another_page(self):
        left = self.find("/html").id
        yield
        self.until(lambda: self.find("/html").id != left and self.driver.execute_script(_LOADED), "another page")

    # Looking.

    @property
    def text(self):
        return self.find("//body").text

    @property
    def messages(self):
        return "\n".join(item.text for item in self.all("//ul[contains(@class, 'messagelist')]/li"))

    def until(self, holds, what):
        from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException

        end = time.monotonic() + PATIENCE
        while True:
            try:
                if holds():
                    return
            except (NoSuchElementException, StaleElementReferenceException):
                pass  # between two pages
            assert time.monotonic() < end, f"No {what}; the page says:\n{self.text}"
            time.sleep(0.05)

    def until_it_says(self, words, *, again=False):
        """*again*: reload until then."""

        def says():
            if again and words not in self.text:
                self.driver.refresh()
            return words in self.text

        self.until(says, f"“{words}”")

    def look(self, name):
        """A picture of the page, for people."""
        height = self.driver.execute_script("return document.documentElement.scrollHeight")
        width = self.driver.execute_script("return window.innerWidth")
        whole = {"x": 0, "y": 0, "width": width, "height": min(height, 2400), "scale": 1}
        picture = self.driver.execute_cdp_cmd(
            "Page.captureScreenshot", {"captureBeyondViewport": True, "clip": whole, "format": "png"}
        )
        self.screenshots.mkdir(parents=True, exist_ok=True)
        (self.screenshots / f"{name}.png").write_bytes(b64decode(picture["data"]))

    # Other ways to look.

    def at_phone_width(self):
        metrics = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def in_dark_mode(self):
        dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)

    def as_it_was(self):
        self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})

    def overflow(self):
        """By how many pixels the page is wider than the window."""
        return self.driver.execute_script("return document.documentElement.scrollWidth - window.innerWidth")

    # What must not be.

    def no_complaints(self):
        """The console is silent: no error, and nothing that the Content-Security-Policy stopped."""
        complaints = [line["message"] for line in self.driver.get_log("browser") if line["level"] == "SEVERE"]
        assert not complaints, "\n".join(complaints)

    def violations(self, axe):
        """What axe-core finds: pairs of rule and element, with axe's words for each."""
        # Runs in spite of the page's Content-Security-Policy, for the driver is no part of the page.
        self.driver.execute_script(axe)
        found = self.driver.execute_async_script(_RUN_AXE, RULES)
        return {
            (violation["id"], str(node["target"])): f"{violation['help']}: {node['html']} {node['failureSummary']}"
            for violation in found
            for node in violation["nodes"]
        }


_LOADED = "return document.readyState === 'complete'"
_RUN_AXE = """
const [rules, tell] = arguments;
axe.run(document, {runOnly: rules, resultTypes: ["violations"]}).then((results) => tell(results.violations));
"""
