"""A team that has read "Test your project" and nothing else: its files in a host project, run and type-checked."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .pages import DOCS, ROOT, blocks

HOST = ROOT / "tests" / "host_project"
PAGE = DOCS / "how-to" / "testing.md"


@pytest.fixture
def host(tmp_path):
    """The host project with the page's files."""
    folder = tmp_path / "host"
    shutil.copytree(HOST, folder, ignore=shutil.ignore_patterns("__pycache__", "*.sqlite3"))
    for block in blocks(PAGE):
        if block.caption:
            path = folder / block.caption
            path.parent.mkdir(exist_ok=True)
            path.write_text(block.text)
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # The plugins of the suite's own run are not the host's.
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST_", "DJANGO_", "COV_", "TEST_", "TWOCHECKOUT_", "PYTHONPATH"))
    }
    environment = {**kept, "PYTHONPATH": str(ROOT), "MYPYPATH": str(ROOT)}
    command = [sys.executable, "-m", *arguments]
    if "HOST_PYTHON" in os.environ:  # of an environment with the built wheel
        del environment["PYTHONPATH"]
        command[0] = os.environ["HOST_PYTHON"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.timeout(240)
def test_the_tests_of_the_page_pass(host):
    done = run(host, "pytest", "-q", "-W", "error")
    assert done.returncode == 0, done.stdout + done.stderr
    written = sum(len(re.findall(r"def test_", block.text)) for block in blocks(PAGE) if block.caption)
    assert f"{written} passed" in done.stdout


@pytest.mark.timeout(240)
def test_mypy_strict_takes_them(host):
    done = run(host, "mypy", f"--cache-dir={host / 'cache'}")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(240)
def test_mypy_finds_a_wrong_name_of_a_fault(host):
    path = host / "tests" / "test_outage.py"
    path.write_text(path.read_text().replace('"503"', '"504"'))
    done = run(host, "mypy", f"--cache-dir={host / 'cache'}", "tests/test_outage.py")
    assert "incompatible type \"Literal['504']\"" in done.stdout, done.stdout


def test_the_host_has_no_migration_left():
    done = run(
        HOST, "django", "makemigrations", "--check", "--dry-run", "--settings", "mysite.settings", "--pythonpath", "."
    )
    assert done.returncode == 0, done.stdout + done.stderr
