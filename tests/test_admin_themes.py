"""The admin's pages under the two themes that most projects have; each in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


class Page(HTMLParser):
    """What of a page a browser would make buttons and badges of."""

    def __init__(self, html):
        super().__init__()
        self.forms, self.nested, self.buttons, self.badges = [], [], {}, set()
        self._button = None
        self.feed(html)
        self.text = re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag == "form":
            self.nested += [form["action"] for form in [{"action": "", **found}] if self.forms]
            self.forms.append({"action": "", **found})
        if tag in ("button", "a"):
            self._button = [tag, found, ""]
        state = re.search(r"tco-state-(\w+)", found.get("class") or "")
        if state:
            self.badges.add(state[1])

    def handle_data(self, data):
        if self._button:
            self._button[2] += data

    def handle_endtag(self, tag):
        if tag == "form" and self.forms:
            self.forms.pop()
        if self._button and tag == self._button[0]:
            _tag, found, text = self._button
            goes_to = found.get("href") or found.get("formaction") or (self.forms[-1]["action"] if self.forms else None)
            self.buttons[" ".join(text.split())] = goes_to
            self._button = None


@pytest.mark.parametrize("theme", ["unfold", "jazzmin"])
def test_pages(theme):
    if importlib.util.find_spec(theme) is None:
        pytest.skip(f"django-{theme} is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "tests.themes", theme], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    answers = json.loads(done.stdout)
    assert {name: status for name, (status, _html) in answers.items()} == dict.fromkeys(answers, 200)
    pages = {name: Page(html) for name, (_status, html) in answers.items()}
    for name, (_status, html) in answers.items():
        # A form within a form is no form: its button would submit the other one.
        assert not pages[name].nested, name
        assert "/static/twocheckout/admin.css" in html, name

    assert pages["list"].badges == {"pending", "synced", "failed"}
    assert {"Add from 2Checkout", "Is it flowing?"} <= pages["list"].buttons.keys()
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
