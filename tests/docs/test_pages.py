"""What the pages say exists: names, tests, links within blocks, and what is written from the code."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
from django.core import checks
from django.db import connection

from django_twocheckout import checks as our_checks
from django_twocheckout import exceptions, signals, sync
from django_twocheckout.conf import KNOWN
from django_twocheckout.models import Account, Ask, Attempt, Customer, Erasure, Notification
from django_twocheckout.testing import FAULTS, Behaviour

from ..customers import ADA
from .pages import DOCS, PAGES, ROOT, blocks, check_names, parsed

sys.path.append(str(DOCS / "_ext"))

import facts

ALL = [block for page in PAGES for block in blocks(page)]
PYTHON = [block for block in ALL if block.language == "python"]


# Blocks.


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_each_block_of_python_compiles(block):
    parsed(block)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_name_in_the_blocks_of_a_page_exists(page):
    """Of ours, of Django and of Celery. Those of other packages are looked for beside them, in tests/compat."""
    check_names(page, ["django_twocheckout", "django", "celery"])


RUNNABLE = [block for block in PYTHON if block.runs]


def test_there_are_blocks_to_run():
    assert {block.page.name for block in RUNNABLE} >= {"README.md", "index.md", "production.md", "without-celery.md"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("block", RUNNABLE, ids=str)
def test_each_block_that_is_marked_runs(block, twocheckout_eager, capsys):
    names: dict[str, object] = {}
    exec(compile(parsed(block), str(block), "exec"), names)
    if "ada" in names:
        ada = names["ada"]
        assert isinstance(ada, Customer)
        assert ada.sync_state == "synced"
        twocheckout_eager.assert_pushed(ada)


SQL = [block for block in ALL if block.language == "sql"]


def test_the_statements_that_rename_an_account_reach_each_table_with_one(db):
    [block] = SQL
    Account.objects.create(alias="us")
    customer = Customer.objects.create(**ADA, account="us")
    rows = {"customer": customer, "account": "us"}
    Ask.objects.create(**rows, verb="pull")
    Attempt.objects.create(**rows, verb="pull", outcome="done", source="code")
    Notification.objects.create(**rows, kind="ipn")
    Erasure.objects.create(**rows, source="code")
    with connection.cursor() as cursor:
        for statement in filter(None, map(str.strip, block.text.split(";"))):
            cursor.execute(statement)
    for model in (Customer, Ask, Attempt, Erasure, Notification):
        assert set(model.objects.values_list("account", flat=True)) == {"america"}
    assert Account.objects.get().alias == "america"
    with_account = {model for model in Customer._meta.apps.get_models() if has_account(model)}
    assert with_account == {Customer, Ask, Attempt, Erasure, Notification}


def has_account(model):
    ours = model._meta.app_label == "twocheckout" and not model._meta.proxy
    return ours and any(field.name == "account" for field in model._meta.local_fields)


# What pages promise.


NAMED = sorted(
    {(page, name) for page in PAGES for name in re.findall(r"`(tests/[\w/]+\.py::[\w:]+)`", page.read_text())}
)


def test_guarantees_name_tests():
    assert len([name for page, name in NAMED if page.name == "guarantees.md"]) > 40


@pytest.mark.parametrize(("page", "name"), NAMED, ids=lambda value: value if isinstance(value, str) else "")
def test_each_test_that_a_page_names_exists(page, name):
    path, *parts = name.split("::")
    body: list[ast.stmt] = ast.parse((ROOT / path).read_text()).body
    for part in parts:
        [found] = [one for one in body if getattr(one, "name", "") == part]
        body = getattr(found, "body", [])


def test_each_switch_is_explained():
    text = (DOCS / "explanation" / "undocumented.md").read_text()
    assert [one.name for one in fields(Behaviour) if f"`{one.name}`" not in text] == []
    assert set(re.findall(r"`(\w+)` = ", text)) == {one.name for one in fields(Behaviour)}


def test_each_action_of_a_log_record_is_explained():
    rows = re.findall(r"^\| `([a-z_.]+)` \| [A-Z]", (DOCS / "reference" / "log-records.md").read_text(), re.M)
    assert set(rows) == facts.log_actions()


def test_each_error_has_its_way_out():
    text = (DOCS / "reference" / "errors.md").read_text()
    bases = {"TwoCheckoutError", "TransientError", "SendingStopped"}
    names = {
        name for name, one in vars(exceptions).items() if isinstance(one, type) and issubclass(one, Exception)
    } - bases
    assert [name for name in sorted(names) if f"`{name}`" not in text.partition("## The tree")[0]] == []


# What is written from the code.


@pytest.fixture(scope="module")
def reference():
    """The reference's pages as Sphinx reads them."""
    return {path.stem: facts.filled(path.read_text()) for path in (DOCS / "reference").glob("*.md")}


