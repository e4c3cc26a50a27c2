"""The admin's pages under the two themes that most projects have; each in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from .pages import read

ROOT = Path(__file__).resolve().parents[2]


class Page(HTMLParser):
    """What a browser would make of a page: where its buttons lead, and the states it shows."""

    def __init__(self, html):
        super().__init__()
        self.open_forms, self.nested, self.by_id = [], [], {}
        self.found, self.badges = [], set()
        self._button = None
        self.feed(html)
        self.text = read(html)

    @property
    def buttons(self):
        """Where each leads, by its words."""
        return {
            words: goes_to or self.by_id[form] if goes_to or form else within
            for words, goes_to, form, within in self.found
        }

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form":
            action = attributes.get("action") or ""
            if self.open_forms:
                self.nested.append(self.get_starttag_text())
            self.open_forms.append(action)
            self.by_id[attributes.get("id")] = action
        if tag in ("button", "a"):
            self._button = [tag, attributes, ""]
        if state := re.search(r"tco-state-(\w+)", attributes.get("class") or ""):
            self.badges.add(state[1])

    def handle_data(self, data):
        if self._button:
            self._button[2] += data

    def handle_endtag(self, tag):
        if tag == "form" and self.open_forms:
            self.open_forms.pop()
        if self._button and tag == self._button[0]:
            _tag, attributes, words = self._button
            goes_to = attributes.get("href") or attributes.get("formaction")
            within = self.open_forms[-1] if self.open_forms else None
            self.found.append((" ".join(words.split()), goes_to, attributes.get("form"), within))
            self._button = None


@pytest.mark.parametrize(("theme", "worn"), [("unfold", []), ("unfold", ["worn"]), ("jazzmin", [])])
def test_pages(theme, worn):
    if importlib.util.find_spec(theme) is None:
        pytest.skip(f"django-{theme} is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "tests.admin.themes", theme, *worn],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    answers = json.loads(done.stdout)
    assert {name: status for name, (status, _html) in answers.items()} == dict.fromkeys(answers, 200)
    index = answers.pop("index")[1]
    assert ("tco-health" in index, "/admin/twocheckout/customer/" in index) == (False, True)  # it is the theme's own
    pages = {name: Page(html) for name, (_status, html) in answers.items()}
    for name, (_status, html) in answers.items():
        # A form within a form is no form: its button would submit the other one.
        assert not pages[name].nested, name
        assert "/static/twocheckout/admin.css" in html, name
        assert "/static/twocheckout/themes.css" in html, name

    assert pages["list"].badges == {"pending", "synced", "failed"}
    assert {"Add from 2Checkout", "Is it flowing?", "Filter"} <= pages["list"].buttons.keys()
    assert 'value="push_now"' in answers["list"][1]
    form = pages["form"]
    assert form.badges == {"failed"}
    assert "FiscalCode is refused" in form.text
    assert re.fullmatch(r"/admin/twocheckout/customer/\d+/push/", form.buttons["Try again now"])
    assert re.fullmatch(r"/admin/twocheckout/customer/\d+/refetch/", form.buttons["Re-fetch from 2Checkout"])
    assert "Push now" in pages["form of a pending one"].buttons
    assert 'name="first_name"' in answers["add"][1]
    assert "Look up at 2Checkout" in pages["add from 2Checkout"].buttons
    assert "Link to a new row" in pages["preview"].buttons
    assert "Somerville" in pages["preview"].text
    assert "1111" in pages["cards"].text
    assert "1 of the customers to be deleted here exists at 2Checkout" in pages["delete"].text
    assert "1 of the customers to be deleted here exists at 2Checkout" in pages["delete several"].text
