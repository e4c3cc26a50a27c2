"""What a person does with a page, in a person's words, and what can be said of any page."""

from __future__ import annotations

import os
import re
import time
from base64 import b64decode
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest

CUSTOMERS = "/admin/twocheckout/customer/"
PATIENCE = 20.0
#: WCAG 2.2, levels A and AA.
RULES = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
#: Those of them that depend on the colours.
OF_COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}


class Page:
    """What a browser shows of the demo."""

    def __init__(self, driver, address):
        self.driver, self.address = driver, address
        #: How often something was clicked. Typing is not counted.
        self.clicks = 0
        self.as_it_was()

    # Going somewhere.

    def go(self, path):
        self.driver.get(self.address + path)

    def log_in(self):
        self.go("/admin/")
        self.fill("Username", "admin")
        self.fill("Password", "admin")
        self.press("Log in")

    def log_out(self):
        self.go("/static/shop/icon.svg")
        self.driver.delete_all_cookies()

    def customer(self, name):
        """The customer's form, by way of the list."""
        self.go(f"{CUSTOMERS}?{urlencode({'q': name})}")
        self.press(name)

    # Doing something.

    def find(self, xpath):
        return self.driver.find_element("xpath", xpath)

    def all(self, xpath):
        return self.driver.find_elements("xpath", xpath)

    def fill(self, label, value):
        field = self.find(f"//*[@id=//label[starts-with(normalize-space(), '{label}')]/@for]")
        field.clear()
        field.send_keys(value)

    def choose(self, name, words):
        from selenium.webdriver.support.select import Select

        Select(self.find(f"//select[@name='{name}']")).select_by_visible_text(words)

    def button(self, words, within="//body"):
        """The button or link that says so."""
        what = ["button[normalize-space()='{}']", "input[@type='submit' and @value='{}']", "a[normalize-space()='{}']"]
        found = self.all(" | ".join(f"{within}//{one.format(words)}" for one in what))
        shown = [element for element in found if element.is_displayed()]
        assert shown, f"There is no button “{words}”; the page says:\n{self.words}"
        return shown[0]

    def press(self, words, within="//body"):
        """Press a button or follow a link, and wait for the page that it leads to."""
        with self.another_page():
            self.clicks += 1
            self.button(words, within).click()

    def mark(self, xpath):
        """Click what leads to no other page."""
        self.clicks += 1
        self.find(xpath).click()

    def search(self, words):
        """Type it into the list's search, and press Enter."""
        with self.another_page():
            self.find("//input[@name='q']").send_keys(f"{words}\n")

    def press_action(self):
        """The button beside the list's actions, whose word Django has changed."""
        with self.another_page():
            self.find("//*[@class='actions']//button[@name='index']").click()

    def is_in_step(self, name):
        """Whether the list has this customer among those in step."""
        self.go(f"{CUSTOMERS}?sync_state__exact=synced&q={name.split()[-1]}")
        return name in self.words

    def choose_all_in_step(self, action):
        """Ask for it for all customers that are in step, also those on the list's other pages; says how many."""
        self.go(f"{CUSTOMERS}?sync_state__exact=synced")
        self.find("//*[@id='action-toggle']").click()
        self.find("//*[@class='question']//a").click()
        count = int(re.search(r"All (\d+) selected", self.words)[1])
        self.choose("action", action)
        self.press_action()
        return count

    @contextmanager
    def another_page(self):
        left = self.find("/html").id
        yield
        self.until(lambda: self.find("/html").id != left and self.find("//body"), "another page")

    # Seeing.

    @property
    def words(self):
        return self.find("//body").text

    def row(self, name):
        """What the list says of this customer."""
        return self.find(f"//table[@id='result_list']//tr[.//a[normalize-space()='{name}']]").text

    def bar(self):
        """How far the bar of a job is."""
        return int(self.find("//progress").get_attribute("value"))

    def until(self, holds, what, seconds=PATIENCE):
        from selenium.common.exceptions import WebDriverException

        end = time.monotonic() + seconds
        while True:
            try:
                if holds():
                    return
            except WebDriverException:
                pass  # between two pages; a navigation in the middle of a question has errors of several kinds
            if time.monotonic() > end:
                pytest.fail(f"No {what}; the page says:\n{self.words}")
            time.sleep(0.05)

    def sees(self, *texts):
        for text in texts:
            self.until(lambda text=text: text in self.words, f"“{text}”")

    def sees_in_time(self, text):
        """Loads the page again until it says so."""
        self.until(lambda: text in self.words or self.driver.refresh(), f"“{text}”")

    def picture(self, name, height=900):
        """Keep a picture of the page, if SCREENSHOTS says where; a *height* beyond the window's shows more of it."""
        folder = os.environ.get("SCREENSHOTS")
        if not folder:
            return
        width, whole = self.driver.execute_script(
            "const e = document.documentElement; return [e.clientWidth, e.scrollHeight]"
        )
        height = min(height, max(whole, 900))
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        options = {"captureBeyondViewport": height > 900, "clip": clip}
        picture = self.driver.execute_cdp_cmd("Page.captureScreenshot", options)
        Path(folder).mkdir(parents=True, exist_ok=True)
        Path(folder, f"{name}.png").write_bytes(b64decode(picture["data"]))

    # Other eyes.

    def on_a_phone(self):
        self._sized(390, 844, mobile=True)

    def _sized(self, width, height, mobile=False):
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def in_the_dark(self):
        dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)

    def as_it_was(self):
        self._sized(1280, 900)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})

    # What must not be.

    def no_complaints(self):
        """The console is silent: no script failed, nothing was stopped by the Content-Security-Policy."""
        log = [line["message"] for line in self.driver.get_log("browser") if line["level"] in ("SEVERE", "WARNING")]
        assert not log, "\n".join(log)

    def no_wider_than_the_screen(self):
        # Not the window's inner width: a phone zooms out, and that grows with what is too wide.
        wider = self.driver.execute_script("const e = document.documentElement; return e.scrollWidth - e.clientWidth")
        assert wider <= 0, f"{self.driver.current_url} is {wider} pixels wider than the screen"

    def violations(self, axe, rules=RULES):
        """What axe-core finds: the rule, the place (the id around the element), whether it is in a part of ours."""
        self.no_complaints()
        # Runs in spite of the page's Content-Security-Policy, for the driver is no part of the page.
        self.driver.execute_script(f"if (!window.axe) {{ {axe} }}")
        found = self.driver.execute_async_script(_RUN_AXE, rules)
        self.driver.get_log("browser")  # what axe-core itself did against the policy
        return found


_RUN_AXE = """
const [rules, tell] = arguments;
const described = (violation, node) => {
  const element = document.querySelector(node.target[0]);
  return {
    rule: violation.id,
    place: element.parentElement?.closest("[id]")?.id ?? "",
    ours: element.closest("[class*='tco-'], [id*='tco-']") !== null,
    words: `${violation.help}: ${node.html} ${node.failureSummary}`,
  };
};
const still = Promise.all(document.getAnimations().map((animation) => animation.finished));
still.then(() => axe.run(document, {runOnly: rules, resultTypes: ["violations"]})).then((results) =>
  tell(results.violations.flatMap((violation) => violation.nodes.map((node) => described(violation, node)))));
"""
