"""The tutorial, followed to the letter."""

from __future__ import annotations

import os
from contextlib import closing
from http.client import HTTPConnection

import pytest

from .tutorial import Reader


@pytest.mark.timeout(600)
def test_the_tutorial(tmp_path):
    """With TUTORIAL_WHEEL, the path of a wheel, it is installed as the page says, into an environment of its own."""
    folder = tmp_path / "empty"
    folder.mkdir()
    with Reader(folder, os.environ.get("TUTORIAL_WHEEL", "")) as reader:
        reader.read()
        if reader.wheel:
            assert list(folder.glob(".venv/lib/*/site-packages/django_twocheckout/kit/__init__.py"))
        requests = reader.log("second terminal").read_text()
        assert requests.count("POST /rest/6.0/customers/") == 1
        assert " -> 503 503" in requests
        with closing(HTTPConnection("127.0.0.1", reader.ports["8000"], timeout=20)) as connection:
            connection.request("GET", "/admin/login/")
            assert connection.getresponse().status == 200
