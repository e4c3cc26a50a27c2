"""The example project as README's first command starts it: with customers in every state, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.timeout(240)
def test_the_demo_serves_and_ends(tmp_path):
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CELERY_", "DATABASE_", "DJANGO_", "TWOCHECKOUT_"))
    }
    environment |= {"DEMO_DATABASE": str(tmp_path / "demo.sqlite3"), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "demo", "--port", "0"],
        cwd=ROOT / "example_project",
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        try:
            lines = []
            for line in process.stdout:
                lines.append(line)
                if line.startswith("Ctrl-C"):
                    break
        finally:
            process.send_signal(signal.SIGINT)
        lines.append(process.stdout.read())
    assert process.returncode == 0, "".join(lines)
    assert any(line.startswith("The admin  http://127.0.0.1:") for line in lines)
    assert "Traceback" not in "".join(lines)
