"""The architecture, as far as a machine can check it."""

from __future__ import annotations

import ast
import graphlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "django_twocheckout"


def test_layers():
    command = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    done = subprocess.run([command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_no_modules_import_each_other_in_a_circle():
    """Not even within a ring, where the layers say nothing."""
    graph = grimp.build_graph("django_twocheckout", exclude_type_checking_imports=True, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    graphlib.TopologicalSorter(imports).prepare()  # raises CycleError, which names the circle


def test_an_import_within_a_function_gives_its_reason():
    for path in PACKAGE.rglob("*.py"):
        lines = path.read_text().splitlines()
        for function in ast.walk(ast.parse("\n".join(lines))):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                inner = [node.lineno for node in ast.walk(function) if isinstance(node, ast.Import | ast.ImportFrom)]
                assert not inner or "#" in lines[min(inner) - 2], f"{path}:{min(inner)}"


def test_every_module_says_its_place():
    for path in PACKAGE.rglob("*.py"):
        if "migrations" not in path.parts and path.read_text().strip():
            assert path.read_text().startswith('"""'), path


def test_no_module_is_longer_than_300_lines():
    lines = {
        path.relative_to(PACKAGE): len(path.read_text().splitlines())
        for path in PACKAGE.rglob("*.py")
        if "migrations" not in path.parts
    }
    assert {path: count for path, count in lines.items() if count > 300} == {}


def test_no_function_is_longer_than_40_lines():
    """Its docstring is not counted: what a caller has to know may be long."""
    long = {}
    for path in PACKAGE.rglob("*.py"):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                first = function.body[0]
                begins = first.end_lineno + 1 if ast.get_docstring(function) else first.lineno
                head = first.lineno - function.lineno
                if (count := head + function.end_lineno - begins + 1) > 40:
                    long[f"{path.relative_to(PACKAGE)}: {function.name}"] = count
    assert long == {}


@pytest.mark.parametrize(
    ("pattern", "home"),
    [
        (r"^\s*(import|from) (requests|urllib3)\b", "client"),
        (r"\.status_code", "client testing"),  # of 2Checkout, and of the project
        (r"^\s*(import|from) django\.conf\b(?!\.urls)|^\s*from django import .*\bconf\b", "conf"),
    ],
)
def test_each_thing_has_its_home(pattern, home):
    for path in PACKAGE.rglob("*.py"):
        if path.relative_to(PACKAGE).parts[0] not in home.split():
            assert not re.search(pattern, path.read_text(), re.MULTILINE), path


def test_templates_need_no_inline_script_or_style():
    for path in PACKAGE.rglob("*.html"):
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", path.read_text()), path
