"""A real browser before the real demo: the example project is started as a person starts it, and looked at in Chromium.

SCREENSHOTS=DIR keeps what ``page.look`` sees in that directory; AXE_CORE names axe-core's axe.min.js.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from .page import Page

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 20.0
FLAGS = """
    --headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync --disable-dev-shm-usage --force-prefers-reduced-motion
    --window-size=1280,900
""".split()
NO_SCRIPTS = {"profile.managed_default_content_settings.javascript": 2}


class Demo:
    """The running demo: its address, and what it printed when it started."""

    def __init__(self, said: str) -> None:
        self.url = re.search(r"The shop +(http://\S+?)/?\s", said)[1]
        self.only_there = re.search(r"Only 2Checkout has customer (\d+)", said)[1]


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """The shop with its own database, worker and fake 2Checkout, filled with customers in every state."""
    room = tmp_path_factory.mktemp("demo")
    ours = {"DJANGO_SETTINGS_MODULE", "DATABASE_URL", "CELERY_BROKER_URL", "TWOCHECKOUT_BASE_URL"}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    environment |= {"DEMO_DATABASE": str(room / "demo.sqlite3"), "PYTHONUNBUFFERED": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "example_project/manage.py", "demo", "--port", "0"]
    printed = room / "printed"
    with printed.open("w") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT)
    try:
        yield Demo(_until_it_serves(process, printed))
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _until_it_serves(process, printed):
    end = time.monotonic() + PATIENCE
    while "Ctrl-C" not in (said := printed.read_text()):
        assert process.poll() is None, f"The demo ended:\n{said}"
        assert time.monotonic() < end, f"The demo does not serve:\n{said}"
        time.sleep(0.05)
    return said


@contextmanager
def started_chromium(profile, preferences):
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs the extra “browser”")
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (browser and driver):
        pytest.skip("needs chromium and chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in [*FLAGS, f"--user-data-dir={profile}"]:
        options.add_argument(flag)
    options.add_experimental_option("prefs", preferences)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chromium = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        yield chromium
    finally:
        chromium.quit()


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    with started_chromium(tmp_path_factory.mktemp("profile"), {}) as driver:
        yield driver


@pytest.fixture(scope="session")
def admin_cookie(chromium, demo, tmp_path_factory):
    """Who is logged in once need not do it before each test."""
    page = Page(chromium, demo.url)
    page.log_in()
    return chromium.get_cookie("sessionid")


@pytest.fixture
def visitor(chromium, demo, tmp_path):
    """A page of somebody who is not logged in; at its end nobody must have complained."""
    chromium.get(f"{demo.url}/static/shop/icon.svg")
    chromium.delete_all_cookies()
    page = Page(chromium, demo.url, Path(os.environ.get("SCREENSHOTS") or tmp_path))
    yield page
    page.as_it_was()
    page.no_complaints()


@pytest.fixture
def page(admin_cookie, visitor):
    """A page of the administrator."""
    visitor.driver.add_cookie(admin_cookie)
    return visitor


@pytest.fixture
def page_without_scripts(demo, tmp_path_factory, tmp_path):
    with started_chromium(tmp_path_factory.mktemp("profile"), NO_SCRIPTS) as driver:
        page = Page(driver, demo.url, Path(os.environ.get("SCREENSHOTS") or tmp_path))
        yield page
        page.no_complaints()


@pytest.fixture(scope="session")
def axe():
    """The source of axe-core."""
    path = os.environ.get("AXE_CORE")
    if not path:
        pytest.skip("needs AXE_CORE, the path of axe-core's axe.min.js")
    return Path(path).read_text()
