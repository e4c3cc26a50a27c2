"""The architecture, as far as a machine can check it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "django_twocheckout"


def test_layers():
    command = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    done = subprocess.run([command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_module_says_its_place():
    for path in PACKAGE.rglob("*.py"):
        if "migrations" not in path.parts and path.read_text().strip():
            assert path.read_text().startswith('"""'), path


@pytest.mark.parametrize(
    ("pattern", "home"),
    [
        (r"^\s*(import|from) requests\b", {"client.py"}),
        (r"\.status_code", {"client.py"}),
        (r"from django\.conf import settings", {"conf.py"}),
    ],
)
def test_each_thing_has_its_home(pattern, home):
    for path in PACKAGE.rglob("*.py"):
        if path.name not in home:
            assert not re.search(pattern, path.read_text(), re.MULTILINE), path


def test_templates_need_no_inline_script_or_style():
    for path in PACKAGE.rglob("*.html"):
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", path.read_text()), path
