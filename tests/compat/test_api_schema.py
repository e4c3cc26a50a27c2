"""The REST API's OpenAPI schema, as drf-spectacular makes it of a project (extra ``api-docs``)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
METHODS = {"get", "post", "patch", "put", "delete"}


@pytest.fixture(scope="module")
def schema():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "django", "spectacular", "--fail-on-warn", "--validate",
         "--format", "openapi-json", "--settings", "tests.api.served.settings"],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def operations(schema):
    return {
        f"{method} {path.removeprefix('/api/customers/')}": operation
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
        if path.startswith("/api/") and method in METHODS
    }


def test_every_operation(schema):
    assert set(operations(schema)) == {
        "get ", "post ", "get status/", "get {id}/", "patch {id}/", "post {id}/push/", "post {id}/pull/",
        "get {id}/compare/", "get {id}/cards/", "post {id}/cards/delete/", "post {id}/checkout-parameters/",
        "post {id}/account-link/", "get {id}/subscriptions/",
    }  # fmt: skip


def test_the_answers(schema):
    for name, operation in operations(schema).items():
        answers = set(operation["responses"])
        assert {"400", "401", "403", "404", "429"} <= answers, name
        live = name.split("/", 1)[-1] not in ("", "checkout-parameters/") and "{id}" in name
        assert ({"409", "410", "502", "503"} <= answers) == live, name
    assert "202" in operations(schema)["post {id}/push/"]["responses"]
    assert "requestBody" not in operations(schema)["post {id}/push/"]


def test_the_list(schema):
    listed = operations(schema)["get "]
    names = {parameter["name"] for parameter in listed["parameters"]}
    assert {"search", "ordering", "cursor", "page_size", "sync_state", "email"} <= names
    page = schema["components"]["schemas"]["PaginatedCustomerList"]["properties"]
    assert set(page) == {"next", "previous", "results"}
    for name in ("get {id}/cards/", "get {id}/compare/", "get {id}/subscriptions/"):
        answer = operations(schema)[name]
        assert answer["responses"]["200"]["content"]["application/json"]["schema"]["type"] == "array"
        assert [parameter["name"] for parameter in answer["parameters"]] == ["id"]


def test_what_is_taken_is_strict(schema):
    components = schema["components"]["schemas"]
    written = components["CustomerWrite"]
    assert written["additionalProperties"] is False
    assert set(written["required"]) == {
        "first_name", "last_name", "address1", "city", "zip", "country_code", "email"
    }  # fmt: skip
    assert "required" not in components["PatchedCustomerWrite"]
    assert "enabled" not in written["properties"]
    assert "enabled" in components["Customer"]["properties"]
    assert components["CardChoice"]["additionalProperties"] is False
    assert "country_code" in components["Customer"]["properties"]
    assert "enum" not in components["Customer"]["properties"]["country_code"]
