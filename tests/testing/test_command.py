from __future__ import annotations

import signal
import subprocess
import sys
import time
from urllib.parse import urlsplit

import pytest

from django_twocheckout.testing import FakeTwoCheckout
from django_twocheckout.testing import __main__ as command

from .plain_client import ask, signed


def test_command():
    arguments = [
        "--port",
        "0",
        "--merchant-code",
        "C",
        "--secret-key",
        "K",
        "--switch",
        "put=merge",
        "--switch",
        "rate_limit=9",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "django_twocheckout.testing", *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        said = process.stdout.readline()
        vendor = FakeTwoCheckout()
        vendor.url = said.split()[-1]
        assert ask(vendor, "GET", "customers/1/", header=signed(key="K", code="C"))[0] == 404
        lines = [process.stdout.readline() for _ in range(3)]
        assert lines[-1] == "#1 GET /rest/6.0/customers/1/ -> 404\n"
    finally:
        process.terminate()
        try:
            assert process.wait(10) == 0
        finally:
            process.kill()
            process.stdout.close()


def test_command__in_this_process(monkeypatch, capsys):
    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    command.main(["--port", "0"])
    assert "A fake 2Checkout listens at http://127.0.0.1:" in capsys.readouterr().out


def test_command__wrong_switch(capsys):
    with pytest.raises(SystemExit):
        command.main(["--switch", "puts=merge"])
    assert "No such switch" in capsys.readouterr().err


def test_command__port_in_use(vendor, capsys):
    with pytest.raises(SystemExit):
        command.main(["--port", str(urlsplit(vendor.url).port)])
    assert "Address already in use" in capsys.readouterr().err


@pytest.mark.parametrize("switch", ["put", "put=merg", "rate_limit=few"])
def test_command__wrong_values(switch, capsys):
    with pytest.raises(SystemExit):
        command.main(["--switch", switch])
    assert "cannot be" in capsys.readouterr().err


def test_command__no_such_port(capsys):
    with pytest.raises(SystemExit):
        command.main(["--port", "70000"])
    assert "port must be 0-65535" in capsys.readouterr().err


@pytest.mark.parametrize("numbers", [[signal.SIGTERM] * 3, [signal.SIGINT] * 3, [signal.SIGINT, signal.SIGTERM]])
@pytest.mark.parametrize("pause", [0.0, 0.003])
def test_command__signals_in_quick_succession(numbers, pause):
    process = subprocess.Popen(
        [sys.executable, "-m", "django_twocheckout.testing", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        process.stdout.readline()
        for number in numbers:
            process.send_signal(number)
            time.sleep(pause)
        assert process.wait(10) in (
            0,
            *(-number for number in numbers[1:]),
        )  # the last one may find Python gone already
        assert process.stderr.read() == b""
    finally:
        process.kill()
        process.communicate()
