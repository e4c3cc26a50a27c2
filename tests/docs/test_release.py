"""What the package claims on PyPI is what its tools test."""

from __future__ import annotations

import configparser
import re
import tomllib
from datetime import date

import pytest

from django_twocheckout import __version__

from .pages import PAGES, ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TOX = configparser.ConfigParser()
TOX.read(ROOT / "tox.ini")
CI = (ROOT / ".github/workflows/ci.yml").read_text()


def claimed(prefix):
    found = (re.fullmatch(rf"{prefix} :: (\d+\.\d+)", classifier) for classifier in PYPROJECT["classifiers"])
    return {match[1] for match in found if match}


def environments():
    """Each environment of tox with a version of Python and of Django."""
    listed = TOX["tox"]["env_list"]
    for python, one, several in re.findall(r"py3(\d+)-django(?:(\d+)|\{([\d,]+)\})", listed):
        for django in (one or several).split(","):
            yield f"3.{python}", f"{django[0]}.{django[1]}"


def test_each_claimed_version_is_one_that_tox_tests():
    assert {python for python, _django in environments()} == claimed("Programming Language :: Python")
    assert {django for _python, django in environments()} == claimed("Framework :: Django")


def test_ci_runs_each_environment_of_tox():
    for python, django in environments():
        environment = f"py{python.replace('.', '')}-django{django.replace('.', '')}"
        assert f'{{ python: "{python}", env: {environment} }}' in CI
    for environment in ("djangomain", "lowest", "noadmin", "redis", "docs"):
        assert f"env: {environment} }}" in CI
        assert f"testenv:{environment}" in TOX


def test_the_lowest_versions_are_those_that_are_promised():
    lowest = dict(re.findall(r"^(\S+)==(\S+)$", TOX["testenv:lowest"]["deps"], re.M))
    promised = dict(re.match(r"([\w-]+)>=([\d.]+)", one).groups() for one in PYPROJECT["dependencies"])
    assert lowest.keys() == promised.keys()
    for name, version in promised.items():
        assert re.fullmatch(rf"{re.escape(version)}(\.0)*", lowest[name]), name


def test_the_changelog_has_the_form_and_this_version():
    text = (ROOT / "CHANGELOG.md").read_text()
    heads = re.findall(r"^## (.*)$", text, re.M)
    assert heads[0] == "[Unreleased]"
    versions = [re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)", head) for head in heads[1:]]
    assert all(versions)
    assert all(date.fromisoformat(version[2]) for version in versions)
    assert not versions or versions[0][1] == __version__ or text.index("### ") < text.index(heads[1])
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.*)$", text, re.M)) <= kinds
    for head in heads:
        assert re.search(rf"^\{head.partition(']')[0]}\]: https://", text, re.M), head


@pytest.mark.parametrize("name", ["Documentation", "Repository", "Issues", "Changelog"])
def test_the_page_on_pypi_leads_on(name):
    assert PYPROJECT["urls"][name].startswith("https://")


def test_all_files_name_the_same_places_on_the_web():
    """Whoever moves the repository or the documentation changes pyproject.toml, and this test names the rest."""
    repository = PYPROJECT["urls"]["Repository"].removeprefix("https://github.com/")
    documentation = PYPROJECT["urls"]["Documentation"]
    files = [*PAGES, *(ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "pyproject.toml"))]
    for path in files:
        text = path.read_text()
        ours = r"github(?:usercontent)?\.com/([\w-]+/django-twocheckout)\b"
        assert set(re.findall(ours, text)) <= {repository}, path
        assert set(re.findall(r"https://[\w-]*twocheckout[\w-]*\.readthedocs\.io/", text)) <= {documentation}, path
