from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from .page import PATIENCE, Page

#: Seconds for the demo's start: it sows hundreds of customers, and pushes most of them.
PATIENCE_AT_START = 50.0

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = """
    --headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync --disable-dev-shm-usage --force-color-profile=srgb
    --hide-scrollbars
""".split()
NO_SCRIPTS = {"profile.managed_default_content_settings.javascript": 2}


def pytest_collection_modifyitems(items):
    missing = ""
    if not (CHROMIUM and DRIVER):
        missing = "there is no chromium with its chromedriver"
    elif importlib.util.find_spec("selenium") is None:
        missing = "Selenium is not installed; it is in the extra “browser”"
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if missing:
                item.add_marker(pytest.mark.skip(reason=missing))


class Demo:
    """The running demo: its address, and the customer whom only its 2Checkout has."""

    def __init__(self, said):
        self.address = re.search(r"The shop +(http://[\d.:]+)/", said)[1]
        self.only_there = re.search(r"Only 2Checkout has customer (\d+)", said)[1]


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """The demo in a process of its own. Starting it takes longer than a journey, so all share it, and each journey has
    its own customers."""
    folder = tmp_path_factory.mktemp("demo")
    named = {"DJANGO_SETTINGS_MODULE", "DATABASE_URL", "CELERY_BROKER_URL", "TWOCHECKOUT_BASE_URL"}
    environment = {name: value for name, value in os.environ.items() if name not in named}
    environment |= {"DEMO_DATABASE": str(folder / "demo.sqlite3"), "PYTHONUNBUFFERED": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "example_project/manage.py", "demo", "--port", "0"]
    printed = folder / "printed"
    with printed.open("w") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT)
    try:
        yield Demo(_what_it_says(process, printed))
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _what_it_says(process, printed):
    end = time.monotonic() + PATIENCE_AT_START
    while "Ctrl-C" not in (said := printed.read_text()):
        assert process.poll() is None, f"The demo ended:\n{said}"
        assert time.monotonic() < end, f"The demo does not serve:\n{said}"
        time.sleep(0.05)
    return said


@contextmanager
def started_chromium(profile, preferences):
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in [*FLAGS, f"--user-data-dir={profile}"]:
        options.add_argument(flag)
    options.add_experimental_option("prefs", preferences)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    with started_chromium(tmp_path_factory.mktemp("profile"), {}) as driver:
        yield driver


@pytest.fixture(scope="session")
def session_cookie(chromium, demo):
    """Who logged in once need not do it before each test."""
    page = Page(chromium, demo.address)
    page.log_out()
    page.log_in()
    return chromium.get_cookie("sessionid")


@pytest.fixture
def visitor(chromium, demo):
    """The page of somebody who is not logged in; at the end nothing must have gone wrong on it."""
    page = Page(chromium, demo.address)
    page.log_out()
    yield page
    page.no_complaints()


@pytest.fixture
def page(session_cookie, visitor):
    """The page of the administrator."""
    visitor.driver.add_cookie(session_cookie)
    return visitor


@pytest.fixture
def without_scripts(demo, tmp_path):
    """The page of somebody whose browser runs no JavaScript, and who is not logged in."""
    with started_chromium(tmp_path, NO_SCRIPTS) as driver:
        page = Page(driver, demo.address)
        yield page
        page.no_complaints()


@pytest.fixture(scope="session")
def axe():
    """The source of axe-core."""
    path = os.environ.get("AXE_CORE")
    if not path:
        pytest.skip("AXE_CORE does not name axe-core's axe.min.js")
    return Path(path).read_text()


@pytest.fixture(scope="session")
def djangos(session_cookie, chromium, demo, axe):
    """What axe-core finds on a page that is Django's alone, as pairs of rule and place."""
    page = Page(chromium, demo.address)
    page.go("/admin/auth/user/")
    found = page.violations(axe)
    return {(one["rule"], one["place"]) for one in found}
