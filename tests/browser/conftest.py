from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

FLAGS = """
    --headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync --hide-scrollbars --force-color-profile=srgb
""".split()


def pytest_collection_modifyitems(items):
    missing = None
    if not (CHROMIUM and DRIVER):
        missing = "there is no chromium with its chromedriver"
    else:
        try:
            import selenium  # noqa: F401
        except ImportError:
            missing = "Selenium is not installed: pip install .[browser]"
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(120))
            if missing:
                item.add_marker(pytest.mark.skip(reason=missing))


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Iterator[str]:
    """The demo, in a process of its own, with fresh data for each module; its address."""
    where = tmp_path_factory.mktemp("demo")
    environment = {
        name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "CELERY_BROKER_URL")
    }
    environment |= {"DEMO_DATABASE": str(where / "demo.sqlite3"), "PYTHONUNBUFFERED": "1"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    command = [sys.executable, str(ROOT / "example_project" / "manage.py"), "demo", "--port", "0"]
    with (where / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
        said = []
        try:
            for line in process.stdout:
                said.append(line)
                if found := re.search(r"The shop +(http://[\d.]+:\d+)/", line):
                    address = found[1]
                if "Ctrl-C" in line:
                    break
            else:
                pytest.fail(f"The demo did not start: {''.join(said)}{(where / 'log').read_text()}")
            only_there = re.search(r"Only 2Checkout has customer (\d+)", "".join(said))
            Demo.only_there = only_there[1] if only_there else ""
            yield address
        finally:
            process.terminate()
            process.communicate(timeout=20)


class Demo:
    """What the demo said when it started."""

    only_there = ""


@pytest.fixture
def only_there(demo) -> str:
    """The reference of a customer whom only 2Checkout has."""
    return Demo.only_there


def start(where, *, javascript=True, width=1280, height=900, dark=False):
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in [*FLAGS, f"--user-data-dir={where}", f"--window-size={width},{height}"]:
        options.add_argument(flag)
    if not javascript:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    if dark:
        options.add_argument("--blink-settings=preferredColorScheme=0")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    if dark:
        driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
        )
    return driver


@pytest.fixture(scope="module")
def open_browser(demo, tmp_path_factory):
    """Makes a browser in which the administrator is logged in."""
    from .page import Page

    pages = []

    def make(**options):
        page = Page(start(tmp_path_factory.mktemp("profile"), **options), demo)
        pages.append(page)
        page.go("/admin/")
        page.fill("username", "admin")
        page.fill("password", "admin")
        page.press("Log in")
        page.sees("Site administration")
        return page

    yield make
    for page in pages:
        page.driver.quit()


@pytest.fixture(scope="module")
def desk(open_browser):
    return open_browser()


@pytest.fixture
def page(desk):
    """A browser on a desk. Nothing that its pages do may be refused by the browser."""
    yield desk
    desk.no_complaints()
