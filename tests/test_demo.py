"""The example project as README's first command starts it, until Ctrl-C, and its main job told step by step."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import pytest

from django_twocheckout.testing import FakeTwoCheckout

ROOT = Path(__file__).parent.parent
SECONDS = 90


@pytest.fixture
def start(tmp_path):
    """Starts the demo with these options, in a project as it comes."""

    def demo(*options):
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("CELERY_", "DATABASE_", "DJANGO_", "TWOCHECKOUT_"))
        }
        own = {"DEMO_DATABASE": str(tmp_path / "demo.sqlite3"), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        return subprocess.Popen(
            [sys.executable, "manage.py", "demo", *options],
            cwd=ROOT / "example_project",
            env=environment | own,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return demo


@pytest.mark.timeout(240)
def test_the_demo_serves_and_ends(start):
    """Meanwhile customers are imported, and notifications received. One demo for all: it takes long to begin."""
    lines = []
    with start("--port", "0") as process:
        try:
            for line in process.stdout:
                lines.append(line)
                if line.startswith("Ctrl-C"):
                    break
            found = re.search(r"^The shop +(http://127\.0\.0\.1:\d+)/$", "".join(lines), re.MULTILINE)
            assert found, "".join(lines)
            notifications_are_received(found[1])
            customers_are_taken_over_before_ones_eyes(found[1])
        finally:
            process.send_signal(signal.SIGINT)
            lines.append(process.stdout.read())
    said = "".join(lines)
    assert process.returncode == 0, said
    assert re.search(r"^The admin +http://127\.0\.0\.1:", said, re.MULTILINE)
    assert "Traceback" not in said


def notifications_are_received(address):
    vendor = FakeTwoCheckout()  # with the demo's secret key
    for kind in ("IPN", "LCN"):
        to = f"{address}/2checkout/{kind.lower()}/"
        assert vendor.probe(kind, to=to) == 200
        assert vendor.notify(kind, "123456789", to=to).received
        assert vendor.notify(kind, "123456789", to=to, wrong_signature=True).status == 400


def customers_are_taken_over_before_ones_eyes(address):
    browser = build_opener(HTTPCookieProcessor())

    def page(form=None):
        data = urlencode(form).encode() if form else None
        return browser.open(f"{address}/import/", data, SECONDS).read().decode()

    def numbers(page):
        found = re.search(r"Rows here: (\d+)\. Fetched: (\d+)\. To be fetched: (\d+)", page)
        return tuple(map(int, found.groups()))

    before = page()
    assert numbers(before) == (0, 0, 0)
    assert "2Checkout had 3000 customers" in before
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', before)[1]
    here, fetched, waiting = numbers(page({"csrfmiddlewaretoken": token}))
    assert (here, fetched + waiting) == (3000, 3000)
    until = time.monotonic() + SECONDS
    while fetched < 40 and time.monotonic() < until:
        time.sleep(0.5)
        here, fetched, waiting = numbers(page())
    assert (here, fetched + waiting) == (3000, 3000)
    assert fetched >= 40


@pytest.mark.timeout(240)
def test_the_story(start):
    with start("--headless") as process:
        said = process.stdout.read()
        process.wait(SECONDS)
    assert process.returncode == 0, said
    assert said.endswith("Everything is as it should be.\n")
    assert "NOT TRUE" not in said
    assert "Traceback" not in said
    assert re.search(r"1000 customers in \d+\.\d s by \d{4} requests", said)
    assert "✓ 2Checkout has its receipt" in said