def test_each_part_stands_in_a_page_once():
    pages = "".join(path.read_text() for path in DOCS.rglob("*.md"))
    assert sorted(facts.MARK.findall(pages)) == sorted(facts.PARTS)


def test_each_part_is_written(reference):
    for name, part in facts.PARTS.items():
        assert len(part()) > 50, name
        assert "<bound method" not in part(), name
        assert "object at 0x" not in part(), name


def test_the_reference_has_each_public_name(reference):
    assert [name for name in KNOWN if f"### `{name}`" not in reference["settings"]] == []
    assert [name for name in sync.__all__ if f"### `{name}" not in reference["functions"]] == []
    assert [name for name in FAULTS if f"`{name}`" not in reference["test-kit"]] == []
    fields_of = [field.name for field in Customer._meta.fields if not field.primary_key]
    assert [name for name in fields_of if f"| `{name}` |" not in reference["models"]] == []
    heard = [name for name, one in vars(signals).items() if isinstance(one, signals.Signal)]
    assert [name for name in heard if f"### `{name}`" not in reference["signals"]] == []
    commands = {path.stem for path in (ROOT / "django_twocheckout/management/commands").glob("twocheckout_*.py")}
    assert [name for name in sorted(commands) if f"### `{name}`" not in reference["commands"]] == []
    assert [name for name, _text in Customer._meta.permissions if name not in reference["permissions"]] == []


def test_the_reference_has_each_check(reference):
    source = Path(our_checks.__file__).read_text()
    assert checks.registry.registry.registered_checks
    for identifier in set(re.findall(r"twocheckout\.[EWI]\d{3}", source)):
        assert f"`{identifier}`" in reference["checks"], identifier


def test_the_host_project_uses_only_documented_names(reference):
    """tests/host_project is a team that has the documentation and nothing else."""
    pages = "".join([*reference.values(), *(path.read_text() for path in (DOCS / "how-to").glob("*.md"))])
    host = [path.read_text() for path in (ROOT / "tests" / "host_project").rglob("*.py")]
    host += [block.text for block in PYTHON if block.page.name == "testing.md"]
    used = {
        name.strip()
        for text in host
        for names in re.findall(r"^from django_twocheckout[\w.]* import (.+)$", text, re.M)
        for name in names.split(",")
    }
    assert {"Customer", "TwoCheckoutMixin", "BEAT_SCHEDULE"} <= used
    assert [name for name in sorted(used) if not re.search(rf"`[^`\n]*\b{name}\b[^`\n]*`", pages)] == []


def test_each_function_that_sends_says_what_it_raises():
    """Every public function of sync that can fail names its errors."""
    quiet = {"status"}  # it reads the database
    for name in sync.__all__:
        what = getattr(sync, name)
        awaits = inspect.iscoroutinefunction(what) and name.removeprefix("a") in sync.__all__
        if inspect.isfunction(what) and name not in quiet and not awaits:
            assert "Raises" in (what.__doc__ or ""), name


# Links.


URLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]
#: Where the files of the repository are on the web, and how a page of the documentation is called there.
PLACES = {
    f"{URLS['Repository']}/blob/main/": "",
    f"{URLS['Repository']}/raw/main/": "",
    URLS["Repository"].replace("github.com", "raw.githubusercontent.com") + "/main/": "",
    f"{URLS['Documentation']}en/latest/": "docs/",
}


def test_readme_has_no_relative_links__pypi_would_not_find_them():
    text = re.sub(r"```.*?```", "", (ROOT / "README.md").read_text(), flags=re.S)
    assert [target for target in re.findall(r"\]\(([^)\s]+)", text) if not target.startswith(("https://", "#"))] == []


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", ROOT / "CHANGELOG.md"])
def test_links_to_our_own_places_on_the_web_lead_somewhere(page):
    for address in re.findall(r"https://[^\s)>\"`']+", page.read_text()):
        for place, folder in PLACES.items():
            if address.startswith(place):
                path = folder + address.removeprefix(place).partition("#")[0]
                path = re.sub(r"\.html$", ".md", path) if folder else path
                assert (ROOT / path / "index.md" if path.endswith("/") else ROOT / path).exists(), address


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_within_the_repository_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.S)
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), target
